"""What a middleware is: a class made once around an ASGI app, and an ASGI app itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["MiddlewareProtocol"]


@runtime_checkable
class MiddlewareProtocol(Protocol):
    """Inherit from it or not; `DefineMiddleware` takes any class of this shape.

    Args:
        app: what it wraps; comes first, positionally.
        args, kwargs: those given to `DefineMiddleware`.
    """

    app: ASGIApp

    def __init__(self, app: ASGIApp, *args: Any, **kwargs: Any) -> None:
        self.app = app

    @abstractmethod
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as a rule by calling `self.app`."""
