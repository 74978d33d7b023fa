"""Server-sent events: a stream that stays open, pings while it is idle and ends politely when the server stops.

One stream is two tasks. The request's own iterates over the events and sends them; a helper beside it, in the stream's
nursery, waits for the draining of the server, and pings meanwhile. (A third reads for the exchange and notes the
disconnect, as for every stream.) Whoever sends holds the stream's lock and is never cancelled by the other: half a
message on the wire would spoil what follows.

A subscription needs neither of them. The request's task waits, and by waiting reads for the disconnect; an event, a
ping that is due and the draining cancel that wait, which loses nothing. There may be thousands of them in a process,
most of them idle, and each is one task.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from functools import partial
from inspect import isawaitable
from typing import Any, Final

import anyio
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream

from lilya._asgi.exchange import Exchange, Home, exchange_of
from lilya._checks import check_seconds, check_timeout
from lilya._sansio.sse import check_retry, check_separator, encode_event
from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import AsyncCallable, enforce_async_callable
from lilya.encoders._json import json_encode
from lilya.exceptions import ClientDisconnect
from lilya.protocols.pubsub import Event, Subscription, SubscriptionOverflow
from lilya.responses.base import Background, HeadersInput
from lilya.responses.streaming import BREATHE_EVERY, Content, Source, StreamingResponse
from lilya.types import Message, RawHeaders, Scope, Send

__all__ = ["PING_INTERVAL", "EventStreamResponse"]

# In seconds. Proxies and mobile networks drop connections that are silent for 30 or 60; the HTML standard suggests 15.
PING_INTERVAL: Final = 15.0

# In events: what is sent as one message when several of a subscription have come, so that a burst is a few writes.
BATCH: Final = 64

PING: Final[Mapping[str, str]] = {":": "ping"}

# Besides the content type. nginx would hold events back. Kept as they are sent: an idle stream keeps its response.
HEADERS: Final = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))

# With a space behind commas and colons: event streams are read by people, in consoles.
_dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False)


class EventStreamResponse(StreamingResponse):
    """Sends events (the HTML standard, section 9.2) as they come, each at once.

    `content` is whatever `StreamingResponse` takes, of events: mappings with `event`, `data` (a dict or list becomes
    JSON), `id`, `retry` (milliseconds) and `":"` (a comment), or str or bytes, which are data. Or it is a subscription,
    `pubsub.subscribe("news", after=request.last_event_id)`, of which `event` is the topic; each event is encoded once
    for all streams that send it. What a subscriber missed is said by an event of type "gap"; one that was too slow, and
    is closed, ends its stream as it should: the client comes back and says which event was its last.

    When the client leaves, the source is cancelled and closed, then `client_close_handler` is called. When the server
    drains, the wait for the next event is cancelled, `retry` is said once more and the stream ends: the client comes
    back to whoever serves then, with `Last-Event-ID`. What an event may not hold ends the stream with a `ValueError`.

    Args:
        retry: how long the client waits before it reconnects, in milliseconds; sent before the first event.
        ping_interval: a comment is sent when nothing else was for so many seconds, so that no proxy takes the stream
            for dead; 15 by default, `math.inf` for never.
        separator: of lines: "\\n", the default, "\\r" or "\\r\\n".
        ping_message_factory: makes the event that is sent as a ping, sync (it must not block) or async.
        send_timeout: how many seconds the client, or its connection, may take for one message. After that the stream
            is aborted with a `TimeoutError`: a reader that is stuck holds memory and whatever the source holds.
        data_sender_callable: an async function without arguments, run beside the stream, usually to feed it. What it
            raises ends the stream; when the source ends it is cancelled. A sync one runs in a thread, and is awaited.
        client_close_handler: called with the disconnect message when the client left first; sync (in a thread) or
            async.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        content: Content,
        *,
        status_code: int | None = None,
        headers: HeadersInput = None,
        media_type: str | None = None,
        background: Background | None = None,
        encoders: Iterable[Any] | None = None,
        retry: int | None = None,
        ping_interval: float | None = None,
        separator: str | None = None,
        ping_message_factory: Callable[[], Any] | None = None,
        send_timeout: float | None = None,
        data_sender_callable: Callable[[], Any] | None = None,
        client_close_handler: Callable[[Message], Any] | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type, background, encoders)
        self.retry = None if retry is None else check_retry(retry)
        self.ping_interval = check_seconds("ping_interval", PING_INTERVAL if ping_interval is None else ping_interval)
        self.separator = check_separator("\n" if separator is None else separator)
        self.ping_message_factory = ping_message_factory
        self.send_timeout = check_timeout("send_timeout", send_timeout)
        self.data_sender_callable = data_sender_callable
        self.client_close_handler = client_close_handler

    def _default_headers(self) -> RawHeaders:
        return [*super()._default_headers(), *HEADERS]

    def encode(self, event: Any) -> bytes:
        """One event as it is sent. Raises `TypeError` or `ValueError` for what is none."""
        if isinstance(event, Event):
            if not self.encoders:
                return event.once(_encode_published, self.separator)
            event = _fields(event)
        return encode_event(event, to_json=self._to_json, separator=self.separator)

    def _to_json(self, data: Any) -> str:
        return _to_json(data, self.encoders)

    def _send(self, exchange: Exchange, scope: Scope, send: Send) -> Coroutine[Any, Any, None]:
        if self.client_close_handler is not None or self.data_sender_callable is not None:
            return self._send_attended(exchange, scope, send)
        return self._send_content(exchange, scope, send)

    def _send_content(self, exchange: Exchange, scope: Scope, send: Send) -> Coroutine[Any, Any, None]:
        if self._is_fed_by_subscription(scope):
            return self._send_subscription(exchange, send, "" if scope["type"] == "http" else "websocket.")
        return super()._send(exchange, scope, send)

    def _is_fed_by_subscription(self, scope: Scope) -> bool:
        return isinstance(self.content, Subscription) and scope.get("method") != "HEAD" and not self._is_bodiless()

    async def _send_attended(self, exchange: Exchange, scope: Scope, send: Send) -> None:
        try:
            if self.data_sender_callable is not None and self._is_fed_by_subscription(scope):
                async with open_nursery() as nursery:
                    nursery.start_soon(AsyncCallable(self.data_sender_callable), name="feeder of an event stream")
                    await self._send_content(exchange, scope, send)
                    nursery.cancel_scope.cancel()
            else:
                await self._send_content(exchange, scope, send)
        except ClientDisconnect:
            if self.client_close_handler is not None:
                message = exchange.inbox.disconnect or {"type": "http.disconnect"}
                await enforce_async_callable(self.client_close_handler)(message)
            raise

    async def _send_all(self, scope: Scope, send: Send, prefix: str) -> None:
        exchange = exchange_of(scope)
        assert exchange is not None, "whoever called us made one"
        await super()._send_all(scope, _Turns(send, exchange.home, self.send_timeout), prefix)

    async def _send_subscription(self, exchange: Exchange, send: Send, prefix: str) -> None:
        # One frame for all of it: of ten thousand streams that are idle, each keeps every frame it is in.
        home, kind = exchange.home, prefix + "http.response.body"
        dropped = 0
        content: Any = self.content
        async with content as events:
            await send(self.message(prefix))
            # At once, be it empty: servers hold the headers back until the first piece of the body.
            body = self._encoded_retry() + (self._gap(None) if events.gap else b"")
            while True:
                await self._send_in_time(send, {"type": kind, "body": body, "more_body": True})
                if home.draining:
                    break
                try:
                    if taken := events.take(BATCH):
                        await checkpoint()  # a server's `send` may not wait
                    else:
                        with anyio.CancelScope(deadline=anyio.current_time() + self.ping_interval) as rest:
                            home.drainees[rest] = None
                            events.on_arrival(rest.cancel)
                            try:
                                await exchange.rest(rest)
                            finally:
                                events.on_arrival(None)
                                del home.drainees[rest]
                        if exchange.gone:
                            raise exchange.departure()
                        if home.draining:
                            break
                        taken = events.take(BATCH)
                except SubscriptionOverflow:
                    break  # as it should end: the client comes back, and has the rest from the history
                body = b"".join(map(self.encode, taken))
                if not taken and rest.cancel_called:
                    body = await self._ping()
                if events.dropped != dropped:
                    body = self._gap(events.dropped - dropped) + body
                    dropped = events.dropped
        if home.draining and self.retry is not None:
            await self._send_in_time(send, {"type": kind, "body": self._encoded_retry(), "more_body": True})
        await send({"type": kind, "body": b""})

    async def _send_in_time(self, send: Send, message: Message) -> None:
        """Send within `send_timeout`. Raises `TimeoutError`, and then nothing more can be sent."""
        if self.send_timeout is None:
            return await send(message)
        with anyio.move_on_after(self.send_timeout) as scope:
            await send(message)
        if scope.cancelled_caught:
            raise TimeoutError("SSE send timed out")

    async def _send_source(self, exchange: Exchange | None, source: Source, send: Send, prefix: str) -> None:
        try:
            await super()._send_source(exchange, source, send, prefix)
        finally:
            if isinstance(source, MemoryObjectReceiveStream):
                source.close()  # whoever feeds it learns that nobody listens

    async def _send_pieces(
        self, exchange: Exchange | None, pieces: AsyncIterator[Any], send: Send, prefix: str
    ) -> None:
        assert isinstance(send, _Turns), "made by _send_all"
        kind = prefix + "http.response.body"
        # At once, be it empty: servers hold the headers back until the first piece of the body.
        await send({"type": kind, "body": self._encoded_retry(), "more_body": True})
        async with open_nursery() as nursery:
            nursery.start_soon(self._attend, send, kind, name="pings of an event stream")
            if self.data_sender_callable is not None:
                nursery.start_soon(AsyncCallable(self.data_sender_callable), name="feeder of an event stream")
            await self._send_events(exchange, pieces, send, kind)
            await send.cancel(nursery.cancel_scope)
        if send.draining and self.retry is not None:
            await send({"type": kind, "body": self._encoded_retry(), "more_body": True})

    async def _send_events(
        self, exchange: Exchange | None, events: AsyncIterator[Any], turns: _Turns, kind: str
    ) -> None:
        breathed = time.monotonic()
        while True:
            try:
                event = await turns.rest(events)
            except (StopAsyncIteration, SubscriptionOverflow):
                return
            await turns({"type": kind, "body": self.encode(event), "more_body": True})
            if time.monotonic() - breathed > BREATHE_EVERY:
                if exchange is not None:
                    exchange.read_ahead()  # as for any body
                await checkpoint()
                breathed = time.monotonic()

    async def _attend(self, turns: _Turns, kind: str) -> None:
        """The helper: pings until the server drains, then wakes who waits for the next event."""
        while True:
            with anyio.CancelScope(deadline=turns.last + self.ping_interval):
                await turns.home.wait_draining()
                turns.drain()
                return
            async with turns.lock:
                # Looked at again: while we waited for our turn, something else was sent.
                if anyio.current_time() >= turns.last + self.ping_interval:
                    await turns.send_now({"type": kind, "body": await self._ping(), "more_body": True})

    async def _ping(self) -> bytes:
        event = PING if self.ping_message_factory is None else self.ping_message_factory()
        return self.encode(await event if isawaitable(event) else event)

    def _gap(self, missed: int | None) -> bytes:
        """What says that events are missing before the next one; how many, where that is known."""
        return self.encode({"event": "gap", "data": {"missed": missed}})

    def _encoded_retry(self) -> bytes:
        return b"" if self.retry is None else self.encode({"retry": self.retry})


class _Turns:
    """The `send` of one event stream, for two tasks: one message at a time, each within `timeout` seconds."""

    __slots__ = ("_resting", "_send", "_timeout", "draining", "home", "last", "lock")

    def __init__(self, send: Send, home: Home, timeout: float | None) -> None:
        self._send = send
        self._timeout = timeout
        self._resting: anyio.CancelScope | None = None  # there while the next event is waited for
        self.lock = anyio.Lock(fast_acquire=True)
        self.home = home
        self.draining = False
        self.last = 0.0  # when something was sent, on the clock of the event loop

    async def __call__(self, message: Message) -> None:
        """Send, when it is our turn."""
        async with self.lock:
            await self.send_now(message)

    async def send_now(self, message: Message) -> None:
        """Send; the caller holds the lock. Raises `TimeoutError`, and then nothing more can be sent."""
        if self._timeout is None:
            await self._send(message)
        else:
            with anyio.move_on_after(self._timeout) as scope:
                await self._send(message)
            if scope.cancelled_caught:
                raise TimeoutError("SSE send timed out")
        self.last = anyio.current_time()

    async def rest(self, events: AsyncIterator[Any]) -> Any:
        """The next event. Raises `StopAsyncIteration` at the end, and as soon as the server drains."""
        if not self.draining:
            with anyio.CancelScope() as self._resting:
                try:
                    return await anext(events)
                finally:
                    self._resting = None
        raise StopAsyncIteration

    def drain(self) -> None:
        """The server is being stopped: no more waiting for events."""
        self.draining = True
        if self._resting is not None:
            self._resting.cancel()

    async def cancel(self, scope: anyio.CancelScope) -> None:
        """Cancel whoever else takes turns, but not in the middle of a message."""
        async with self.lock:
            scope.cancel()


def _fields(event: Event) -> Mapping[str, Any]:
    return {"id": event.id, "event": event.topic, "data": event.data}


def _encode_published(event: Event, separator: str) -> bytes:
    """A published event as it is sent to everybody whose response has no encoders of its own."""
    return encode_event(_fields(event), to_json=_to_json, separator=separator)


def _to_json(data: Any, encoders: Iterable[Any] = ()) -> str:
    text: str = json_encode(data, json_encode_fn=_dumps, post_transform_fn=None, with_encoders=encoders)
    return text
