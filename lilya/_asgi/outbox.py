"""The one writer of a connection.

Exactly one object per connection calls the server's `send`: this one. It checks each message against the table of its
protocol, knows how far the response is, and says plainly what servers keep quiet: that nobody is listening any more.
"""

from __future__ import annotations

import sys

import anyio

from lilya._sansio.machine import Phase
from lilya.exceptions import ClientDisconnect
from lilya.types import Message, Send

__all__ = ["Outbox", "writer_of"]

# What `send` raises when the connection broke under it: ASGI 2.4 asks for an OSError, servers on anyio and trio let the
# errors of their streams through. `Busy` is a close that raced with a send.
_LOST = ("BrokenResourceError", "BusyResourceError", "ClosedResourceError")


def is_lost(exc: Exception) -> bool:
    """Whether an exception out of the server's `send` means that the client is gone."""
    if isinstance(exc, OSError | anyio.BrokenResourceError | anyio.ClosedResourceError | anyio.BusyResourceError):
        return True
    trio = sys.modules.get("trio")  # not imported for this: without trio nobody raises trio's errors
    return trio is not None and isinstance(exc, tuple(getattr(trio, name) for name in _LOST))


def writer_of(send: Send) -> Outbox | None:
    """The writer whose method `send` is; None where a layer has put a `send` of its own in between."""
    writer = getattr(send, "__self__", None)
    return writer if isinstance(writer, Outbox) and send == writer.send else None


class Outbox:
    """Sends a connection's messages: `phase` is where its protocol stands, `gone` whether the client left too early."""

    __slots__ = ("gone", "phase", "sink")

    def __init__(self, send: Send, phase: Phase) -> None:
        self.sink = send
        self.phase = phase
        self.gone = False

    async def send(self, message: Message) -> None:
        """ASGI `send` for the layers further in.

        Raises `ClientDisconnect` once the client is gone, and `RuntimeError` for a message the protocol does not allow
        now, which is the application's fault. Cancelling it may leave the message unsent.
        """
        if self.gone:
            raise self.departure()
        move = self.phase.get(message["type"])
        if move is None:
            raise self.misuse(message["type"])
        # Set before the sending: from the moment the last message is on its way, a disconnect is no event any more.
        then, flag, other = move
        self.phase = other if flag and message.get(flag) else then
        try:
            await self.sink(message)
        except Exception as exc:
            self.send_failed(exc)
            raise

    def send_failed(self, exc: Exception) -> None:
        """The server's `send` raised: raises what says that the client is gone, if it is that."""
        if is_lost(exc):
            self.disconnected()
            raise self.departure() from exc

    def departure(self) -> ClientDisconnect:
        """What says that the client is gone."""
        return ClientDisconnect(detail="the client left before the response was complete")

    def misuse(self, kind: str) -> RuntimeError:
        """What says that a message of this kind may not come now."""
        if not self.phase:
            return RuntimeError(f"Unexpected ASGI message {kind!r} sent after the response was complete.")
        return RuntimeError(f"Expected ASGI message {self.phase.expected()}, but got {kind!r}.")

    def disconnected(self) -> None:
        """The client is gone; counts only while something is left to say to it."""
        if self.phase:
            self.gone = True
