"""What the test tools raise of their own. Everything else that reaches a test is the application's own exception.

LilyaException
+-- ASGISpecViolation    the ASGI specification was broken, mostly by the application (an AssertionError)
+-- LifespanFailed       `lifespan.*.failed` without an exception behind it (a RuntimeError)
+-- LifespanTimeout      start-up or shutdown took longer than it may (a TimeoutError)
+-- ResponseAborted      the application ended, or failed, in the middle of its response (a ConnectionError)
+-- HandshakeDenied      a websocket handshake was answered with an HTTP response (a WebSocketDisconnect)
+-- UncleanExit          something was left behind, or did not end (an AssertionError)
"""

from __future__ import annotations

from typing import Literal

from lilya.exceptions import LilyaException, WebSocketDisconnect
from lilya.types import RawHeaders

__all__ = [
    "ASGISpecViolation",
    "HandshakeDenied",
    "LifespanFailed",
    "LifespanTimeout",
    "ResponseAborted",
    "UncleanExit",
]


class ASGISpecViolation(LilyaException, AssertionError):
    """The ASGI specification was broken: what was done, what was allowed, and the section where the rule stands.

    An application's fault is raised from `send`, where it is made, and, should the application swallow it there, from
    the call. `culprit` is "application" or, as only `lilya.testing.lint` can find, "server".
    """

    def __init__(self, fault: str, section: str, *, culprit: Literal["application", "server"] = "application") -> None:
        super().__init__(f"{fault} [{section}]")
        self.fault = fault
        self.section = section
        self.culprit = culprit


class LifespanFailed(LilyaException, RuntimeError):
    """The application answered `lifespan.startup.failed` or `lifespan.shutdown.failed` and raised nothing."""


class LifespanTimeout(LilyaException, TimeoutError):
    """The application did not come up, or did not stop, within its bound; it was cancelled."""


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
