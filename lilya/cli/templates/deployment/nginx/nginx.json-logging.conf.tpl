# Put into /etc/nginx/conf.d: a line of JSON for each request.
log_format json escape=json
    '{'
    '"time":"$time_iso8601",'
    '"client":"$remote_addr",'
    '"method":"$request_method",'
    '"uri":"$uri",'
    '"status":$status,'
    '"bytes":$body_bytes_sent,'
    '"seconds":$request_time,'
    '"upstream_seconds":"$upstream_response_time",'
    '"user_agent":"$http_user_agent"'
    '}';

access_log /dev/stdout json;
