# From your package index. A checkout or a wheel is a path instead: lilya[server,cli,reload] @ file:///path
lilya[server,cli,reload]>=@@lilya_version
