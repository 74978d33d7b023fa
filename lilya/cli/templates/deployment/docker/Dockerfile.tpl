# From the root of the project:
#
#     docker build -f @@deployment_folder/docker/Dockerfile -t @@project_name .
#     docker run --stop-timeout 90 -p 8000:8000 -e SECRET_KEY=... @@project_name
#
# Lilya drains for 10 s, and stops in 88 s at the longest. Docker kills after 10 s unless told otherwise: --stop-timeout.
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LILYA_SETTINGS_MODULE=@@settings

WORKDIR /srv/@@project_name

COPY requirements ./requirements
RUN python -m pip install --no-cache-dir -r requirements/base.txt

COPY @@project_name ./@@project_name

# Nobody: it needs no right but to read.
RUN useradd --system --no-create-home --shell /usr/sbin/nologin lilya
USER lilya

EXPOSE 8000
STOPSIGNAL SIGTERM

# Any answer but that of a server in trouble is one: /health says 503 while it drains.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health'); raise SystemExit(c.getresponse().status >= 500)"]

# In brackets: so Lilya is the first process, which gets the signals.
CMD ["lilya", "--app", "@@app", "runserver", "--backend", "trio", "--bind", "0.0.0.0:8000", "--drain-timeout", "10"]
