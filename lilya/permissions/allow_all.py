"""Everybody."""

from __future__ import annotations

from lilya.permissions.base import BasePermission
from lilya.types import Receive, Scope, Send

__all__ = ["AllowAll"]


class AllowAll(BasePermission):
    """Lets everything through: what says plainly that a route is open."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside."""
        await self.app(scope, receive, send)
