"""Kept for applications that still list it."""

from __future__ import annotations

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["ApplicationSettingsMiddleware"]


class ApplicationSettingsMiddleware:
    """Does nothing: an application makes its settings current by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside."""
        await self.app(scope, receive, send)
