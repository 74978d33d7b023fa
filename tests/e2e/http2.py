"""A client that shows what is on the wire of an HTTP/2 connection (RFC 9113), by h2 over a socket with TLS."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

__all__ = ["HTTP2", "WINDOW"]

# How many bytes of a stream a server may send before we say that we have read some (RFC 9113, section 6.9.2).
WINDOW = 65535
# The same for the connection: enough for every stream of a test.
_TOGETHER = 2**24


class HTTP2:
    """One connection with any number of streams. What has come is acknowledged when it is read by `data`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(_TOGETHER)
        self._events: dict[int, list[Event]] = {}
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.sock.close()

    def ask(self, path: str, method: str = "GET") -> int:
        """Send a request; the number of its stream. A POST has a body: `send` it."""
        stream = self._connection.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        self._connection.send_headers(stream, head, end_stream=method != "POST")
        self._events[stream] = []
        self._flush()
        return stream

    def send(self, stream: int, body: bytes, *, more: bool = False) -> None:
        """Send the body of a request, or a piece of it."""
        self._connection.send_data(stream, body, end_stream=not more)
        self._flush()

    def headers(self, stream: int) -> dict[str, str]:
        """Read the head of a response."""
        event = self._event(stream)
        assert isinstance(event, ResponseReceived), event
        return {str(name): str(value) for name, value in event.headers or ()}

    def data(self, stream: int) -> bytes:
        """Read the next piece of a body; empty at its end."""
        while not isinstance(event := self._event(stream), StreamEnded):
            assert isinstance(event, DataReceived), event
            self._connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            self._flush()
            if event.data:
                return bytes(event.data)
        return b""

    def text(self, stream: int) -> str:
        """Read a body to its end."""
        return b"".join(iter(lambda: self.data(stream), b"")).decode()

    def unread(self, stream: int) -> int:
        """How many bytes of a body have come that `data` has not given."""
        return sum(len(event.data or b"") for event in self._events[stream] if isinstance(event, DataReceived))

    def reset_by_server(self, stream: int) -> int:
        """Wait until the server gives up a stream; its code (RFC 9113, section 7)."""
        event = self._event(stream)
        assert isinstance(event, StreamReset), event
        return int(event.error_code or 0)

    def reset(self, stream: int) -> None:
        """Give up one stream (RFC 9113, section 6.4): the others go on."""
        self._connection.reset_stream(stream, ErrorCodes.CANCEL)
        self._flush()

    def _event(self, stream: int) -> Event:
        while not self._events[stream]:
            data = self.sock.recv(65536)
            assert data, "the server closed the connection"
            for event in self._connection.receive_data(data):
                if isinstance(event, ResponseReceived | DataReceived | StreamEnded | StreamReset):
                    self._events[event.stream_id or 0].append(event)
            self._flush()
        return self._events[stream].pop(0)

    def _flush(self) -> None:
        self.sock.sendall(self._connection.data_to_send())
