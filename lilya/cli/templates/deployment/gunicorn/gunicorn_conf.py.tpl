"""For gunicorn, which runs asyncio alone; what the other files start is `lilya runserver`, on trio.

gunicorn -c gunicorn_conf.py @@app    (it needs gunicorn and uvicorn-worker)
"""

from __future__ import annotations

import multiprocessing
import os

loglevel = os.environ.get("LOG_LEVEL", "info")

_host = os.environ.get("HOST")
_port = os.environ.get("PORT", "8000")
_socket = "unix:/var/www/@@project_name.sock"
bind = os.environ.get("BIND") or (f"{_host}:{_port}" if _host else _socket)

keepalive = int(os.environ.get("KEEP_ALIVE", "65"))
timeout = int(os.environ.get("TIMEOUT", "60"))
# Requests under way at a stop.
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT", "10"))
forwarded_allow_ips = os.environ.get("FORWARD_ALLOW_IPS", "127.0.0.1")

worker_class = os.environ.get("WORKER_CLASS", "uvicorn_worker.UvicornWorker")
user = os.environ.get("USER", "www-data")
group = os.environ.get("GROUP", "www-data")

_per_core = float(os.environ.get("WORKERS_PER_CORE", "1"))
_wanted = int(os.environ.get("WEB_CONCURRENCY") or max(2, int(_per_core * multiprocessing.cpu_count())))
workers = min(_wanted, int(os.environ.get("MAX_WORKERS", _wanted)))

accesslog = "-"
errorlog = "-"
