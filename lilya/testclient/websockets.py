"""Websocket sessions of the clients: the async one has the rules, the sync one calls it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, Literal, TypeVar

import anyio.lowlevel

from lilya.exceptions import WebSocketDisconnect
from lilya.testclient._httpx import httpx
from lilya.testclient._portal import Portal
from lilya.testclient._shared import bounded
from lilya.testclient.exceptions import WebSocketDenialResponse
from lilya.testing.exceptions import HandshakeDenied
from lilya.testing.server import MemoryServer
from lilya.testing.websocket import MemoryWebSocket
from lilya.types import Message, RawHeaders, Scope

__all__ = ["AsyncWebSocketSession", "WebSocketSession", "WebSocketTestSession"]

T = TypeVar("T")

Mode = Literal["text", "binary"]

_NOT_OPEN = "the session is not open: use `with client.websocket_connect(url) as session:`"


class AsyncWebSocketSession:
    """A websocket, opened by `async with client.websocket_connect(url) as session:`.

    Entering waits for the handshake: an application that closes instead raises `WebSocketDisconnect` there, one that
    answers with an HTTP response `WebSocketDenialResponse`, one that fails its own exception. Leaving closes with 1000,
    unless it is closed already, and waits for the handler; one that goes on all the same is cancelled after a grace
    (`ServerOptions.disconnect_grace`). What the handler raised is raised there, unless `receive` did. The handshake and
    each `receive` are bounded by the client's `timeout`: `httpx.ReadTimeout`.
    """

    def __init__(
        self,
        server: AbstractAsyncContextManager[MemoryServer],
        scope: Scope,
        request: httpx.Request,
        cookies: httpx.Cookies,
        timeout: float | None = None,
    ) -> None:
        self.scope = scope
        self._timeout = timeout
        self._server = server
        self._request = request
        self._cookies = cookies
        self._socket: MemoryWebSocket | None = None
        self._stack = AsyncExitStack()

    @property
    def accepted_subprotocol(self) -> str | None:
        """The subprotocol the application chose."""
        return self._open.subprotocol

    @property
    def extra_headers(self) -> RawHeaders:
        """The headers the application accepted with."""
        return self._open.headers

    async def __aenter__(self) -> AsyncWebSocketSession:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(self._server)
            socket = server.websocket(self.scope)
            stack.push_async_callback(self._leave, socket)
            try:
                await bounded("the handshake was not answered", socket.connect, self._timeout)
            except HandshakeDenied as denied:
                response = WebSocketDenialResponse(denied, self._request)
                self._cookies.extract_cookies(response)
                raise response from None
            accepted = httpx.Response(101, headers=socket.headers, request=self._request)
            self._cookies.extract_cookies(accepted)
            self._socket = socket
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(exc_type, exc, tb)

    async def _leave(self, socket: MemoryWebSocket) -> None:
        socket.close()
        await socket.aclose()

    @property
    def _open(self) -> MemoryWebSocket:
        if self._socket is None:
            raise RuntimeError(_NOT_OPEN)
        return self._socket

    async def send(self, message: Message) -> None:
        """Send an ASGI message as the server would: `websocket.receive` or `websocket.disconnect`.

        Waits while more than `ServerOptions.websocket_buffer` bytes are not received. Cancelled, it has sent it.
        """
        if message["type"] == "websocket.disconnect":
            await self.close(message.get("code", 1005), message.get("reason"))
        else:
            await self._open.send(message)

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        await self._open.send({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self._open.send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send `data` as JSON in a text or a binary message."""
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        if _checked(mode) == "text":
            await self.send_text(text)
        else:
            await self.send_bytes(text.encode())

    async def receive(self) -> Message:
        """Wait for the application's next ASGI message: `websocket.send` or, at the end, `websocket.close`.

        Raises what the handler raised. Cancelled, it has received nothing.
        """
        return await bounded("nothing was sent", self._open.receive, self._timeout)

    async def receive_text(self) -> str:
        """Wait for a text message; `WebSocketDisconnect` when the application closes."""
        return str(await self._payload("text", "bytes"))

    async def receive_bytes(self) -> bytes:
        """Wait for a binary message; `WebSocketDisconnect` when the application closes."""
        return bytes(await self._payload("bytes", "text"))

    async def receive_json(self, mode: Mode = "text") -> Any:
        """Wait for a text or binary message and parse it as JSON; `WebSocketDisconnect` when the application closes."""
        text = await self.receive_text() if _checked(mode) == "text" else await self.receive_bytes()
        return json.loads(text)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close with `code` and `reason`: the application receives `websocket.disconnect`. Does not wait for it."""
        await anyio.lowlevel.checkpoint()
        self._open.close(code, reason)

    def cancel(self) -> None:
        """Cancel the handler."""
        self._open.cancel()

    async def _payload(self, wanted: str, other: str) -> Any:
        message = await self.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message.get("code", 1000), message.get("reason"))
        payload = message.get(wanted)
        if payload is None:
            got = repr(message.get(other))[:80]
            raise AssertionError(f"expected a message with {wanted!r}, got one with {other!r}: {got}")
        return payload


def _checked(mode: Mode) -> Mode:
    if mode not in ("text", "binary"):
        raise ValueError(f"mode wants 'text' or 'binary', got {mode!r}")
    return mode


class WebSocketSession:
    """`AsyncWebSocketSession` for threads: `with client.websocket_connect(url) as session:`.

    Whatever waits longer than the client's `timeout` (real seconds) raises `httpx.ReadTimeout`; a handler that does not
    end in that time is cancelled.
    """

    def __init__(
        self,
        lease: AbstractContextManager[Portal],
        make: Callable[[MemoryServer], AsyncWebSocketSession],
        timeout: float | None,
    ) -> None:
        self._lease = lease
        self._make = make
        self._timeout = timeout
        self._portal: Portal | None = None
        self._session: AsyncWebSocketSession | None = None
        self._stack = ExitStack()

    @property
    def scope(self) -> Scope:
        """The scope the application was called with."""
        return self._opened().scope

    @property
    def accepted_subprotocol(self) -> str | None:
        """The subprotocol the application chose."""
        return self._opened().accepted_subprotocol

    @property
    def extra_headers(self) -> RawHeaders:
        """The headers the application accepted with."""
        return self._opened().extra_headers

    def __enter__(self) -> WebSocketSession:
        with ExitStack() as stack:
            self._portal = stack.enter_context(self._lease)
            self._session = self._make(self._portal.server)
            self._call("the handshake was not answered", self._session.__aenter__)
            stack.callback(self._leave)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(exc_type, exc, tb)

    def send(self, message: Message) -> None:
        """Send an ASGI message as the server would: `websocket.receive` or `websocket.disconnect`."""
        self._call("nothing was received", self._opened().send, message)

    def send_text(self, data: str) -> None:
        """Send a text message; waits while more than `ServerOptions.websocket_buffer` bytes are not received."""
        self._call("nothing was received", self._opened().send_text, data)

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message; waits while more than `ServerOptions.websocket_buffer` bytes are not received."""
        self._call("nothing was received", self._opened().send_bytes, data)

    def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send `data` as JSON in a text or a binary message."""
        self._call("nothing was received", self._opened().send_json, data, mode)

    def receive(self) -> Message:
        """Wait for the application's next ASGI message: `websocket.send` or, at the end, `websocket.close`.

        Raises what the handler raised.
        """
        return self._call("nothing was sent", self._opened().receive)

    def receive_text(self) -> str:
        """Wait for a text message; `WebSocketDisconnect` when the application closes."""
        return self._call("nothing was sent", self._opened().receive_text)

    def receive_bytes(self) -> bytes:
        """Wait for a binary message; `WebSocketDisconnect` when the application closes."""
        return self._call("nothing was sent", self._opened().receive_bytes)

    def receive_json(self, mode: Mode = "text") -> Any:
        """Wait for a text or binary message and parse it as JSON; `WebSocketDisconnect` when the application closes."""
        return self._call("nothing was sent", self._opened().receive_json, mode)

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close with `code` and `reason`: the application receives `websocket.disconnect`. Does not wait for it."""
        self._call("not closed", self._opened().close, code, reason)

    def _leave(self) -> None:
        session = self._opened()
        try:
            self._call("the handler did not end", session.__aexit__, None, None, None)
        except httpx.ReadTimeout:
            self._portal_now().call_soon(session.cancel)
            raise

    def _call(self, otherwise: str, fn: Callable[..., Awaitable[T]], *args: Any) -> T:
        return self._portal_now().call_or_timeout(otherwise, fn, *args, timeout=self._timeout)

    def _opened(self) -> AsyncWebSocketSession:
        if self._session is None:
            raise RuntimeError(_NOT_OPEN)
        return self._session

    def _portal_now(self) -> Portal:
        assert self._portal is not None
        return self._portal


WebSocketTestSession = WebSocketSession
