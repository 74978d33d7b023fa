"""An event stream stays open, pings while it is idle, and ends well however it ends. All times are exact: virtual."""

# ruff: noqa: PT012  (what raises is the end of a block)

from __future__ import annotations

import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.background import Task
from lilya.concurrency.nursery import open_nursery
from lilya.responses.sse import PING_INTERVAL, EventStreamResponse
from lilya.routing._path import Path
from lilya.testing.exchange import MemoryExchange
from lilya.testing.server import MemoryServer, http_scope
from lilya.types import ASGIApp, Message
from tests.responses.fetching import fetch
from tests.support.leaks import running_tasks

PING = b": ping\n\n"


async def idle() -> AsyncGenerator[Any]:
    await anyio.sleep_forever()
    yield {}


@asynccontextmanager
async def streaming(app: ASGIApp, **options: Any) -> AsyncIterator[MemoryExchange]:
    """A client that has got the headers of a stream."""
    async with MemoryServer(app, lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/", **options))
        await exchange.head()
        try:
            yield exchange
        finally:
            await exchange.aclose()


async def heard(exchange: MemoryExchange, seconds: float) -> list[tuple[float, bytes]]:
    """What comes within so many seconds, and when."""
    chunks: list[tuple[float, bytes]] = []
    with anyio.move_on_after(seconds):
        # Reading is leaving when it is cancelled, so that the client leaves at the end.
        while (chunk := await exchange.chunk()) is not None:
            chunks.append((anyio.current_time(), chunk))
    return chunks


# -- events -------------------------------------------------------------------------------------------------------


async def test_the_headers_say_what_it_is_and_nothing_about_the_connection() -> None:
    async def events() -> AsyncGenerator[Any]:
        yield "x"

    fetched = await fetch(EventStreamResponse(events()))
    assert (fetched.status, fetched.body) == (200, b"data: x\n\n")
    assert fetched.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }


async def test_headers_that_were_given_win() -> None:
    response = EventStreamResponse([], headers={"Cache-Control": "no-store"}, status_code=203, media_type="text/x")
    fetched = await fetch(response)
    assert fetched.status == 203
    assert fetched.headers["cache-control"] == "no-store"
    assert fetched.headers["content-type"] == "text/x; charset=utf-8"


async def test_the_headers_are_out_before_the_first_event() -> None:
    async with streaming(EventStreamResponse(idle)):
        assert anyio.current_time() == 0


async def test_each_event_is_sent_when_it_is_made() -> None:
    async def events() -> AsyncGenerator[Any]:
        yield {"event": "tick", "data": {"n": 1}, "id": 1}
        await anyio.sleep(1)
        yield "two"
        await anyio.sleep(2)
        yield b"three"

    async with streaming(EventStreamResponse(events)) as exchange:
        assert await heard(exchange, 10) == [
            (0, b'id: 1\nevent: tick\ndata: {"n": 1}\n\n'),
            (1, b"data: two\n\n"),
            (3, b"data: three\n\n"),
        ]


async def test_objects_within_data_are_encoded_like_those_of_any_response() -> None:
    @dataclass
    class Price:
        symbol: str
        value: float

    fetched = await fetch(EventStreamResponse([{"data": {"price": Price("Ä", 1.5)}}, {"data": Price("B", 2)}]))
    assert fetched.body.decode() == (
        'data: {"price": {"symbol": "Ä", "value": 1.5}}\n\ndata: {"symbol": "B", "value": 2}\n\n'
    )


async def test_the_reconnection_time_comes_first() -> None:
    fetched = await fetch(EventStreamResponse(["x"], retry=1500))
    assert fetched.body == b"retry: 1500\n\ndata: x\n\n"


@pytest.mark.parametrize("separator", ["\n", "\r", "\r\n"])
async def test_lines_end_as_is_asked_for(separator: str) -> None:
    fetched = await fetch(EventStreamResponse(["a"], separator=separator, retry=1))
    assert fetched.body == f"retry: 1{separator * 2}data: a{separator * 2}".encode()


@pytest.mark.parametrize(
    "options",
    [{"separator": "x"}, {"retry": -1}, {"ping_interval": 0}, {"ping_interval": math.nan}, {"send_timeout": -1}],
)
def test_what_can_never_work_is_refused_when_it_is_made(options: Any) -> None:
    with pytest.raises(ValueError, match=r"not|got"):
        EventStreamResponse([], **options)


async def test_head_gets_the_headers_and_runs_nothing() -> None:
    ran: list[str] = []

    async def events() -> AsyncGenerator[Any]:
        ran.append("events")
        yield "x"

    async def feed() -> None:
        ran.append("feed")

    fetched = await fetch(EventStreamResponse(events(), data_sender_callable=feed), method="HEAD")
    assert (fetched.kinds, fetched.body, ran) == (["start", "body"], b"", [])


# -- sources ------------------------------------------------------------------------------------------------------


async def test_a_sync_source_runs_in_threads_and_does_not_hold_the_loop() -> None:
    threads: set[int] = set()
    asked, go_on = threading.Event(), threading.Event()

    def events() -> Iterator[Any]:
        yield "first"
        threads.add(threading.get_ident())
        asked.set()
        go_on.wait()
        yield "second"

    async with streaming(EventStreamResponse(events())) as exchange:
        assert await exchange.chunk() == b"data: first\n\n"
        while not asked.is_set():
            await anyio.lowlevel.checkpoint()  # which the loop can do meanwhile
        go_on.set()
        assert await exchange.chunk() == b"data: second\n\n"
        assert await exchange.chunk() is None
    assert threads.isdisjoint({threading.get_ident()})


async def test_a_source_may_hold_a_nursery_open_while_it_waits() -> None:
    async def events() -> AsyncGenerator[Any]:
        async with open_nursery() as nursery:
            send, receive = anyio.create_memory_object_stream[str]()
            nursery.start_soon(send.send, "from a task")
            async with send, receive:
                yield await receive.receive()
                yield "last"
            nursery.cancel_scope.cancel()

    async with streaming(EventStreamResponse(events)) as exchange:
        assert await exchange.chunk() == b"data: from a task\n\n"
        assert await exchange.chunk() == b"data: last\n\n"
        assert await exchange.chunk() is None


async def test_a_source_may_be_a_context_manager_and_is_left_at_the_end() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def subscription() -> AsyncIterator[list[str]]:
        steps.append("entered")
        try:
            yield ["a", "b"]
        finally:
            await anyio.sleep(1)
            steps.append("left")

    fetched = await fetch(EventStreamResponse(subscription()))
    assert fetched.body == b"data: a\n\ndata: b\n\n"
    assert steps == ["entered", "left"]


async def test_a_feeder_runs_beside_the_stream_and_feeds_it() -> None:
    send, receive = anyio.create_memory_object_stream[Any]()

    async def feed() -> None:
        async with send:
            for number in range(3):
                await anyio.sleep(1)
                await send.send(str(number))

    async with streaming(EventStreamResponse(receive, data_sender_callable=feed)) as exchange:
        assert await heard(exchange, 10) == [(1, b"data: 0\n\n"), (2, b"data: 1\n\n"), (3, b"data: 2\n\n")]


async def test_a_sync_feeder_runs_in_a_thread() -> None:
    send, receive = anyio.create_memory_object_stream[str](1)

    def feed() -> None:
        anyio.from_thread.run_sync(send.send_nowait, "fed")
        anyio.from_thread.run_sync(send.close)

    assert (await fetch(EventStreamResponse(receive, data_sender_callable=feed))).body == b"data: fed\n\n"


async def test_the_feeder_ends_with_the_stream() -> None:
    ended: list[float] = []

    async def feed() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(anyio.current_time())

    async def events() -> AsyncGenerator[Any]:
        await anyio.sleep(5)
        yield "x"

    await fetch(EventStreamResponse(events, data_sender_callable=feed))
    assert ended == [5]


async def test_the_failure_of_the_feeder_ends_the_stream_as_itself() -> None:
    closed: list[str] = []

    async def feed() -> None:
        await anyio.sleep(1)
        raise LookupError("the feed broke")

    async def events() -> AsyncGenerator[Any]:
        try:
            await anyio.sleep_forever()
            yield "x"
        finally:
            closed.append("events")

    with pytest.raises(LookupError, match="the feed broke"):
        await fetch(EventStreamResponse(events(), data_sender_callable=feed))
    assert closed == ["events"]


async def test_whoever_feeds_a_memory_stream_learns_that_nobody_listens() -> None:
    send, receive = anyio.create_memory_object_stream[str]()
    async with send:
        async with streaming(EventStreamResponse(receive)):
            pass
        with pytest.raises(anyio.BrokenResourceError):
            await send.send("x")


# -- pings --------------------------------------------------------------------------------------------------------


async def test_an_idle_stream_pings_every_quarter_of_a_minute() -> None:
    async with streaming(EventStreamResponse(idle)) as exchange:
        assert await heard(exchange, 50) == [(15, PING), (30, PING), (45, PING)]
    assert PING_INTERVAL == 15


async def test_a_stream_that_is_not_idle_does_not_ping() -> None:
    async def events() -> AsyncGenerator[Any]:
        for _ in range(3):
            await anyio.sleep(4)
            yield "x"
        await anyio.sleep(12)

    async with streaming(EventStreamResponse(events, ping_interval=5)) as exchange:
        times = await heard(exchange, 100)
    assert times == [(4, b"data: x\n\n"), (8, b"data: x\n\n"), (12, b"data: x\n\n"), (17, PING), (22, PING)]


async def test_a_ping_never_comes_before_the_headers() -> None:
    @asynccontextmanager
    async def slow() -> AsyncIterator[AsyncGenerator[Any]]:
        await anyio.sleep(60)
        yield idle()

    async with streaming(EventStreamResponse(slow())) as exchange:
        assert anyio.current_time() == 60
        assert await heard(exchange, 20) == [(75, PING)]


async def test_pings_can_be_of_ones_own_making() -> None:
    async def awaited() -> dict[str, Any]:
        await anyio.sleep(1)
        return {"event": "ping", "data": {"at": anyio.current_time()}}

    for factory, time in ((awaited, 11), (lambda: "tick", 10)):
        start = anyio.current_time()
        response = EventStreamResponse(idle, ping_interval=10, ping_message_factory=factory)
        async with streaming(response) as exchange:
            ((when, what),) = await heard(exchange, 15)
            assert when - start == time
            assert what in (b'event: ping\ndata: {"at": 11.0}\n\n', b"data: tick\n\n")


async def test_pings_can_be_done_without() -> None:
    async with streaming(EventStreamResponse(idle, ping_interval=math.inf)) as exchange:
        assert await heard(exchange, 3600) == []


async def test_the_failure_of_a_ping_ends_the_stream_as_itself() -> None:
    def fail() -> Any:
        raise LookupError("no ping")

    with pytest.raises(LookupError, match="no ping"):
        await fetch(EventStreamResponse(idle, ping_message_factory=fail))


class SlowServer:
    """Takes `seconds` for each message, one at a time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.busy = False
        self.sent: list[tuple[float, bytes]] = []

    async def send(self, message: Message) -> None:
        assert not self.busy, "two tasks send at once"
        self.busy = True
        await anyio.sleep(self.seconds)
        self.busy = False  # not reached when it was cut short
        self.sent.append((anyio.current_time(), message.get("body", b"")))

    async def receive(self) -> Message:
        await anyio.sleep_forever()
        raise AssertionError


async def test_what_is_sent_beside_each_other_is_sent_one_by_one() -> None:
    async def events() -> AsyncGenerator[Any]:
        for _ in range(3):
            await anyio.sleep(9.5)  # a ping is on its way when the next event is there
            yield "x"

    server = SlowServer(1)
    await EventStreamResponse(events, ping_interval=9)(http_scope("GET", "/"), server.receive, server.send)
    assert [body for _, body in server.sent] == [b"", b"", *[PING, b"data: x\n\n"] * 3, b""]


async def test_a_ping_that_waited_for_an_event_is_not_needed_any_more() -> None:
    async def events() -> AsyncGenerator[Any]:
        yield "x"

    server = SlowServer(20)
    await EventStreamResponse(events)(http_scope("GET", "/"), server.receive, server.send)
    assert [body for _, body in server.sent] == [b"", b"", b"data: x\n\n", b""]


async def test_a_stream_that_ends_in_the_middle_of_a_ping_lets_it_be_sent() -> None:
    async def events() -> AsyncGenerator[Any]:
        await anyio.sleep(10.5)
        return
        yield

    server = SlowServer(1)
    await EventStreamResponse(events, ping_interval=10)(http_scope("GET", "/"), server.receive, server.send)
    assert server.sent == [(1, b""), (2, b""), (13, PING), (14, b"")]


# -- the end ------------------------------------------------------------------------------------------------------


async def test_a_client_that_leaves_cancels_the_source_and_is_reported() -> None:
    steps: list[Any] = []

    async def events() -> AsyncGenerator[Any]:
        try:
            while True:
                yield "x"
                await anyio.sleep(10)
        finally:
            steps.append("closed")

    async def left(message: Message) -> None:
        await anyio.sleep(0.5)  # it may await: it is not cancelled
        steps.append(dict(message))

    async def background() -> None:
        steps.append("background")

    response = EventStreamResponse(events, client_close_handler=left, background=Task(background))
    async with MemoryServer(response, lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await exchange.chunk()
        exchange.disconnect()
        await exchange.aclose()
    assert steps == ["closed", {"type": "http.disconnect"}, "background"]


async def test_a_handler_of_leaving_may_be_sync_and_runs_in_a_thread() -> None:
    threads: list[int] = []

    def left(message: Message) -> None:
        threads.append(threading.get_ident())

    async with streaming(EventStreamResponse(idle, client_close_handler=left)):
        pass
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_a_broken_connection_is_a_client_that_left() -> None:
    messages: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        if message.get("body"):
            raise OSError("broken pipe")

    await EventStreamResponse(["x"], client_close_handler=messages.append)(http_scope("GET", "/"), receive, send)
    assert messages == [{"type": "http.disconnect"}]


async def test_a_stream_that_ends_by_itself_has_nobody_leaving() -> None:
    messages: list[Message] = []
    await fetch(EventStreamResponse(["x"], client_close_handler=messages.append))
    assert messages == []


async def test_a_reader_that_is_stuck_is_given_up() -> None:
    closed: list[float] = []

    async def events() -> AsyncGenerator[Any]:
        try:
            yield "x"
            yield "never made"
        finally:
            closed.append(anyio.current_time())

    async with MemoryServer(EventStreamResponse(events, send_timeout=3), lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        with pytest.raises(TimeoutError, match=r"^SSE send timed out$"):
            await anyio.sleep(10)
            while await exchange.chunk() is not None:
                pass
        await exchange.aclose()
    assert closed == [3]


async def test_a_reader_that_does_not_even_take_a_ping_is_given_up() -> None:
    server = SlowServer(2)
    with pytest.raises(TimeoutError, match=r"^SSE send timed out$"):
        async with open_nursery() as nursery:
            response = EventStreamResponse(idle, send_timeout=3)
            nursery.start_soon(response, http_scope("GET", "/"), server.receive, server.send)
            await anyio.sleep(10)
            server.seconds = 100
    assert anyio.current_time() == 4 + 15 + 3


async def test_a_slow_reader_is_not_a_stuck_one() -> None:
    server = SlowServer(2)
    response = EventStreamResponse(["x"], send_timeout=3)
    await response(http_scope("GET", "/"), server.receive, server.send)
    assert [body for _, body in server.sent] == [b"", b"", b"data: x\n\n", b""]


@pytest.mark.parametrize("send_timeout", [None, 30])
async def test_a_cancellation_stays_one(send_timeout: float | None) -> None:
    server = SlowServer(0)
    for seconds in (0, 1):  # while it sends, and while it rests
        server.seconds = 1 - seconds
        with anyio.move_on_after(0.5) as scope:
            response = EventStreamResponse(idle, send_timeout=send_timeout)
            await response(http_scope("GET", "/"), server.receive, server.send)
            pytest.fail("it was not cancelled")
        assert scope.cancelled_caught
        server.busy = False


async def test_the_failure_of_the_source_aborts_the_stream_as_itself() -> None:
    async def events() -> AsyncGenerator[Any]:
        yield "x"
        raise LookupError("no more")

    async with streaming(EventStreamResponse(events)) as exchange:
        assert await exchange.chunk() == b"data: x\n\n"
        with pytest.raises(LookupError, match="no more"):
            await exchange.chunk()


@pytest.mark.parametrize(("event", "error"), [({"id": "a\nb"}, ValueError), (5, TypeError), ({"x": 1}, ValueError)])
async def test_what_is_no_event_aborts_the_stream_and_closes_the_source(event: Any, error: type[Exception]) -> None:
    closed: list[str] = []

    async def events() -> AsyncGenerator[Any]:
        try:
            yield event
        finally:
            closed.append("events")

    with pytest.raises(error):
        await fetch(EventStreamResponse(events))
    assert closed == ["events"]


async def test_a_source_that_never_waits_lets_others_run() -> None:
    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        """As uvicorn's after a disconnect: no checkpoint."""

    async def events() -> AsyncGenerator[Any]:
        while True:
            yield "x"

    with anyio.move_on_after(1) as scope:
        async with open_nursery() as nursery:
            nursery.start_soon(EventStreamResponse(events), http_scope("GET", "/"), receive, send)
            await anyio.lowlevel.checkpoint()
            scope.cancel()
    assert scope.cancelled_caught


# -- draining -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(response: EventStreamResponse) -> AsyncIterator[tuple[Lilya, MemoryExchange]]:
    """A stream of an application, and its client, which has got the headers."""

    async def handler() -> EventStreamResponse:
        return response

    app = Lilya(routes=[Path("/", handler)])
    async with MemoryServer(app) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        yield app, exchange
        await exchange.aclose()


async def test_a_stream_ends_politely_when_the_server_drains() -> None:
    closed: list[float] = []

    async def events() -> AsyncGenerator[Any]:
        try:
            yield "x"
            await anyio.sleep_forever()
        finally:
            closed.append(anyio.current_time())

    async with served(EventStreamResponse(events, retry=200)) as (app, exchange):
        assert await exchange.chunk() == b"retry: 200\n\n"
        assert await exchange.chunk() == b"data: x\n\n"
        await anyio.sleep(5)
        app.drain()
        assert await exchange.chunk() == b"retry: 200\n\n"
        assert await exchange.chunk() is None
    assert closed == [5]


async def test_without_a_reconnection_time_a_drained_stream_just_ends() -> None:
    async with served(EventStreamResponse(idle)) as (app, exchange):
        await anyio.sleep(5)
        app.drain()
        assert await exchange.chunk() is None


async def test_a_stream_that_begins_while_the_server_drains_ends_at_once() -> None:
    async def handler() -> EventStreamResponse:
        return EventStreamResponse(idle, retry=200)

    app = Lilya(routes=[Path("/", handler)])
    async with MemoryServer(app) as server:
        app.drain()
        exchange = server.request(http_scope("GET", "/"))
        assert (await exchange.head()).status == 200
        assert [await exchange.chunk(), await exchange.chunk()] == [b"retry: 200\n\n"] * 2
        assert await exchange.chunk() is None
        await exchange.aclose()


async def test_draining_does_not_cut_a_message_short() -> None:
    async def events() -> AsyncGenerator[Any]:
        while True:
            yield "whole"

    async with served(EventStreamResponse(events, retry=1)) as (app, exchange):
        assert await exchange.chunk() == b"retry: 1\n\n"
        await anyio.sleep(1)  # now the first event waits for its reader
        app.drain()
        await anyio.sleep(1)
        assert await exchange.chunk() == b"data: whole\n\n"
        assert await exchange.chunk() == b"retry: 1\n\n"
        assert await exchange.chunk() is None


async def test_draining_waits_for_a_sync_source_to_make_its_event() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def events() -> Iterator[Any]:
        asked.set()
        go_on.wait()
        yield "made meanwhile"
        raise AssertionError("nobody asks for more")

    async with served(EventStreamResponse(events())) as (app, exchange):
        while not asked.is_set():
            await anyio.lowlevel.checkpoint()
        app.drain()
        await anyio.lowlevel.checkpoint()
        go_on.set()
        assert await exchange.chunk() == b"data: made meanwhile\n\n"
        assert await exchange.chunk() is None


async def test_shutting_down_does_not_wait_for_streams() -> None:
    async def handler() -> EventStreamResponse:
        return EventStreamResponse(idle, retry=50)

    app = Lilya(routes=[Path("/", handler)])
    chunks: list[bytes] = []

    async def client(server: MemoryServer) -> None:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        while (chunk := await exchange.chunk()) is not None:
            chunks.append(chunk)
        await exchange.aclose()

    async with MemoryServer(app) as server, open_nursery() as nursery:
        nursery.start_soon(partial(client, server))
        await anyio.sleep(1)
        app.drain()
    assert chunks == [b"retry: 50\n\n"] * 2
    assert anyio.current_time() == 1


async def test_one_helper_is_all_an_idle_stream_needs(backend: str) -> None:
    async with served(EventStreamResponse(idle)) as (_, exchange):
        await anyio.sleep(5)
        before = set(running_tasks(backend).values())
        exchange.disconnect()
        await exchange.aclose()
    names = [name for name in before if "event stream" in name]
    assert len(names) == 1
