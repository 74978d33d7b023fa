"""Permissions: layers that forward or refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya._define import DefinePermission
    from lilya.permissions.base import BasePermission

    # The name it also goes by.
    Permission = DefinePermission
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "lilya._define": "DefinePermission Permission=DefinePermission",
            ".base": "BasePermission",
        },
    )

__all__ = ["BasePermission", "DefinePermission", "Permission"]
