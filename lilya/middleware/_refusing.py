"""How a middleware refuses: by an exception, which whoever is responsible for exceptions where it stands answers.

Around a route, or an include, the layers outside of it are asked by raising. Around an application nobody is left
outside who would ask its handlers, so they are asked here. In another framework, whose handlers do not know our
exceptions, the answer is the one the exception has by itself.
"""

from __future__ import annotations

from typing import Any

from lilya._asgi.exchange import exchange_of
from lilya._handling.errors import answer, default_answer
from lilya.exceptions import HTTPException
from lilya.types import ExceptionHandlers, Receive, Scope, Send

__all__ = ["refuse_with"]


async def refuse_with(exc: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the handshake of a websocket, with what `exc` says. It is raised where others answer it."""
    if _is_inside_a_route(scope):
        raise exc
    if not await answer(exc, _handlers(scope), scope, receive, send):
        await default_answer(exc, scope, receive, send)


def _is_inside_a_route(scope: Scope) -> bool:
    """Whether layers of ours that answer exceptions stand nearer than any application."""
    exchange, route, app = exchange_of(scope), scope.get("route"), scope.get("app")
    if exchange is None or route is None or (app is not None and getattr(route, "app", None) is app):
        return False  # no connection of ours; no route; the route that leads to this very application
    return _is_ours(app) or app is exchange.scope.get("app")


def _handlers(scope: Scope) -> ExceptionHandlers:
    """Those of the application that is being entered, but for the last resort's."""
    app: Any = scope.get("app")
    if exchange_of(scope) is None or not _is_ours(app):
        return {}
    return {key: handler for key, handler in app.exception_handlers.items() if key is not Exception}


def _is_ours(app: object) -> bool:
    return hasattr(app, "drain")  # see `lilya.types.Drainable`; other frameworks have no such thing
