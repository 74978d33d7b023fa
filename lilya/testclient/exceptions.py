"""What the test clients raise of their own."""

from __future__ import annotations

from lilya.exceptions import WebSocketDisconnect
from lilya.testclient._httpx import httpx
from lilya.testing.exceptions import ASGISpecViolation, HandshakeDenied, LifespanFailed, LifespanTimeout

__all__ = ["ASGISpecViolation", "LifespanFailed", "LifespanTimeout", "WebSocketDenialResponse", "WebSocketDisconnect"]


# Both bases can be pickled, each in its own way; this one is not meant to be.
class WebSocketDenialResponse(httpx.Response, WebSocketDisconnect):  # type: ignore[misc]
    """The handshake was answered with an HTTP response: that response, and a `WebSocketDisconnect` (code 1006)."""

    def __init__(self, denied: HandshakeDenied, request: httpx.Request) -> None:
        WebSocketDisconnect.__init__(self, denied.code, denied.reason)
        httpx.Response.__init__(
            self, status_code=denied.status, headers=denied.headers, content=denied.body, request=request
        )
