"""Clients that show what is on the wire: HTTP/1.1 by h11 and websockets by wsproto, over a plain socket."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import h11
import wsproto
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    RejectConnection,
    Request,
    TextMessage,
)

__all__ = ["HTTP", "Answer", "WebSocket"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came. `complete` is false when the connection ended in the middle of it."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True


class HTTP:
    """One HTTP/1.1 connection, kept alive while both sides want it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._connection = h11.Connection(h11.CLIENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.sock.close()

    def ask(self, path: str, method: str = "GET", body: bytes = b"") -> None:
        """Send a request."""
        if self._connection.our_state is h11.DONE:
            self._connection.start_next_cycle()
        headers = [("host", "localhost"), *([("content-length", str(len(body)))] if body else [])]
        data = self._connection.send(h11.Request(method=method, target=path, headers=headers)) or b""
        if body:
            data += self._connection.send(h11.Data(data=body)) or b""
        self.sock.sendall(data + (self._connection.send(h11.EndOfMessage()) or b""))

    def begun(self) -> bool:
        """Wait for the first bytes of the response and leave them to be read by `answer`."""
        return self.sock.recv(1, socket.MSG_PEEK) != b""

    def answer(self) -> Answer | None:
        """Read the response; None when the connection ended before it began."""
        head: h11.Response | None = None
        body = b""
        while True:
            try:
                event = self._next()
            except h11.RemoteProtocolError:
                event = h11.ConnectionClosed()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                if head is None:
                    return None
                headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
                return Answer(head.status_code, headers, body, isinstance(event, h11.EndOfMessage))

    def get(self, path: str) -> Answer | None:
        """Ask and read the answer."""
        self.ask(path)
        return self.answer()

    def ended(self) -> bool:
        """Wait for the next thing the server sends: True when it is the end of the connection."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True

    def _next(self) -> object:
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            try:
                self._connection.receive_data(self.sock.recv(65536))
            except ConnectionError:
                return h11.ConnectionClosed()
        return event


class WebSocket:
    """One websocket connection. `rejected` is the status of a refused handshake."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self.sock = sock
        self.rejected: int | None = None
        self._connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._events: list[Event] = []
        sock.sendall(self._connection.send(Request(host="localhost", target=path)))
        event = self.event()
        if isinstance(event, RejectConnection):
            self.rejected = event.status_code
        else:
            assert isinstance(event, AcceptConnection), event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, data: str | bytes) -> None:
        """Send a message, of text or of bytes."""
        event = TextMessage(data=data) if isinstance(data, str) else BytesMessage(data=data)
        self.sock.sendall(self._connection.send(event))

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Send a close frame; the connection stays open for the answer."""
        self.sock.sendall(self._connection.send(CloseConnection(code=code, reason=reason)))

    def text(self) -> str:
        """Read a message, however many pieces it comes in."""
        whole = ""
        while True:
            event = self.event()
            assert isinstance(event, Message), event
            whole += str(event.data)
            if event.message_finished:
                return whole

    def closed(self) -> tuple[int, str]:
        """Read the close frame: code and reason; 1006 where the connection ended without one."""
        event = self.event()
        assert isinstance(event, CloseConnection), event
        return int(event.code), event.reason or ""

    def event(self) -> Event:
        """Read one event."""
        while not self._events:
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            self._connection.receive_data(data or None)
            self._events.extend(self._connection.events())
        return self._events.pop(0)
