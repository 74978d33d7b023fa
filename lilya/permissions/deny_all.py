"""Nobody."""

from __future__ import annotations

from lilya.exceptions import NotAuthorized
from lilya.permissions.base import BasePermission
from lilya.types import Receive, Scope, Send

__all__ = ["DenyAll"]


class DenyAll(BasePermission):
    """Refuses every request and every websocket with `NotAuthorized` (401); a lifespan passes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `NotAuthorized`."""
        if scope["type"] in ("http", "websocket"):
            raise NotAuthorized()
        await self.app(scope, receive, send)
