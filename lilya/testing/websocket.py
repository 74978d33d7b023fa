"""One websocket of the in-memory server (ASGI WebSocket 2.5, RFC 6455)."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel

from lilya.exceptions import WebSocketDisconnect
from lilya.testing.conformance import WebSocketJudge
from lilya.testing.connection import SERVER_ERROR_BODY, SERVER_ERROR_HEADERS, Connection
from lilya.testing.exceptions import HandshakeDenied
from lilya.testing.options import ServerOptions
from lilya.testing.pipe import Pipe
from lilya.types import ASGIApp, Message, RawHeaders, Scope

__all__ = ["MemoryWebSocket"]

# What a message weighs besides its payload, in bytes: bounds the number of empty ones. The smallest frame header.
_FRAME = 2


class MemoryWebSocket(Connection):
    """A websocket seen from the client: `connect()`, then `send()` and `receive()`, then `aclose()`.

    `subprotocol` and `headers` are those the application accepted with.
    """

    def __init__(self, app: ASGIApp, scope: Scope, options: ServerOptions) -> None:
        judge = WebSocketJudge(options.extensions, subprotocols=scope["subprotocols"], strict=options.check_conformance)
        super().__init__(app, scope, options, judge)
        self.subprotocol: str | None = None
        self.headers: RawHeaders = []
        self._closed: Message | None = None  # how it ended, for the client
        self._goodbye: Message = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        self._to_app: Pipe[Message] = Pipe(options.websocket_buffer, _weight)
        self._to_client: Pipe[Message] = Pipe(options.websocket_buffer, _weight)
        self._to_app.put_nowait({"type": "websocket.connect"})

    # -- the server's side ------------------------------------------------------------------------------------------

    async def _receive(self) -> Message:
        await anyio.lowlevel.checkpoint_if_cancelled()
        message = await self._to_app.get()
        if message is None:
            await anyio.lowlevel.checkpoint()  # it may be asked for ever
            return self._goodbye
        return message

    async def _act(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            code, reason = message.get("code", 1000), message.get("reason") or ""
            self._goodbye = {"type": "websocket.disconnect", "code": code, "reason": reason}
            self._closed = {"type": "websocket.close", "code": code, "reason": reason}
        if not self._judge.done:
            await self._to_client.put(message)
            return
        self._to_client.put_nowait(message)
        self._close_pipes()
        await anyio.lowlevel.checkpoint()

    def _close_pipes(self) -> None:
        self._to_app.close()
        self._to_client.close()

    # -- the client's side ------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Wait for the end of the handshake.

        Raises `WebSocketDisconnect` when the application closes instead, `HandshakeDenied` when it answers with an HTTP
        response, and what the application raises. Being cancelled here is leaving.
        """
        try:
            await self._handshake()
        except anyio.get_cancelled_exc_class():
            await self._leave()
            raise

    async def send(self, message: Message) -> None:
        """Send a `websocket.receive` message; waits while the buffer is full. Cancelled, it has sent it all the same.

        On a websocket that is over it does nothing, as on a socket: how it ended comes with `receive`.
        """
        await anyio.lowlevel.checkpoint()
        await self._to_app.put(message)

    async def receive(self) -> Message:
        """Wait for the next message of the application: `websocket.send`, and at the end `websocket.close`, repeatedly.

        The end of an application that did not close is a close with 1011, unless its exception is raised here
        (`raise_app_exceptions`). Being cancelled here has received nothing.
        """
        await anyio.lowlevel.checkpoint()
        message = await self._to_client.get()
        if message is not None:
            return message
        if self._closed is None:
            self.raise_failure()
            self._closed = {"type": "websocket.close", "code": 1011, "reason": ""}
        return self._closed

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close with `code` and `reason`: the application receives `websocket.disconnect`. Does not wait for it."""
        if self._closed is None:
            self._goodbye = {"type": "websocket.disconnect", "code": code, "reason": reason or ""}
            self._closed = {"type": "websocket.close", "code": code, "reason": reason or ""}
            self.disconnect()

    async def _handshake(self) -> None:
        answer = await self._to_client.get()
        if answer is None:
            self.raise_failure()
            raise HandshakeDenied(500, list(SERVER_ERROR_HEADERS), SERVER_ERROR_BODY)
        headers: RawHeaders = list(answer.get("headers", ()))
        if answer["type"] == "websocket.accept":
            self.subprotocol = answer.get("subprotocol")
            self.headers = headers
        elif answer["type"] == "websocket.close":
            raise WebSocketDisconnect(answer.get("code", 1000), answer.get("reason"))
        else:
            body = bytearray()
            while (message := await self._to_client.get()) is not None:
                body += message.get("body", b"")
            if not self._judge.done:
                self.raise_failure()
            raise HandshakeDenied(answer["status"], headers, bytes(body))


def _weight(message: Message) -> int:
    payload: Any = message.get("text") or message.get("bytes") or message.get("body") or b""
    return _FRAME + len(payload)
