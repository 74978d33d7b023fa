"""Exceptions become answers, as an application of ours does it: a layer to be put around any ASGI app."""

from __future__ import annotations

from lilya._asgi.exchange import exchange_of, run_alone
from lilya._handling.errors import answer, default_answer, rescue_with
from lilya._handling.refusing import RESCUED
from lilya.types import ASGIApp, ExceptionHandler, ExceptionHandlers, Receive, Scope, Send

__all__ = ["ExceptionMiddleware"]


class ExceptionMiddleware:
    """Answers what the app inside raises: by `handlers`, and `HTTPException` and `WebSocketException` as they say.

    A status comes before a class, and of the classes the most specific. What nobody handles is raised. `Lilya` has this
    layer around its routes already; use it outside, or in another framework, where it keeps the same promises: what a
    middleware of ours further in refuses comes here first. `debug` is kept for those who ask for it: an exception that
    is answered needs no page.
    """

    def __init__(self, app: ASGIApp, handlers: ExceptionHandlers | None = None, debug: bool = False) -> None:
        self.app = app
        self.debug = debug
        self.handlers = dict(handlers or {})

    def add_exception_handler(
        self, exception_cls_or_status_code: int | type[Exception], handler: ExceptionHandler
    ) -> None:
        """Let `handler`, sync or async, answer a status or an exception class."""
        self.handlers[exception_cls_or_status_code] = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes untouched. Cancellation passes."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if exchange_of(scope) is None:
            return await run_alone(self, scope, receive, send)
        before = {RESCUED: scope[RESCUED]} if RESCUED in scope else {}
        scope[RESCUED] = scope.get("app")
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            await rescue_with(self._rescue, exc, scope, receive, send)
        finally:
            del scope[RESCUED]
            scope.update(before)

    async def _rescue(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
        found = await answer(exc, self.handlers, scope, receive, send)
        return found or await default_answer(exc, scope, receive, send)
