"""An event stream of a subscription: replayed, pinged, told of gaps, ended well. One task each."""

# ruff: noqa: PT012  (what raises is the end of a block)

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.apps import Lilya
from lilya.middleware.compression import GZipMiddleware
from lilya.pubsub import Event, MemoryPubSub, Subscription
from lilya.requests import Request
from lilya.responses import EventStreamResponse
from lilya.routing import Path
from lilya.testclient import AsyncTestClient
from lilya.testing import ServerOptions
from lilya.testing.exchange import MemoryExchange
from lilya.testing.script import cancel_everywhere, disconnect_everywhere
from lilya.testing.server import MemoryServer, http_scope
from lilya.types import ASGIApp, Message, Scope
from tests.responses.fetching import fetch
from tests.support.leaks import running_tasks

GAP = b'event: gap\ndata: {"missed": %s}\n\n'
PING = b": ping\n\n"


@asynccontextmanager
async def streaming(app: ASGIApp, options: ServerOptions | None = None) -> AsyncIterator[MemoryExchange]:
    """A client that has got the headers of a stream."""
    async with MemoryServer(app, lifespan=isinstance(app, Lilya), options=options) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        try:
            yield exchange
        finally:
            await exchange.aclose()


async def heard(exchange: MemoryExchange, length: int) -> bytes:
    """So many bytes of the stream."""
    got = b""
    while len(got) < length:
        got += await exchange.chunk() or b"(the end)"
    return got


def line(event_id: str, data: str, topic: str = "t") -> bytes:
    return f"id: {event_id}\nevent: {topic}\ndata: {data}\n\n".encode()


async def test_what_is_published_is_sent_with_id_topic_and_data() -> None:
    pubsub = MemoryPubSub()
    async with streaming(EventStreamResponse(pubsub.subscribe("t", "u"))) as exchange:
        first = await pubsub.publish("t", {"ä": [1]})
        expected = line(first, '{"ä": [1]}')
        assert await heard(exchange, len(expected)) == expected
        second, third = await pubsub.publish("u", "two\nlines"), await pubsub.publish("t", "x")
        expected = line(second, "two\ndata: lines", "u") + line(third, "x")
        assert await heard(exchange, len(expected)) == expected
    assert pubsub.statistics().subscribers == 0


async def test_an_idle_stream_is_one_task(backend: str) -> None:
    pubsub = MemoryPubSub()
    app = Lilya(routes=[Path("/", lambda: EventStreamResponse(pubsub.subscribe("t")))])
    async with MemoryServer(app) as server:
        before = len(running_tasks(backend))
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.sleep(1)  # longer than the watch looks
        assert len(running_tasks(backend)) == before + 1
        await exchange.aclose()
        assert app.statistics().idle


async def test_an_event_is_encoded_once_for_all_streams() -> None:
    encoded: list[Any] = []

    class Counted:
        def __iter__(self) -> Any:
            encoded.append(1)
            return iter([1, 2])

    class Encoder:
        __type__ = Counted

        def is_type(self, value: Any) -> bool:
            return isinstance(value, Counted)

        def serialize(self, value: Counted) -> list[int]:
            return list(value)

    pubsub = MemoryPubSub()
    shared, own = EventStreamResponse([]), EventStreamResponse([], encoders=[Encoder()])
    event = Event("1", "t", {"a": 1})
    assert shared.encode(event) is EventStreamResponse([]).encode(event)
    assert own.encode(Event("1", "t", Counted())) == line("1", "[1, 2]")
    assert len(encoded) == 1
    assert EventStreamResponse([], separator="\r\n").encode(event) == b'id: 1\r\nevent: t\r\ndata: {"a": 1}\r\n\r\n'
    assert pubsub.statistics().published == 0


async def test_a_client_that_comes_back_has_the_rest() -> None:
    pubsub = MemoryPubSub(history=10)

    async def feed(request: Request) -> EventStreamResponse:
        return EventStreamResponse(pubsub.subscribe("t", after=request.last_event_id))

    ids = [await pubsub.publish("t", str(number)) for number in range(12)]
    async with AsyncTestClient(Lilya(routes=[Path("/", feed)])) as client:
        for after, expected in [
            (ids[9], line(ids[10], "10") + line(ids[11], "11")),
            (ids[0], GAP % b"null" + b"".join(line(ids[number], str(number)) for number in range(2, 12))),
        ]:
            async with client.stream("GET", "/", headers={"last-event-id": after}) as response:
                got = b""
                async for piece in response.aiter_bytes():
                    got += piece
                    if len(got) >= len(expected):
                        break
                assert got == expected


def test_the_id_of_the_last_event_is_read_from_the_request() -> None:
    def last(*headers: tuple[bytes, bytes]) -> str | None:
        return Request(http_scope("GET", "/", headers=list(headers))).last_event_id

    assert last() is None
    assert last((b"last-event-id", b"")) is None
    assert last((b"last-event-id", "ä-1".encode())) == "ä-1"
    assert last((b"last-event-id", b"\xff")) == "�"


async def test_silence_is_pinged_and_speech_is_not() -> None:
    pubsub = MemoryPubSub()
    response = EventStreamResponse(pubsub.subscribe("t"), ping_interval=10, retry=5)
    async with streaming(response) as exchange:
        assert await heard(exchange, 1) == b"retry: 5\n\n"
        await anyio.sleep(9)
        id = await pubsub.publish("t", "x")
        assert await heard(exchange, 1) == line(id, "x")
        assert await heard(exchange, 1) == PING
        assert anyio.current_time() == 19
        assert await heard(exchange, 1) == PING
        assert anyio.current_time() == 29


async def test_what_a_slow_client_missed_is_told() -> None:
    pubsub = MemoryPubSub()
    response = EventStreamResponse(pubsub.subscribe("t", buffer=2, overflow="drop_oldest"))
    async with streaming(response, ServerOptions(response_buffer=1)) as exchange:
        ids = []
        for number in range(6):
            ids.append(await pubsub.publish("t", str(number)))
            await anyio.wait_all_tasks_blocked()
        got = b""
        while not got.endswith(line(ids[5], "5")):
            got += await exchange.chunk() or b"(the end)"
        dropped = pubsub.statistics().dropped
        assert dropped > 0
        assert got.endswith(GAP % str(dropped).encode() + line(ids[4], "4") + line(ids[5], "5"))


async def test_one_that_was_closed_for_being_slow_ends_well_and_its_client_comes_back() -> None:
    pubsub = MemoryPubSub(history=10)
    async with streaming(
        EventStreamResponse(pubsub.subscribe("t", buffer=2)), ServerOptions(response_buffer=1)
    ) as exchange:
        for number in range(8):
            await pubsub.publish("t", str(number))
            await anyio.wait_all_tasks_blocked()
        got = b""
        while (chunk := await exchange.chunk()) is not None:
            got += chunk
        assert got.endswith(b"\n\n")
        assert pubsub.statistics().closed == 1


async def test_draining_ends_the_stream_at_once_with_a_last_retry() -> None:
    pubsub = MemoryPubSub()
    app = Lilya(routes=[Path("/", lambda: EventStreamResponse(pubsub.subscribe("t"), retry=100))])
    async with MemoryServer(app) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.sleep(1)
        app._life.drain()
        got = b""
        while (chunk := await exchange.chunk()) is not None:
            got += chunk
        assert got == b"retry: 100\n\n" * 2
        assert anyio.current_time() == 1
        await exchange.aclose()


@pytest.mark.parametrize("seconds", [0, 0.01, 1], ids=["at once", "before the watch looks", "later"])
async def test_a_client_that_leaves_is_noticed_at_once(seconds: float) -> None:
    pubsub = MemoryPubSub()
    told: list[Message] = []

    async def feed() -> EventStreamResponse:
        await anyio.lowlevel.checkpoint()
        return EventStreamResponse(pubsub.subscribe("t"), client_close_handler=told.append)

    app = Lilya(routes=[Path("/", feed)])
    async with MemoryServer(app) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.sleep(seconds)
        assert pubsub.statistics().subscribers == 1
        exchange.disconnect()
        await anyio.wait_all_tasks_blocked()
        assert pubsub.statistics().subscribers == 0
        await exchange.aclose()
    assert told == [{"type": "http.disconnect"}]


async def test_a_stream_that_somebody_else_reads_for_is_served_too() -> None:
    pubsub = MemoryPubSub()

    async def feed(request: Request) -> EventStreamResponse:
        assert not await request.is_disconnected()  # starts the reader
        return EventStreamResponse(pubsub.subscribe("t"))

    app = Lilya(routes=[Path("/", feed)])
    async with MemoryServer(app) as server:
        exchange = server.request(http_scope("GET", "/"))
        await exchange.head()
        await anyio.sleep(1)
        id = await pubsub.publish("t", "x")
        assert await heard(exchange, 1) == line(id, "x")
        exchange.disconnect()
        await anyio.wait_all_tasks_blocked()
        assert pubsub.statistics().subscribers == 0
        await exchange.aclose()


async def test_a_client_that_is_stuck_is_cut_off_in_time() -> None:
    pubsub = MemoryPubSub()
    response = EventStreamResponse(pubsub.subscribe("t"), send_timeout=3)
    with pytest.raises(TimeoutError, match="SSE send timed out"):
        async with streaming(response, ServerOptions(response_buffer=1)) as exchange:
            for number in range(4):
                await pubsub.publish("t", str(number))
                await anyio.wait_all_tasks_blocked()
            await anyio.sleep(10)
            assert pubsub.statistics().subscribers == 0
            await exchange.aclose()


async def test_a_feeder_runs_beside_it_and_misses_no_subscriber() -> None:
    pubsub = MemoryPubSub()

    async def feed() -> None:
        await pubsub.publish("t", "first")
        await anyio.sleep_forever()

    response = EventStreamResponse(pubsub.subscribe("t"), data_sender_callable=feed)
    async with streaming(response) as exchange:
        assert b"data: first" in await heard(exchange, 1)


async def test_head_subscribes_nobody() -> None:
    pubsub = MemoryPubSub()
    fed: list[str] = []

    async def feed() -> None:
        fed.append("fed")

    response = EventStreamResponse(pubsub.subscribe("t"), data_sender_callable=feed)
    fetched = await fetch(response, method="HEAD")
    assert (fetched.status, fetched.body, fed) == (200, b"", [])


async def test_another_back_end_gives_its_subscription_by_a_context_manager() -> None:
    pubsub = MemoryPubSub(history=2)

    @asynccontextmanager
    async def subscribe() -> AsyncIterator[Subscription]:
        async with pubsub.subscribe("t", after="") as events:
            yield events

    content: AbstractAsyncContextManager[Subscription] = subscribe()
    ids = [await pubsub.publish("t", str(number)) for number in range(2)]
    async with streaming(EventStreamResponse(content)) as exchange:
        expected = line(ids[0], "0") + line(ids[1], "1")
        assert await heard(exchange, len(expected)) == expected


async def test_it_is_flushed_through_our_own_compression() -> None:
    pubsub = MemoryPubSub()
    app = Lilya(routes=[Path("/", lambda: EventStreamResponse(pubsub.subscribe("t")))], middleware=[])
    async with AsyncTestClient(GZipMiddleware(app)) as client:
        async with client.stream("GET", "/", headers={"accept-encoding": "gzip"}) as response:
            assert response.headers["content-encoding"] == "gzip"
            pieces = response.aiter_text()
            for number in range(3):
                await pubsub.publish("t", str(number))
                assert f"data: {number}\n\n" in await anext(pieces)


@pytest.mark.parametrize("everywhere", [disconnect_everywhere, cancel_everywhere])
async def test_leaving_and_being_cancelled_at_every_step_leaves_nobody_subscribed(everywhere: Any) -> None:
    pubsub = MemoryPubSub(history=3)

    def make() -> tuple[ASGIApp, Scope]:
        assert pubsub.statistics().subscribers == 0
        return EventStreamResponse(pubsub.subscribe("t", after=""), ping_interval=0.1), http_scope("GET", "/")

    for number in range(3):
        await pubsub.publish("t", str(number))
    assert await everywhere(make, [{"type": "http.request", "body": b"", "more_body": False}], max_steps=6) >= 6
    assert pubsub.statistics().subscribers == 0
