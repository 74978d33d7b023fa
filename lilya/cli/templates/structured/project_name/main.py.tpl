"""The application."""

from __future__ import annotations

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path


async def health(request: Request) -> PlainText:
    """For a load balancer: no, as soon as we are being stopped."""
    return PlainText("stopping" if request.draining else "ready", status_code=503 if request.draining else 200)


def get_application() -> Lilya:
    """Make the application, with the settings that LILYA_SETTINGS_MODULE names."""
    return Lilya(routes=[Path("/health", health), Include("/", namespace="@@project_name.urls")])


app = get_application()
