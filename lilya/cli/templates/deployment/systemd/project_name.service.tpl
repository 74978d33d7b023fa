# /etc/systemd/system/@@project_name.service
[Unit]
Description=@@project_name
After=network.target

[Service]
Type=exec
WorkingDirectory=/srv/@@project_name
Environment=LILYA_SETTINGS_MODULE=@@settings
# SECRET_KEY and other secrets; readable by root alone.
EnvironmentFile=-/etc/@@project_name.env
ExecStart=/srv/@@project_name/.venv/bin/lilya --app @@app runserver --backend trio --bind unix:/run/@@project_name/@@project_name.sock --proxy-headers --drain-timeout 10
DynamicUser=yes
Group=www-data
RuntimeDirectory=@@project_name
UMask=0007
Restart=on-failure
RestartSec=1
# 3: the application did not start, and will not the next time.
RestartPreventExitStatus=2 3
# It drains for 10 s, and stops in 88 s at the longest.
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec=90
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
