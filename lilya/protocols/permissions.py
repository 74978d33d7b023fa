"""What a permission is: a class made once around an ASGI app, which it calls, or else raises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["PermissionProtocol"]


@runtime_checkable
class PermissionProtocol(Protocol):
    """Inherit from it or not; `DefinePermission` takes any class of this shape.

    Args:
        app: what it guards; comes first, positionally.
        args, kwargs: those given to `DefinePermission`.
    """

    app: ASGIApp

    def __init__(self, app: ASGIApp, *args: Any, **kwargs: Any) -> None:
        self.app = app

    @abstractmethod
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call `self.app` for who may pass; for who may not raise, normally `PermissionDenied`."""
