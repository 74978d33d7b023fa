"""An ASGI call as a value, and an ear on its messages."""

from __future__ import annotations

from dataclasses import dataclass

from lilya.types import Message, Receive, Scope, Send

__all__ = ["ScopeHandler", "SendReceiveSniffer"]


@dataclass(slots=True)
class ScopeHandler:
    """The three things an ASGI application is called with, in one."""

    scope: Scope
    receive: Receive
    send: Send


class SendReceiveSniffer:
    """Stands between an application and its `receive` and `send`, and notes whether they were used.

    Attributes:
        received: a message was received from below.
        sent: a message was sent.
        repeat_message: the message that the next `receive` gives, once, instead of asking below. Put back here what
            was taken and not used.
    """

    __slots__ = ("_receive", "_send", "received", "repeat_message", "sent")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.received = False
        self.sent = False
        self.repeat_message: Message | None = None

    async def receive(self) -> Message:
        """The repeated message if there is one, else the next one. Cancelling it loses no message."""
        message, self.repeat_message = self.repeat_message, None
        if message is None:
            message = await self._receive()
            self.received = True
        return message

    async def send(self, message: Message) -> None:
        """Send the message on; it counts as sent even if that fails or is cancelled, for it may be on its way."""
        self.sent = True
        await self._send(message)
