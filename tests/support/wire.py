"""The two ends of an ASGI connection, played by a test: what the server gives, and what the application sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import anyio

from lilya.types import Message, Scope


class Wire:
    """`receive` and `send` of one connection. Messages not given yet are waited for; `put` gives one more."""

    def __init__(self, *messages: Message) -> None:
        self.messages = deque(messages)
        self.sent: list[Message] = []
        self.received = 0
        self.readers = 0  # how many are in `receive` at this moment
        self.most_readers = 0
        self.fail: Callable[[Message], None] = lambda message: None
        self._news = anyio.Event()

    def put(self, *messages: Message) -> None:
        """Give these messages; whoever waits gets them."""
        self.messages.extend(messages)
        self._news.set()
        self._news = anyio.Event()

    async def receive(self) -> Message:
        """Like a server's: a checkpoint, then the next message."""
        self.readers += 1
        self.most_readers = max(self.most_readers, self.readers)
        try:
            await anyio.lowlevel.checkpoint()
            while not self.messages:
                await self._news.wait()
        finally:
            self.readers -= 1
        self.received += 1
        message = self.messages[0]
        if message["type"].endswith(".disconnect"):
            return message  # servers repeat it
        return self.messages.popleft()

    async def send(self, message: Message) -> None:
        """Like a server's: what breaks breaks here; a checkpoint."""
        self.fail(message)
        self.sent.append(message)
        await anyio.lowlevel.checkpoint()

    @property
    def types(self) -> list[str]:
        """The types of what was sent."""
        return [message["type"] for message in self.sent]

    @property
    def status(self) -> int:
        """The status that was sent."""
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        """All of the body that was sent."""
        return b"".join(message.get("body", b"") for message in self.sent)


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
