"""Tools for testing ASGI applications, whatever they are written with."""

from lilya.testing.exceptions import ASGISpecViolation, HandshakeDenied, LifespanFailed, ResponseAborted
from lilya.testing.exchange import MemoryExchange, ResponseHead
from lilya.testing.lifespan import MemoryLifespan
from lilya.testing.options import DEFAULT_EXTENSIONS, ServerOptions
from lilya.testing.server import MemoryServer, http_scope, websocket_scope
from lilya.testing.websocket import MemoryWebSocket

__all__ = [
    "DEFAULT_EXTENSIONS",
    "ASGISpecViolation",
    "HandshakeDenied",
    "LifespanFailed",
    "MemoryExchange",
    "MemoryLifespan",
    "MemoryServer",
    "MemoryWebSocket",
    "ResponseAborted",
    "ResponseHead",
    "ServerOptions",
    "http_scope",
    "websocket_scope",
]
