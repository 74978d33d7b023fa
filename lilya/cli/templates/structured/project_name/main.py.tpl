"""The application."""

from __future__ import annotations

from lilya.apps import Lilya
from lilya.contrib.health import Ready
from lilya.routing import Include


def get_application() -> Lilya:
    """Make the application, with the settings that LILYA_SETTINGS_MODULE names."""
    return Lilya(
        routes=[
            Include("/health", app=Ready()),  # for a load balancer: 503 as soon as we are being stopped
            Include("/", namespace="@@project_name.urls"),
        ]
    )


app = get_application()
