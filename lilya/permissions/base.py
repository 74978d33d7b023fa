"""What permissions inherit from to be composed as classes."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any

from lilya._define import DefinePermission
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["BasePermission", "PermissionType"]


class PermissionType(ABCMeta):
    """The class of permission classes: `|`, `&` and `~` make a `DefinePermission` of them."""

    def __or__(cls, other: Any) -> Any:
        return DefinePermission(cls).__or__(other)

    def __ror__(cls, other: Any) -> Any:
        return DefinePermission(cls).__ror__(other)

    def __and__(cls, other: Any) -> DefinePermission:
        return DefinePermission(cls).__and__(other)

    def __rand__(cls, other: Any) -> DefinePermission:
        return DefinePermission(cls).__rand__(other)

    def __invert__(cls) -> DefinePermission:
        return ~DefinePermission(cls)


class BasePermission(metaclass=PermissionType):
    """A permission: calls `self.app` for who may pass, and raises for who may not.

        class IsAdmin(BasePermission):
            async def __call__(self, scope, receive, send):
                if not scope["user"].is_admin:
                    raise PermissionDenied()
                await self.app(scope, receive, send)

        Path("/report", report, permissions=[IsAdmin | IsAuditor])

    Any class of this shape is a permission; those that inherit from it can be composed as they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    @abstractmethod
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call `self.app`, or raise, normally `PermissionDenied`."""
