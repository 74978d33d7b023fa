"""How a layer refuses: by an `HTTPException`, answered by whoever answers exceptions where the layer stands.

| where the layer stands | what becomes of its refusal |
|---|---|
| on a route or an include, or inside an exception middleware of ours | raised, to the nearest layer with a handler |
| around an application of ours | answered in place, by the handlers of that application or by what it says itself |
| in another framework, or alone | answered in place, by what it says itself |
| any of them, when the response has started | raised |

In place, that is not by raising it further out: so the layers outside, such as that of CORS, still see the answer.
"""

from __future__ import annotations

from typing import Final

from lilya._asgi.exchange import exchange_of, run_alone
from lilya._handling.errors import answer, default_answer, deny
from lilya.exceptions import HTTPException
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send

__all__ = ["RESCUED", "Refusing", "in_application", "is_rescued", "refuse_with", "send_refusal"]

# The scope key of a layer outside any route that answers exceptions: the `scope["app"]` it was entered with.
RESCUED: Final = "lilya.rescued"


def in_application(scope: Scope) -> bool:
    """Whether the nearest application above is one of ours, and no other framework stands in between."""
    return exchange_of(scope) is not None and hasattr(scope.get("app"), "lifespan_parts")


def is_rescued(scope: Scope) -> bool:
    """Whether a layer of ours further out answers what is raised here, with no other framework in between.

    To be asked on the way in: routing says in the same scope what matched.
    """
    if exchange_of(scope) is None:
        return False
    app = scope.get("app")
    return (RESCUED in scope and scope[RESCUED] is app) or ("route" in scope and hasattr(app, "lifespan_parts"))


def handlers_here(scope: Scope) -> ExceptionHandlers | None:
    """Who answers in place what is refused here; None: it is raised. To be asked on the way in, as `is_rescued`."""
    if is_rescued(scope):
        return None
    if not in_application(scope):
        return {}
    # As in an application: the one for every `Exception` is the last resort's.
    return {key: handler for key, handler in scope["app"].exception_handlers.items() if key is not Exception}


async def refuse_with(exc: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a request, or the handshake of a websocket; see the table above. Nothing has been called inside."""
    if not await _answer(exc, handlers_here(scope), scope, receive, send):
        raise exc


async def _answer(
    exc: HTTPException, handlers: ExceptionHandlers | None, scope: Scope, receive: Receive, send: Send
) -> bool:
    if handlers is None:
        return False
    return await answer(exc, handlers, scope, receive, send) or await default_answer(exc, scope, receive, send)


async def send_refusal(response: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response that is nobody's to change, such as a redirect; to a handshake as `deny` does."""
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await deny(response, scope, receive, send)


class Refusing:
    """For a layer that refuses by raising `refusal`, also after it has called what is inside."""

    __slots__ = ("app", "refusal")

    def __init__(self, app: ASGIApp, refusal: type[HTTPException]) -> None:
        self.app = app
        self.refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the layer; answer what it raises. Cancellation passes."""
        if exchange_of(scope) is None:  # which knows what is out already
            return await run_alone(self, scope, receive, send)
        handlers = handlers_here(scope)
        try:
            await self.app(scope, receive, send)
        except self.refusal as exc:
            if not await _answer(exc, handlers, scope, receive, send):
                raise
