# supervisord -c supervisord.conf: nginx, and Lilya behind it. Before:
#
#     install -d -o www-data -g www-data /run/@@project_name
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
user = root

[program:@@project_name]
command = lilya --app @@app runserver --backend trio --server hypercorn --bind unix:/run/@@project_name/@@project_name.sock --proxy-headers --drain-timeout 10
directory = /srv/@@project_name
environment = LILYA_SETTINGS_MODULE="@@settings"
user = www-data
autorestart = unexpected
exitcodes = 0
# It drains for 10 s, and stops in 88 s at the longest.
stopsignal = TERM
stopwaitsecs = 90
stdout_logfile = /dev/stdout
stdout_logfile_maxbytes = 0
redirect_stderr = true

[program:nginx]
command = nginx -g "daemon off;"
autorestart = true
# QUIT is nginx's orderly stop. Of lower priority: it starts first, and stops last.
stopsignal = QUIT
stopwaitsecs = 90
priority = 100
stdout_logfile = /dev/stdout
stdout_logfile_maxbytes = 0
redirect_stderr = true
