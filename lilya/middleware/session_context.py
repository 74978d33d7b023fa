"""The session, for code that has no request at hand."""

from __future__ import annotations

import re

from lilya._current import AROUND
from lilya.context import SESSION, layer
from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["SessionContextMiddleware"]


class SessionContextMiddleware:
    """Lets `lilya.context.session` stand for the session, which a `SessionMiddleware` outside of it has loaded.

    Args:
        app: what sees it.
        sub_path: where in the session, as keys joined by dots or slashes: with "shop.cart" what is set as `a` is kept
            in `session["shop"]["cart"]["a"]`.
    """

    def __init__(self, app: ASGIApp, sub_path: str = "") -> None:
        self.app = app
        self._keys = tuple(key for key in re.split(r"[./]", sub_path) if key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes untouched. Raises `ImproperlyConfigured` where there is no session."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if "session" not in scope:
            raise ImproperlyConfigured("SessionMiddleware must be installed, outside of SessionContextMiddleware")
        token = layer(scope, SESSION, (scope, self._keys))
        try:
            await self.app(scope, receive, send)
        finally:
            AROUND.reset(token)
