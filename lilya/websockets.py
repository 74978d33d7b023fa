"""The websocket: what a handler is given of a websocket connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, Generic, Literal, NoReturn, Self, TypeVar, overload
from weakref import WeakSet

import anyio

from lilya._asgi.exchange import Exchange, Nowhere, departure_of, exchange_of
from lilya._asgi.inbox import IDLE, READING
from lilya._asgi.outbox import Outbox, writer_of
from lilya._connection import Connection, inbox_of
from lilya._sansio import websocket as rules
from lilya._sansio.json import parse_json
from lilya.concurrency.nursery import shielded
from lilya.datastructures._headers import Header
from lilya.encoders._json import json_bytes
from lilya.enums import WebSocketState
from lilya.exceptions import WebSocketDisconnect, WebSocketRuntimeError
from lilya.protocols.pubsub import Event
from lilya.types import Message, Receive, Scope, Send

__all__ = ["WebSocket", "WebSocketClose", "WebSocketDisconnect", "WebSocketState"]

T = TypeVar("T")
HeadersInput = Mapping[str, str] | Iterable[tuple[str, str]]

OPEN = rules.OPEN
# How long a close frame may take to be sent, in seconds, when even cancellation must wait for it: it is a few bytes.
FAREWELL_SECONDS: Final = 1.0
RECEIVE_AFTER_END = 'Cannot call "receive" once a disconnect message has been received.'
WANTED: Final[Mapping[str, str]] = {"text": "text", "bytes": "binary"}
BAD_MODE = 'The "mode" argument should be "text" or "binary".'


@overload
def receiver(kind: Literal["text"], doc: str) -> Callable[[WebSocket], Coroutine[Any, Any, str]]: ...
@overload
def receiver(kind: Literal["bytes"], doc: str) -> Callable[[WebSocket], Coroutine[Any, Any, bytes]]: ...
def receiver(kind: Literal["text", "bytes"], doc: str) -> Callable[[WebSocket], Coroutine[Any, Any, Any]]:
    """The method that receives messages of one kind. It is on the way of every message, and so but one layer deep."""

    async def receive(self: WebSocket) -> Any:
        inbox = self._inbox
        if inbox.busy or self._exchange_found.phase is not OPEN:
            self._check_receiving()
            message = await inbox.next()
        else:  # what `Inbox.next` does then, without its layer
            inbox.busy = READING
            try:
                message = await inbox.source()
            except BaseException as exc:
                inbox.read_failed(exc)
                raise
            inbox.busy = IDLE
            if inbox.noted:
                inbox.note_taken()
        try:
            data = message[kind]
        except KeyError:
            data = None
        if data is None:
            await self._unwanted(message, kind)
        return data

    receive.__name__ = f"receive_{kind}"
    receive.__qualname__ = f"WebSocket.receive_{kind}"
    receive.__doc__ = doc
    return receive


def sender(kind: Literal["text", "bytes"], doc: str) -> Callable[[WebSocket, Any], Coroutine[Any, Any, None]]:
    """The method that sends messages of one kind; one layer deep, too."""

    async def send(self: WebSocket, data: Any) -> None:
        writer = self._direct
        if writer.phase is not OPEN:
            return await self._send({"type": "websocket.send", kind: data})
        try:  # what `Outbox.send` does in this phase, which sending does not change
            await writer.sink({"type": "websocket.send", kind: data})
        except Exception as exc:
            writer.send_failed(exc)
            raise

    send.__name__ = f"send_{kind}"
    send.__qualname__ = f"WebSocket.send_{kind}"
    send.__doc__ = doc
    return send


class WebSocket(Connection):
    """A websocket connection (RFC 6455; ASGI WebSocket 2.5).

    When the client leaves, a waiting `receive_*` raises `WebSocketDisconnect`, and so does every later send. A handler
    that is not receiving is cancelled. Any number of tasks may send at once; messages are whole.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise AssertionError(f"a WebSocket is made from a scope of type 'websocket', not {scope['type']!r}")
        self.scope = scope
        self._receive = receive
        exchange = exchange_of(scope)
        if exchange is None:
            # Used alone: no nursery watches the connection, but there is one reader and one writer all the same.
            exchange = Exchange(Nowhere(), {**scope}, receive, send)
            receive, send = exchange.receive, exchange.send
        self._inbox = inbox_of(exchange, scope, receive)
        self._exchange_found = exchange
        self._send = send
        # The writer, to be used without a layer more, where no middleware has put a `send` of its own in between.
        self._direct = writer_of(send) or Outbox(send, rules.DONE)
        self._told = False  # the disconnect was delivered
        self._closed: WebSocketDisconnect | None = None  # what this side's close is to tasks that did not close
        self._aware: WeakSet[Any] | None = None  # the coroutines of the tasks that know that it is over

    @property
    def _exchange(self) -> Exchange:
        return self._exchange_found

    @property
    def application_state(self) -> WebSocketState:
        """How far the application is: it has accepted, it has closed."""
        phase = self._exchange_found.phase
        if phase is rules.OPEN:
            return WebSocketState.CONNECTED
        return WebSocketState.DISCONNECTED if phase is rules.DONE else WebSocketState.CONNECTING

    @property
    def client_state(self) -> WebSocketState:
        """How far the client is, as far as it was received: it has connected, it has left."""
        if self._told:
            return WebSocketState.DISCONNECTED
        return WebSocketState.CONNECTED if self._connected else WebSocketState.CONNECTING

    @property
    def _connected(self) -> bool:
        """Whether the `websocket.connect` message was received."""
        return self._inbox.taken or self._exchange_found.phase is not rules.CONNECTING

    # -- messages ---------------------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """The next ASGI message: connect, receive or disconnect. Cancelling it loses nothing.

        Each task is given the disconnect message once; then it raises `WebSocketRuntimeError`.
        """
        if self._told and self._is_aware():
            raise WebSocketRuntimeError(RECEIVE_AFTER_END)
        before = rules.RECEIVING if self._connected else rules.ARRIVING
        message = await self._inbox.next()
        kind = message["type"]
        if kind not in before:
            raise WebSocketRuntimeError(f"Expected ASGI message {before.expected()}, but got {kind!r}.")
        if kind == "websocket.disconnect":
            self._tell()
        return message

    def _tell(self) -> None:
        """The task that runs is being told that it is over."""
        self._told = True
        self._make_aware()
        self._exchange_found.release()  # told, not cancelled

    def _make_aware(self) -> None:
        if self._aware is None:
            self._aware = WeakSet()
        self._aware.add(anyio.get_current_task().coro)  # not its `id`, which a later task may be given once more

    def _is_aware(self) -> bool:
        return self._aware is not None and anyio.get_current_task().coro in self._aware

    async def send(self, message: Message) -> None:
        """Send an ASGI message.

        Raises `WebSocketDisconnect` when the client is gone, `WebSocketRuntimeError` when the message may not come now.
        Cancelling it may leave the message unsent.
        """
        if message["type"] == "websocket.close":
            self._close(message.get("code") or 1000, message.get("reason"))
        await self._send(message)

    # -- the handshake and the close --------------------------------------------------------------------------------

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: HeadersInput | None = None,
        *,
        send_timeout: float | None = None,
    ) -> None:
        """Accept the handshake. Raises `WebSocketDisconnect` when the client is gone already.

        `send_timeout` is how many seconds the client, or its connection, may take for one message sent by this object.
        One that takes longer is stuck, and counts as gone: the send raises `WebSocketDisconnect(1006)`, so does
        whatever is sent later, and a handler that does not receive is cancelled.
        """
        if send_timeout is not None:
            self._limit_sends(send_timeout)
        if not self._connected:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                raise departure_of(message)
        raw = Header(headers).encoded_multi_items() if headers else []
        inbox = self._exchange_found.inbox
        inbox.taken, inbox.noted = False, True  # from here on: whether the handler receives
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": raw})

    def _limit_sends(self, seconds: float) -> None:
        """Send through a deadline from now on. Whoever sets none pays nothing for it."""
        if not seconds > 0:
            raise ValueError(f"send_timeout is a number of seconds, more than 0, not {seconds!r}")
        send, exchange = self._send, self._exchange_found

        async def send_in_time(message: Message) -> None:
            with anyio.move_on_after(seconds) as scope:
                await send(message)
            if scope.cancelled_caught:
                exchange.disconnected()
                raise exchange.departure() from TimeoutError(f"the client did not take a message within {seconds} s")

        self._send, self._direct = send_in_time, Outbox(send_in_time, rules.DONE)

    @asynccontextmanager
    async def accepted(
        self,
        subprotocol: str | None = None,
        headers: HeadersInput | None = None,
        *,
        send_timeout: float | None = None,
    ) -> AsyncIterator[Self]:
        """Accept, give the websocket to the block, close with 1000 at its end; a disconnect ends the block quietly."""
        await self.accept(subprotocol, headers, send_timeout=send_timeout)
        try:
            yield self
        except WebSocketDisconnect:
            return
        if self.application_state is WebSocketState.CONNECTED:
            await self.close()

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close with `code` (RFC 6455, section 7.4) and `reason`, cut to the 123 bytes a close frame can carry.

        Before `accept` it refuses the handshake. Closing a websocket whose client is gone does nothing. Raises
        `ValueError` for a code that no close frame may carry. It is a goodbye: cancellation waits until it is said, at
        most `FAREWELL_SECONDS`.
        """
        rules.check_close_code(code)
        if self._told or self._exchange_found.gone:
            return
        reason = rules.closing_reason(reason)
        self._close(code, reason)
        with shielded(FAREWELL_SECONDS):
            try:
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
            except WebSocketDisconnect:
                return

    def _close(self, code: int, reason: str | None) -> None:
        """The task that runs closes: it knows, and the others are told."""
        if self._closed is None and not self._exchange_found.gone:
            self._closed = WebSocketDisconnect(code, reason)
            self._make_aware()

    # -- receiving --------------------------------------------------------------------------------------------------

    def _check_receiving(self) -> None:
        """Whether the task that runs may ask for a message, or be told that there will be none: raises if not."""
        phase = self._exchange_found.phase
        if phase is rules.CONNECTING or phase is rules.DENYING:
            raise WebSocketRuntimeError(rules.NOT_CONNECTED)
        if self._is_aware() or (phase is rules.DONE and self._closed is None):
            raise WebSocketRuntimeError(RECEIVE_AFTER_END)
        if phase is rules.DONE and self._closed is not None:
            self._make_aware()
            raise WebSocketDisconnect(self._closed.code, self._closed.reason)

    async def _unwanted(self, message: Message, wanted: str) -> NoReturn:
        """What came is not what was asked for: the end, or the other kind of message."""
        kind = message["type"]
        if kind == "websocket.disconnect":
            self._inbox.end(message)
            self._tell()
            raise departure_of(message)
        if kind != "websocket.receive":
            raise WebSocketRuntimeError(f"Expected ASGI message {rules.RECEIVING.expected()}, but got {kind!r}.")
        await self._refuse(f"{WANTED[wanted]} message expected", 1003)

    async def _refuse(self, reason: str, code: int) -> NoReturn:
        await self.close(code, reason)
        self._tell()
        raise WebSocketDisconnect(code, reason)

    receive_text = receiver(
        "text",
        """The next message, which must be text. Cancelling it loses nothing.

        Raises `WebSocketDisconnect` when the websocket is over. A binary message closes it with 1003 and raises
        `WebSocketDisconnect(1003)`: the client broke the agreement.
        """,
    )
    receive_bytes = receiver("bytes", """The next message, which must be binary; as `receive_text` otherwise.""")

    async def receive_json(self, mode: str = "text") -> Any:
        """The next message as JSON; `mode` says whether it comes as "text" or "binary".

        A message that is not JSON closes the websocket with 1007 and raises `WebSocketDisconnect(1007)`.
        """
        if mode not in ("text", "binary"):
            raise WebSocketRuntimeError(BAD_MODE)
        raw = await (self.receive_text() if mode == "text" else self.receive_bytes())
        try:
            return parse_json(raw)
        except ValueError:
            pass
        await self._refuse("JSON expected", 1007)

    def iter_text(self) -> Messages[str]:
        """Text messages until the client leaves."""
        return Messages(self.receive_text)

    def iter_bytes(self) -> Messages[bytes]:
        """Binary messages until the client leaves."""
        return Messages(self.receive_bytes)

    def iter_json(self, mode: str = "text") -> Messages[Any]:
        """JSON messages until the client leaves."""
        return Messages(partial(self.receive_json, mode))

    # -- sending ----------------------------------------------------------------------------------------------------

    send_text = sender("text", """Send a text message. Raises `WebSocketDisconnect` when the client is gone.""")
    send_bytes = sender("bytes", """Send a binary message. Raises `WebSocketDisconnect` when the client is gone.""")

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Send `data` as compact JSON, as a "text" or a "binary" message."""
        if mode not in ("text", "binary"):
            raise WebSocketRuntimeError(BAD_MODE)
        raw = json_bytes(data)
        await (self.send_text(raw.decode()) if mode == "text" else self.send_bytes(raw))

    async def send_event(self, event: Event) -> None:
        """Send the data of a published event as text: a str as it is, anything else as JSON.

        It is encoded once for all the websockets it goes to. Raises `WebSocketDisconnect` when the client is gone.
        """
        await self.send_text(event.once(text_of))

    # -- the rest ---------------------------------------------------------------------------------------------------

    def add_cleanup(self, cleanup: Callable[[], Any]) -> None:
        """Call `cleanup`, sync or async, when the websocket is over, however it ends. The last added runs first.

        Raises `RuntimeError` where the websocket is used outside an application: nobody would know when it is over.
        """
        if exchange_of(self.scope) is None:
            raise RuntimeError("this WebSocket was made outside a Lilya application: clean up behind it yourself")
        self._exchange_found.at_end(cleanup)

    def __repr__(self) -> str:
        return f"WebSocket({self.scope.get('path', '')!r}, {self.application_state.name})"


class Messages(Generic[T]):
    """Iterates over the messages of a websocket until it is over. Nothing is left to close when it is abandoned."""

    __slots__ = ("_receive",)

    def __init__(self, receive: Callable[[], Awaitable[T]]) -> None:
        self._receive = receive

    def __aiter__(self) -> Messages[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._receive()
        except WebSocketDisconnect:
            raise StopAsyncIteration from None


def text_of(event: Event) -> str:
    """The data of an event as the text of a message."""
    data = event.data
    return data if isinstance(data, str) else json_bytes(data).decode()


class WebSocketClose:
    """An ASGI app that closes a websocket; before `accept` it refuses the handshake."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = rules.check_close_code(code)
        self.reason = reason or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the close message."""
        reason = rules.closing_reason(self.reason)
        await send({"type": "websocket.close", "code": self.code, "reason": reason})
