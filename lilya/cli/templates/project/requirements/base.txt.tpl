lilya[server,cli,reload]>=@@lilya_version
