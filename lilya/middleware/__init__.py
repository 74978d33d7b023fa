"""Middleware: pure ASGI layers."""

from lilya._define import DefineMiddleware

# The name it also goes by.
Middleware = DefineMiddleware

__all__ = ["DefineMiddleware", "Middleware"]
