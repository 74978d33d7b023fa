"""The request, for code that has none at hand."""

from __future__ import annotations

from lilya._connection import Connection
from lilya._current import AROUND
from lilya.context import REQUEST, layer
from lilya.requests import Request
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["RequestContextMiddleware"]


class RequestContextMiddleware:
    """Lets `lilya.context.request_context` stand for the request, on a websocket for its `Connection`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes untouched."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        is_http = scope["type"] == "http"
        token = layer(scope, REQUEST, Request(scope, receive, send) if is_http else Connection(scope, receive))
        try:
            await self.app(scope, receive, send)
        finally:
            AROUND.reset(token)
