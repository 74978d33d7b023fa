"""A `g` of one's own, where no application gives one: around a part used alone, and in the lifespan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lilya._connection import Connection
from lilya._current import AROUND, GLOBALS
from lilya.concurrency.threads import enforce_async_callable
from lilya.context import G, layer
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["GlobalContextMiddleware", "LifespanGlobalContextMiddleware"]


class GlobalContextMiddleware:
    """Gives every request and every websocket a fresh `lilya.context.g`.

    Args:
        app: what sees it.
        populate_context: called with the `Connection`, sync (in a thread) or async; the mapping it returns is what `g`
            holds to begin with.
    """

    def __init__(
        self, app: ASGIApp, populate_context: Callable[[Connection], Mapping[str, Any] | Any] | None = None
    ) -> None:
        self.app = app
        self._populate = None if populate_context is None else enforce_async_callable(populate_context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside a `g` of its own; a lifespan passes untouched."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        initial = {} if self._populate is None else await self._populate(Connection(scope, receive))
        token = layer(scope, GLOBALS, G(dict(initial)))
        try:
            await self.app(scope, receive, send)
        finally:
            AROUND.reset(token)


class LifespanGlobalContextMiddleware:
    """Gives the lifespan a `lilya.context.g`, which the tasks of the application's nursery see, too.

    A lifespan does not pass through the middleware of an application: put it around,
    `app = LifespanGlobalContextMiddleware(Lilya(...))`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the lifespan inside a `g` of its own; requests and websockets pass untouched."""
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)
        token = layer(scope, GLOBALS, G())
        try:
            await self.app(scope, receive, send)
        finally:
            AROUND.reset(token)
