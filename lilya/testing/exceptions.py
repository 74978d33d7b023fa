"""What the test tools raise of their own. Everything else that reaches a test is the application's own exception.

LilyaException
+-- ASGISpecViolation    the application broke the ASGI specification (an AssertionError)
+-- LifespanFailed       `lifespan.*.failed` without an exception behind it (a RuntimeError)
+-- ResponseAborted      the application ended, or failed, in the middle of its response (a ConnectionError)
+-- HandshakeDenied      a websocket handshake was answered with an HTTP response (a WebSocketDisconnect)
+-- UncleanExit          something was left behind, or did not end (an AssertionError)
"""

from __future__ import annotations

from lilya.exceptions import LilyaException, WebSocketDisconnect
from lilya.types import RawHeaders

__all__ = ["ASGISpecViolation", "HandshakeDenied", "LifespanFailed", "ResponseAborted", "UncleanExit"]


class ASGISpecViolation(LilyaException, AssertionError):
    """The application broke the ASGI specification: what it did, what was allowed, and where the rule stands.

    Raised from `send`, where the fault is made, and, should the application swallow it there, from the call.
    """


class LifespanFailed(LilyaException, RuntimeError):
    """The application answered `lifespan.startup.failed` or `lifespan.shutdown.failed` and raised nothing."""


class ResponseAborted(LilyaException, ConnectionError):
    """The response ends before it is complete: a real server would have cut the connection."""


class UncleanExit(LilyaException, AssertionError):
    """An application's call left a task or an async generator behind, did not end, or raised what it should not."""


class HandshakeDenied(WebSocketDisconnect):
    """The handshake was refused with an HTTP response of `status`, `headers` and `body`."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        super().__init__(code=1006, reason=f"the handshake was answered with HTTP status {status}")
        self.status = status
        self.headers = headers
        self.body = body
