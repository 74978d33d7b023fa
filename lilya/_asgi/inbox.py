"""The one reader of a connection.

Exactly one object per connection calls the server's `receive`: this one. Whoever else wants messages asks here, so
nothing is eaten, everything can be replayed, and everybody learns of the disconnect.

A message is read in one of two ways, never in both at once: by whoever waits for it (`next`, when nobody else reads),
or ahead of everybody by the reader (`read_ahead`), which exists only while somebody must learn of the disconnect who is
not receiving. Taking a message from the queue has no await in it: a cancelled `next` loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import anyio

from lilya._sansio.http import READING as PIECES
from lilya.exceptions import ClientDisconnect, ContentTooLarge
from lilya.types import Message, Receive

__all__ = ["IDLE", "MESSAGE_COST", "NOBODY", "READING", "READ_AHEAD", "BodyStream", "Inbox", "Owner"]

# How far the reader may run ahead of the handler, in bytes: enough for the rest of any usual request, so that its
# disconnect is seen; small beside what a server buffers itself. Beyond it the reader stops and TCP holds the client.
READ_AHEAD = 256 * 1024
# What a message weighs besides its payload, so that a flood of empty ones is bounded too: 2,048 of them.
MESSAGE_COST = 128

DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect"})

# What keeps an inbox `busy`: nothing; a caller that is inside the server's `receive`; the reader, what waits, the end.
IDLE: Final = 0
READING: Final = 1
ORDERED: Final = 2


class Owner(Protocol):
    """Whom an inbox tells what it sees."""

    def disconnected(self) -> None:
        """The disconnect has come. Called once, from whichever task read it."""

    def resumed(self) -> None:
        """Somebody received while nobody watched the exchange, and does not receive any more."""


class Nobody:
    """The owner of an inbox that is no connection's, or that has outlived it."""

    def disconnected(self) -> None:
        """Nobody is told."""

    def resumed(self) -> None:
        """Nobody watches."""


NOBODY = Nobody()


def no_piece(message: Message) -> Exception:
    """What to raise for a message that is no piece of the body: the client has left, or the server is at fault."""
    if message["type"] == "http.disconnect":
        return ClientDisconnect(detail="the client left before the request body was complete")
    return RuntimeError(f"Expected ASGI message {PIECES.expected()}, but got {message['type']!r}.")


def weight(message: Message) -> int:
    """What a message counts against the bound, in bytes (a str counts its characters)."""
    payload = message.get("body") or message.get("bytes") or message.get("text")
    return MESSAGE_COST + len(payload) if payload else MESSAGE_COST


class Inbox:
    """Reads a connection's messages, in order, for everybody who wants them. `limit` is in bytes."""

    __slots__ = (
        "_body",
        "_changed",
        "_collecting",
        "_error",
        "_owner",
        "_parts",
        "_parts_more",
        "_parts_size",
        "_queue",
        "_replayed",
        "_size",
        "_streamed",
        "_waiting",
        "ahead",
        "busy",
        "disconnect",
        "ended",
        "limit",
        "noted",
        "source",
        "taken",
    )

    def __init__(self, receive: Receive, owner: Owner, limit: int = READ_AHEAD) -> None:
        self.source = receive
        self._owner = owner
        self.limit = limit
        self.disconnect: Message | None = None
        self.taken = False  # a message was taken; whoever cares may reset it
        self.noted = True  # nothing was taken since this was set: the next to take a message says so, by `note_taken`
        # Whether asking the server is not all there is to `next`: somebody reads, something waits, or it is over.
        self.busy = IDLE
        # A list: it holds next to nothing in most of ten thousand connections, where each deque would take 600 bytes.
        self._queue: list[Message] = []
        self._size = 0
        self.ahead = False  # a reader is at work
        self._waiting = 0  # how many wait for what somebody else reads
        self._changed: anyio.Event | None = None  # exists while someone waits for news
        self.ended = False  # nothing more will come: the disconnect came, or `receive` failed
        self._error: Exception | None = None
        self._body: bytes | None = None
        self._parts: list[bytes] | None = None  # of the body, where it comes in several
        self._parts_size = 0
        self._parts_more = True
        self._collecting = False
        self._streamed = False  # a piece of the body was handed out and is not kept
        self._replayed = False  # the kept body was given once more, as a message

    # -- messages ---------------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether no message waits to be taken (the disconnect does not count)."""
        return not self._queue

    @property
    def receiving(self) -> bool:
        """Whether somebody waits for a message."""
        return self._waiting > 0 or self.busy == READING

    def _settle(self) -> None:
        """Find out what there is besides asking the server; whoever is inside its `receive` does it afterwards."""
        if self.busy != READING:
            self.busy = ORDERED if self._queue or self.ended or self.ahead else IDLE

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _news(self) -> None:
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def end(self, message: Message) -> None:
        """The disconnect message came."""
        if self.disconnect is None:
            self.disconnect = message
            self.ended = True
            self.busy = ORDERED
            self._owner.disconnected()
        self._notify()

    async def next(self) -> Message:
        """The next message; the disconnect, once it came, for ever. Cancelling it loses nothing.

        What the server's `receive` raised is raised here, to everyone who asks.
        """
        if self.busy:
            message = await self._next_in_turn()
        else:
            # Nobody reads: the caller is the reader, for one message.
            self.busy = READING
            try:
                message = await self.source()
            except BaseException as exc:
                self.read_failed(exc)
                raise
            self.busy = IDLE
            if message["type"] in DISCONNECTS:
                self.taken = True  # the caller is being told by this very message
                self.end(message)
        if self.noted:
            self.note_taken()
        return message

    def read_failed(self, exc: BaseException) -> None:
        """A caller that found nobody `busy`, and so asked the `source` itself, got an exception.

        It was cancelled, or the server's channel broke.
        """
        self.busy = IDLE
        if isinstance(exc, Exception):
            self._fail(exc)
        self._settle()
        self._notify()

    def note_taken(self) -> None:
        """A message was taken, the first since it was `noted` that none was."""
        self.noted = False
        self.taken = True
        if self._queue or self.ended or self.ahead:
            self._settle()
        if self._changed is not None:
            self._notify()  # who waited for somebody else's reading takes it over
        self._owner.resumed()

    async def _next_in_turn(self) -> Message:
        while self.busy:
            if self._queue:
                return self._pop()
            if self.disconnect is not None:
                return self.disconnect
            if self._error is not None:
                raise self._error
            self._waiting += 1
            self.noted = True
            try:
                await self._news()
            finally:
                self._waiting -= 1
        return await self.next()

    def _pop(self) -> Message:
        message = self._queue.pop(0)
        if self._size > self.limit:
            self._notify()
        self._size -= weight(message)
        self._settle()
        return message

    def disown(self) -> None:
        """The owner is over, and hears of nothing any more (the two would hold each other)."""
        self._owner = NOBODY

    def _fail(self, error: Exception) -> None:
        """The server's channel broke, or a layer's own `receive` failed: whoever receives shall see it."""
        self._error = error
        self.ended = True
        self.busy = ORDERED
        self._notify()

    async def read_ahead(self) -> None:
        """Read until the disconnect, within the bound; returns when it came, or `receive` failed.

        Run by the reader's task, or by who has nothing else to do. Cancelling it loses nothing; another goes on.
        """
        while self.busy == READING or self.ahead:
            await self._news()  # somebody waits in the server's `receive` now; the next message is the reader's
        if self.ended:
            return
        self.busy = ORDERED
        self.ahead = True
        try:
            while not self.ended:
                if self._size > self.limit:
                    await self._news()
                    continue
                message = await self.source()
                if message["type"] in DISCONNECTS:
                    self.end(message)
                else:
                    self._queue.append(message)
                    self._size += weight(message)
                    self._notify()
        except Exception as error:
            self._fail(error)
        finally:
            self.ahead = False
            self._settle()
            self._notify()

    # -- what an ASGI app sees --------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """ASGI `receive` for the layers further in: after `body` the whole body is there once more, as one message."""
        if self._body is not None and not self._replayed:
            self._replayed = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        message = await self.next()
        if message["type"] == "http.request":
            self._streamed = True
        return message

    async def peek(self) -> Message:
        """The message `receive` would give, left in place."""
        if self._body is not None and not self._replayed:
            return {"type": "http.request", "body": self._body, "more_body": False}
        message = await self.next()
        if message["type"] not in DISCONNECTS:
            self._put_back([message])
        return message

    def _put_back(self, messages: Sequence[Message]) -> None:
        """What was taken shall be taken once more, by whoever comes."""
        if messages:
            self._queue[:0] = messages
            self._size += sum(map(weight, messages))
            if self.busy == READING:
                self.noted = True  # who reads at this moment takes note of them when it has its message
            self._settle()
            self._notify()

    # -- the request body -------------------------------------------------------------------------------------------

    async def body(self, max_size: int | None = None) -> bytes:
        """The whole body, kept. Any number of tasks may ask at once, one collects.

        Raises `ContentTooLarge` when more than `max_size` bytes (None: any number) had to be read for it,
        `ClientDisconnect` when the client left before its end, `RuntimeError` when it was streamed. A collector that is
        cancelled, or has enough, loses nothing: the next goes on where it stopped.
        """
        if self._body is not None:
            return self._body
        if self.busy or self._streamed or self._collecting or self._parts:
            return await self._collect(max_size)
        # Most bodies are one message, and nobody else reads: what `next` and `_collect` do, with two coroutines less.
        self.busy = READING
        self._collecting = True
        try:
            message = await self.source()
        except BaseException as exc:
            self._collecting = False
            self.read_failed(exc)
            raise
        self.busy = IDLE
        self._collecting = False
        is_piece = message["type"] == "http.request"
        if not is_piece and message["type"] in DISCONNECTS:
            self.taken = True  # the caller is being told
            self.end(message)
        if self.noted:
            self.note_taken()
        if not is_piece:
            self._notify()
            raise no_piece(message)
        part = message.get("body") or b""
        if message.get("more_body") or (max_size is not None and len(part) > max_size):
            self._keep(message)
            return await self._collect(max_size)
        self._body = part
        if self._changed is not None:
            self._notify()
        return part

    async def _collect(self, max_size: int | None) -> bytes:
        while self._body is None:
            if self._streamed:
                raise RuntimeError("Stream consumed")
            if self._collecting:
                await self._news()
                continue
            self._collecting = True
            try:
                while self._parts_more and (max_size is None or self._parts_size <= max_size):
                    message = await self.next()
                    if message["type"] != "http.request":
                        raise no_piece(message)
                    self._keep(message)
                if max_size is not None and self._parts_size > max_size:
                    raise ContentTooLarge(detail=f"The body is larger than {max_size} bytes.")
                parts = self._parts or ()
                self._body = parts[0] if len(parts) == 1 else b"".join(parts)
                self._parts = None
            finally:
                self._collecting = False
                self._notify()
        return self._body

    def _keep(self, message: Message) -> None:
        part = message.get("body") or b""
        if self._parts is None:
            self._parts = []
        self._parts.append(part)
        self._parts_size += len(part)
        self._parts_more = message.get("more_body", False)

    async def preview(self, see: Callable[[bytes], bool], limit: int) -> bool:
        """Show the body to `see`, piece by piece, until that returns true; all of it stays in place, to be read.

        False: `limit` bytes were seen, of which each message counts `MESSAGE_COST` besides, and it was not enough.
        Raises `ClientDisconnect` when the client left before, `RuntimeError` when the body was streamed. Cancelling
        loses nothing.
        """
        if self._body is not None:
            see(self._body)
            return True
        if self._streamed or self._collecting or self._parts:
            raise RuntimeError("Stream consumed")
        taken: list[Message] = []
        seen = 0
        more = True
        try:
            while more:
                message = await self.next()
                if message["type"] != "http.request":
                    raise no_piece(message)
                taken.append(message)
                if see(message.get("body") or b""):
                    break
                more = message.get("more_body", False)
                seen += weight(message)
                if more and seen > limit:
                    return False
            return True
        finally:
            self._put_back(taken)

    def stream(self) -> BodyStream:
        """The body in the pieces the server gives, not kept, and an empty one at its end; whole after `body`.

        Raises `RuntimeError` when the body was streamed before.
        """
        if self._body is None:
            if self._streamed or self._collecting or self._parts:
                raise RuntimeError("Stream consumed")
            self._streamed = True
        return BodyStream(self, self._body)


class BodyStream:
    """Iterates over a request body. Nothing is left to close when it is abandoned, hence no generator.

    Raises `ClientDisconnect` when the client left before the end. Cancelling a step loses nothing.
    """

    __slots__ = ("_inbox", "_over", "_whole", "more")

    def __init__(self, inbox: Inbox, whole: bytes | None) -> None:
        self._inbox = inbox
        self._whole = whole
        self.more = whole is None  # whether the server has not given the last piece yet
        self._over = False

    def __aiter__(self) -> BodyStream:
        return self

    async def __anext__(self) -> bytes:
        whole, self._whole = self._whole, None
        if whole:
            return whole
        while self.more:
            message = await self._inbox.next()
            if message["type"] != "http.request":
                raise no_piece(message)
            self.more = message.get("more_body", False)
            if piece := message.get("body"):
                return bytes(piece)
        if self._over:
            raise StopAsyncIteration
        self._over = True
        return b""

    async def aclose(self) -> None:
        """Leave the rest of the body unread."""
        self.more = False
        self._over = True
