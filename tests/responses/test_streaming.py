"""A body that is made while it is sent: from what, and how promptly."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest
import trio

from lilya.apps import Lilya
from lilya.concurrency import as_channel
from lilya.responses import StreamingResponse
from lilya.responses.sse import EventStreamResponse
from lilya.routing import Path, WebSocketPath
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.support.life import running
from tests.support.wire import CONNECT, GONE, Wire, http_scope, request, websocket_scope

Log = list[Any]


async def send(response: StreamingResponse, wire: Wire | None = None, method: str = "GET") -> Wire:
    """Send it alone, over a wire of its own."""
    wire = wire or Wire(request())
    await response(http_scope(method=method), wire.receive, wire.send)
    return wire


def app_with(content: Callable[[], Any]) -> Lilya:
    async def handler() -> StreamingResponse:
        return StreamingResponse(content())

    return Lilya(routes=[Path("/", handler)])


# -- from what ----------------------------------------------------------------------------------------------------


async def generator() -> AsyncIterator[Any]:
    yield "a"
    await anyio.sleep(0.1)
    yield b"b"


def sync_generator() -> Iterator[Any]:
    yield "a"
    yield b"b"


class Iterable:
    """Makes a new iterator each time."""

    def __iter__(self) -> Iterator[Any]:
        return iter(("a", b"b"))


class AsyncIterable:
    """Its own iterator."""

    def __init__(self) -> None:
        self.left = ["a", b"b"]

    def __aiter__(self) -> AsyncIterable:
        return self

    async def __anext__(self) -> Any:
        await anyio.lowlevel.checkpoint()
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)

    async def method(self) -> AsyncIterator[Any]:
        async for piece in self:
            yield piece


class AsyncIterableByGenerator:
    async def __aiter__(self) -> AsyncIterator[Any]:
        yield "a"
        yield b"b"


@asynccontextmanager
async def opened(content: Any) -> AsyncIterator[Any]:
    await anyio.lowlevel.checkpoint()
    yield content
    await anyio.lowlevel.checkpoint()


@as_channel
async def channelled() -> AsyncGenerator[Any]:
    yield "a"
    yield b"b"


def memory_stream() -> Any:
    give, take = anyio.create_memory_object_stream[Any](2)
    give.send_nowait("a")
    give.send_nowait(b"b")
    give.close()
    return take


SOURCES: dict[str, Callable[[], Any]] = {
    "async generator": generator,
    "async generator function": lambda: generator,
    "partial of one": lambda: partial(generator),
    "method that is one": lambda: AsyncIterable().method,
    "async iterable": AsyncIterable,
    "async iterable whose __aiter__ is a generator": AsyncIterableByGenerator,
    "generator": sync_generator,
    "generator function": lambda: sync_generator,
    "list": lambda: ["a", b"b"],
    "iterable": Iterable,
    "class of an iterable": lambda: Iterable,
    "function that gives a list": lambda: lambda: ["a", b"b"],
    "memory object stream": memory_stream,
    "channel": channelled,
    "str": lambda: "ab",
    "bytes": lambda: b"ab",
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=list(SOURCES))
@pytest.mark.parametrize("inside", [False, True], ids=["bare", "from a context manager"])
async def test_content_may_be_any_of_these(make: Callable[[], Any], inside: bool) -> None:
    content = make()
    if inside and not hasattr(content, "__aenter__"):
        content = opened(content)
    wire = await send(StreamingResponse(content, media_type="text/plain"))
    assert wire.body == b"ab"
    assert wire.sent[0] == {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/plain; charset=utf-8")],
    }
    assert [message.get("more_body", False) for message in wire.sent[1:-1]] == [True] * (len(wire.sent) - 2)
    assert wire.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_a_trio_channel_will_do_under_trio(backend: str) -> None:
    if backend == "trio":
        give, take = trio.open_memory_channel[str](2)
        async with give:
            give.send_nowait("a")
            give.send_nowait("b")
        assert (await send(StreamingResponse(take))).body == b"ab"


async def test_pieces_may_be_text_or_any_bytes_and_may_be_empty() -> None:
    class Latin(StreamingResponse):
        charset = "latin-1"
        media_type = "text/plain"

    wire = await send(Latin(["ü", b"b", bytearray(b"c"), memoryview(b"d"), b"", ""]))
    assert [message["body"] for message in wire.sent[1:]] == [b"\xfc", b"b", b"c", b"d", b"", b"", b""]
    assert {type(message["body"]) for message in wire.sent[1:]} == {bytes}


async def test_nothing_streams_as_an_empty_body() -> None:
    wire = await send(StreamingResponse([]))
    assert wire.types == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("content", [None, 1, object()])
async def test_what_can_be_no_body_is_an_error_where_it_is_written(content: Any) -> None:
    with pytest.raises(TypeError, match=r"must be an \(async\) iterable of str or bytes, an async generator function"):
        StreamingResponse(content)


async def test_an_async_function_without_a_yield_is_no_body() -> None:
    async def forgot() -> list[bytes]:
        return [b"a"]

    with pytest.raises(TypeError, match=r"must be an .* async generator function"):
        StreamingResponse(forgot)  # type: ignore[arg-type]


async def test_a_function_that_gives_no_body_fails_before_the_start() -> None:
    for content in (lambda: None, opened(None)):
        wire = Wire(request())
        with pytest.raises(TypeError, match=r"must be an \(async\) iterable of str or bytes, not None"):
            await send(StreamingResponse(content), wire)  # type: ignore[arg-type]
        assert wire.sent == []


async def test_a_context_manager_that_cannot_be_entered_fails_before_the_start() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[list[bytes]]:
        raise ZeroDivisionError
        yield []

    wire = Wire(request())
    with pytest.raises(ZeroDivisionError):
        await send(StreamingResponse(broken()), wire)
    assert wire.sent == []


async def test_a_context_manager_is_open_while_the_body_is_sent() -> None:
    log: Log = []

    @asynccontextmanager
    async def resource() -> AsyncIterator[Any]:
        log.append("open")
        yield ["a", "b"]
        await anyio.sleep(1)
        log.append("closed")

    wire = Wire(request())
    wire.fail = lambda message: log.append(message.get("body", b"start"))
    await send(StreamingResponse(resource()), wire)
    assert log == ["open", b"start", b"a", b"b", "closed", b""]


async def test_headers_are_those_given_and_there_is_no_length_unless_it_is_one_of_them() -> None:
    wire = await send(StreamingResponse(["ab"], status_code=206, headers={"X-A": "1"}))
    assert wire.sent[0]["status"] == 206
    assert wire.sent[0]["headers"] == [(b"x-a", b"1")]
    wire = await send(StreamingResponse(["ab"], headers={"content-length": "2"}))
    assert wire.sent[0]["headers"] == [(b"content-length", b"2")]


async def test_on_a_websocket_it_is_a_denial_response() -> None:
    async def handler(websocket: WebSocket) -> None:
        await StreamingResponse(generator, status_code=403)(websocket.scope, websocket.receive, websocket.send)

    wire = Wire(CONNECT)
    scope = websocket_scope(extensions={"websocket.http.response": {}})
    await Lilya(routes=[WebSocketPath("/", handler)])(scope, wire.receive, wire.send)
    assert wire.types == ["websocket.http.response.start"] + ["websocket.http.response.body"] * 3
    assert wire.body == b"ab"


# -- how promptly -------------------------------------------------------------------------------------------------


def stepping(log: Log, count: int = 5, seconds: float = 0) -> Callable[[], AsyncIterator[bytes]]:
    """An async generator function that notes each piece when it makes it."""

    async def pieces() -> AsyncIterator[bytes]:
        for n in range(count):
            if seconds:
                await anyio.sleep(seconds)
            log.append(("made", n, anyio.current_time()))
            yield b"%d" % n

    return pieces


def stepping_in_a_scope(log: Log, count: int = 5, seconds: float = 0) -> Callable[[], AsyncIterator[bytes]]:
    """The same, holding a cancel scope across its yields: it runs in a task of its own."""

    async def pieces() -> AsyncIterator[bytes]:
        with anyio.CancelScope():
            async for piece in stepping(log, count, seconds)():
                yield piece

    return pieces


def stepping_in_a_thread(log: Log, count: int = 5, seconds: float = 0) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        for n in range(count):
            if seconds:
                anyio.from_thread.run(anyio.sleep, seconds)
            log.append(("made", n, anyio.from_thread.run_sync(anyio.current_time)))
            yield b"%d" % n

    return pieces


all_steppings = pytest.mark.parametrize("stepping", [stepping, stepping_in_a_scope, stepping_in_a_thread])


@all_steppings
async def test_each_piece_is_sent_as_soon_as_it_is_made(stepping: Any) -> None:
    log: Log = []
    wire = Wire(request())
    wire.fail = lambda message: log.append(("sent", message.get("body"), anyio.current_time()))
    await send(StreamingResponse(stepping(log, 2, 1)), wire)
    assert log == [
        ("sent", None, 0),
        ("made", 0, 1),
        ("sent", b"0", 1),
        ("made", 1, 2),
        ("sent", b"1", 2),
        ("sent", b"", 2),
    ]


@all_steppings
async def test_the_body_never_runs_ahead_of_a_client_that_reads_slowly(stepping: Any) -> None:
    log: Log = []
    wire = Wire(request())

    async def slow(message: Message) -> None:
        await anyio.sleep(1)
        await wire.send(message)
        made = sum(entry[0] == "made" for entry in log)
        sent = sum("body" in message for message in wire.sent)
        assert made <= max(sent, 1)

    await StreamingResponse(stepping(log))(http_scope(), wire.receive, slow)
    assert [entry[2] for entry in log] == [1, 2, 3, 4, 5]


async def test_context_variables_a_body_sets_are_seen_by_its_next_step_and_by_the_caller() -> None:
    var: ContextVar[int] = ContextVar("var", default=0)
    seen: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            seen.append(var.get())
            var.set(var.get() + 1)
            yield b""

    await send(StreamingResponse(pieces))
    assert var.get() == 3
    assert seen == [0, 1, 2]

    def in_a_thread() -> Iterator[bytes]:
        for _ in range(3):
            seen.append(var.get())
            var.set(var.get() + 1)
            yield b""

    await send(StreamingResponse(in_a_thread))
    assert var.get() == 6
    assert seen == [0, 1, 2, 3, 4, 5]


async def test_a_sync_iterable_is_made_stepped_and_closed_in_threads() -> None:
    main = threading.current_thread()
    log: Log = []

    class Blocking:
        def __iter__(self) -> Iterator[bytes]:
            log.append("iter")
            assert threading.current_thread() is not main
            try:
                for _ in range(3):
                    assert threading.current_thread() is not main
                    yield b"x"
            finally:
                assert threading.current_thread() is not main
                log.append("closed")

    assert (await send(StreamingResponse(Blocking()))).body == b"xxx"
    assert log == ["iter", "closed"]


class Furious(Wire):
    """A wire whose `send` never waits, as servers' do after the client has gone; it leaves after some messages."""

    def __init__(self, leaves_at: int, patience: int = 10_000_000) -> None:
        super().__init__(request())
        self.leaves_at = leaves_at
        self.patience = patience
        self.count = 0

    async def send(self, message: Message) -> None:
        self.count += 1
        if self.count == self.leaves_at:
            self.put(GONE)
        if self.count > self.patience:
            raise AssertionError("the loop never ran")


async def test_an_endless_body_whose_send_never_waits_does_not_freeze_the_loop() -> None:
    log: Log = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            log.append("closed")

    await app_with(endless)(http_scope(), (wire := Furious(100)).receive, wire.send)
    assert log == ["closed"]


class Passing:
    """A middleware with a `send` of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def passing(message: Message) -> None:
            await send(message)

        await self.app(scope, receive, passing)


@pytest.mark.parametrize("response", [StreamingResponse, EventStreamResponse])
@pytest.mark.parametrize(
    "options", [{}, {"timeout": 60.0}, {"middleware": [Passing]}], ids=["bare", "timed", "wrapped"]
)
async def test_the_client_of_an_endless_body_is_looked_after_whatever_stands_around(
    response: Any, options: Any
) -> None:
    # On a virtual clock, which a body that never waits does not let go on: the watch does not come to look.
    async def endless() -> AsyncIterator[dict[str, str] | str]:
        while True:
            yield {"data": "x"} if response is EventStreamResponse else "x"

    async def handler() -> StreamingResponse:
        made: StreamingResponse = response(endless())
        return made

    app = Lilya(routes=[Path("/", handler, **options)])
    wire = Furious(100, patience=1_000_000)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)


@pytest.mark.realtime
async def test_nor_does_it_under_a_lifespan() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    app = app_with(endless)
    wire = Furious(100)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.001)
            ticks += 1

    async with running(app), anyio.create_task_group() as group:
        group.start_soon(tick)
        began = time.monotonic()
        await app(http_scope(), wire.receive, wire.send)
        assert time.monotonic() - began < 5
        group.cancel_scope.cancel()
    assert ticks > 0
