"""Short words for what a server hands to a part that a test calls by hand: scopes and messages for a `Wire`."""

from __future__ import annotations

from typing import Any

from lilya.testing.wire import Wire
from lilya.types import Message, Scope

__all__ = ["CONNECT", "GONE", "Wire", "http_scope", "left", "request", "text", "websocket_scope"]


def http_scope(path: str = "/", method: str = "GET", **more: Any) -> Scope:
    """The scope of an HTTP request, as servers make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"example.org")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "state": {},
        "extensions": {},
        **more,
    }


def websocket_scope(path: str = "/", **more: Any) -> Scope:
    """The scope of a websocket, as servers make it."""
    scope = {**http_scope(path), "type": "websocket", "scheme": "ws", "subprotocols": [], **more}
    del scope["method"]
    return scope


def request(body: bytes = b"", more: bool = False) -> Message:
    """A piece of a request body."""
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}
CONNECT: Message = {"type": "websocket.connect"}


def text(data: str) -> Message:
    """A text message from the client."""
    return {"type": "websocket.receive", "text": data}


def left(code: int = 1001, reason: str = "") -> Message:
    """The end of a websocket."""
    return {"type": "websocket.disconnect", "code": code, "reason": reason}
