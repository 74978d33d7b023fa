"""A layer to be found by its dotted path."""

from __future__ import annotations

from lilya.types import ASGIApp, Receive, Scope, Send


class Passes:
    """Passes everything on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        await self.app(scope, receive, send)
