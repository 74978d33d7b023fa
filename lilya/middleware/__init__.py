"""Middleware: pure ASGI layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya._define import DefineMiddleware

    # The name it also goes by.
    Middleware = DefineMiddleware
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "lilya._define": "DefineMiddleware Middleware=DefineMiddleware",
        },
    )

__all__ = ["DefineMiddleware", "Middleware"]
