"""Both ends of an ASGI connection in the hands of a test: no server, no client, no judge."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio
import anyio.lowlevel

from lilya.types import Message

__all__ = ["Wire"]


class Wire:
    """`receive` and `send` of one connection, for an application, or a part of one, that a test calls by hand:

        wire = Wire({"type": "http.request", "body": b"", "more_body": False})
        await app(http_scope("/"), wire.receive, wire.send)
        assert wire.body == b"hello"

    `receive` gives `messages` in their order and waits where there is none; `put` gives more, at any time. A disconnect
    it repeats, as servers do. `sent` is what was sent; `fail`, called with each message before it counts as sent, may
    raise. `received` counts the messages taken, `most_readers` how many tasks were in `receive` at once: a part that
    keeps to one reader never makes it 2. It judges nothing: `lint` does. Needs an event loop where it is made.
    """

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
        """As a server's: a checkpoint, then the next message. Cancelling it loses none."""
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
        """As a server's: what breaks breaks here; then the message is sent, and a checkpoint."""
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
