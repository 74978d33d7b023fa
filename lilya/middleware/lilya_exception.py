"""Exception handlers around an application of any framework, its middleware included."""

from __future__ import annotations

from lilya._asgi.exchange import exchange_of, is_departure, run_alone
from lilya._handling.errors import answer, default_answer, last_resort
from lilya.concurrency.nursery import raise_plain, unwrap
from lilya.types import ASGIApp, ExceptionHandler, ExceptionHandlers, Receive, Scope, Send

__all__ = ["LilyaExceptionMiddleware"]


class LilyaExceptionMiddleware:
    """Answers what the layers inside raise, middleware included, by `handlers`, sync (in a thread) or async.

    A status comes before a class, and of the classes the most specific. `HTTPException` and `WebSocketException` are
    answered as they say. Anything else is an accident: it is answered by the handler for 500 or for `Exception`, or
    with a line that says nothing about it, and raised on, for the server to log.

    `Lilya(enable_intercept_global_exceptions=True)` lets its own handlers do the same; use this around others.
    """

    def __init__(self, app: ASGIApp, handlers: ExceptionHandlers | None = None) -> None:
        self.app = app
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
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            plain = unwrap(exc)
            if not isinstance(plain, Exception) or is_departure(plain):
                raise_plain(plain)
            if not await self._answer(plain, scope, receive, send):
                raise_plain(plain)

    async def _answer(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
        handlers = {key: handler for key, handler in self.handlers.items() if key is not Exception}
        if await answer(exc, handlers, scope, receive, send) or await default_answer(exc, scope, receive, send):
            return True
        last = self.handlers.get(500) or self.handlers.get(Exception)
        await last_resort(exc, last, False, scope, receive, send)
        return False
