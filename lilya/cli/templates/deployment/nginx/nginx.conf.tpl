user www-data;
worker_processes auto;
pid /run/nginx.pid;
# How long a connection may last once nginx was told to stop: as long as Lilya may take.
worker_shutdown_timeout 90s;

events {
    worker_connections 4096;
}

http {
    include /etc/nginx/mime.types;
    include /etc/nginx/conf.d/*.conf;
    default_type application/octet-stream;
    sendfile on;
    server_tokens off;
    keepalive_timeout 65s;
    client_max_body_size 20m;

    # A websocket is an upgrade; anything else keeps its connection to Lilya.
    map $http_upgrade $connection_upgrade {
        default upgrade;
        "" "";
    }

    upstream @@project_name {
        server unix:/run/@@project_name/@@project_name.sock fail_timeout=0;
        keepalive 32;
    }

    server {
        listen 80;
        server_name _;

        location / {
            proxy_pass http://@@project_name;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            # Server-sent events and other streams go on as they come, uploads and the client's leaving are seen at once.
            proxy_buffering off;
            proxy_request_buffering off;
            # Longer than the longest silence: polls of 25 s, pings of 15 s.
            proxy_read_timeout 75s;
            proxy_send_timeout 75s;
        }
    }
}
