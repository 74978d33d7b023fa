"""Exception handlers around an application of any framework, its middleware included."""

from __future__ import annotations

from lilya._asgi.exchange import is_departure
from lilya._handling.errors import answer, default_answer, last_resort
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send

__all__ = ["LilyaExceptionMiddleware"]


class LilyaExceptionMiddleware(ExceptionMiddleware):
    """Answers what the layers inside raise, middleware included, by `handlers`, sync (in a thread) or async.

    A status comes before a class, and of the classes the most specific. `HTTPException` and `WebSocketException` are
    answered as they say. Anything else is an accident: it is answered by the handler for 500 or for `Exception`, or
    with a line that says nothing about it, and raised on, for the server to log.

    `Lilya(enable_intercept_global_exceptions=True)` lets its own handlers do the same; use this around others.
    """

    def __init__(self, app: ASGIApp, handlers: ExceptionHandlers | None = None) -> None:
        super().__init__(app, handlers)

    async def _rescue(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
        handlers = {key: handler for key, handler in self.handlers.items() if key is not Exception}
        if await answer(exc, handlers, scope, receive, send) or await default_answer(exc, scope, receive, send):
            return True
        if not is_departure(exc):
            last = self.handlers.get(500) or self.handlers.get(Exception)
            await last_resort(exc, last, False, scope, receive, send)
        return False
