"""The last resort: what nobody handled is answered with 500, as an application of ours does it."""

from __future__ import annotations

from lilya._asgi.exchange import exchange_of, is_departure, run_alone
from lilya._handling.errors import last_resort, rescue_with
from lilya.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

__all__ = ["ServerErrorMiddleware"]


class ServerErrorMiddleware:
    """Answers whatever the app inside raises with 500, and raises it on, so that the server logs it.

    With `debug` the answer is a page with all there is to know, or text for who does not want HTML; else what
    `handler`, sync or async, makes of it; else a line of text, or problem details (RFC 9457) for who prefers these. A
    websocket is closed with 1011, or refused. `Lilya` does this by itself; use it outside, or in another framework.
    """

    def __init__(self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False) -> None:
        self.app = app
        self.handler = handler
        self.debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes untouched. Cancellation passes."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if exchange_of(scope) is None:
            return await run_alone(self, scope, receive, send)
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            await rescue_with(self._rescue, exc, scope, receive, send)

    async def _rescue(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
        if not is_departure(exc):
            await last_resort(exc, self.handler, self.debug, scope, receive, send)
        return False
