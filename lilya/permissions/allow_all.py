"""Everybody."""

from __future__ import annotations

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["AllowAll"]


class AllowAll:
    """Lets everything through: what says plainly that a route is open."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside."""
        await self.app(scope, receive, send)
