"""A client that leaves a websocket: who is told, who is cancelled, and when."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import anyio
import pytest

from lilya._asgi.exchange import PATIENCE
from lilya._asgi.inbox import READ_AHEAD
from lilya._asgi.watch import LOOK_EVERY
from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect, WebSocketDisconnect
from lilya.routing import Include, WebSocketPath
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from lilya.websockets import WebSocket, WebSocketState
from tests.support.life import running
from tests.support.wire import CONNECT, Wire, left, text, websocket_scope

Log = list[Any]
NOTICED = pytest.approx(0, abs=2 * LOOK_EVERY)  # how long noticing may take where it must be noticed first


def life_of(app: Lilya, lifespan: bool) -> AbstractAsyncContextManager[Any]:
    return running(app) if lifespan else nullcontext()


async def serve(handler: Any, wire: Wire, lifespan: bool = True, **options: Any) -> Wire:
    app = Lilya(routes=[WebSocketPath("/", handler, **options)])
    async with life_of(app, lifespan):
        await app(websocket_scope(), wire.receive, wire.send)
        assert wire.readers == 0
        assert wire.most_readers <= 1
        assert app.statistics().exchanges == ()
    return wire


def passing(wrap_receive: bool = True, wrap_send: bool = True) -> Any:
    """A middleware that puts a `receive` and a `send` of its own in between."""

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def my_receive() -> Message:
                return await receive()

            async def my_send(message: Message) -> None:
                await send(message)

            await self.app(scope, my_receive if wrap_receive else receive, my_send if wrap_send else send)

    return Layer


both_lives = pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
all_layers = pytest.mark.parametrize(
    "options", [{}, {"middleware": [passing()]}], ids=["bare", "behind a middleware that wraps"]
)


# -- a feed -------------------------------------------------------------------------------------------------------


@both_lives
@all_layers
async def test_a_feed_is_cancelled_the_moment_its_client_leaves(lifespan: bool, options: Any) -> None:
    log: Log = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await anyio.sleep(1)
                await websocket.send_text("tick")
        finally:
            log.append(anyio.current_time())

    async def leave() -> None:
        await anyio.sleep(3.5)
        wire.put(left())

    wire = Wire(CONNECT)
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await serve(feed, wire, lifespan, **options)
    assert log == [3.5]
    assert wire.types == ["websocket.accept"] + ["websocket.send"] * 3


@both_lives
@all_layers
async def test_a_feed_whose_client_left_at_once_is_cancelled_at_once(lifespan: bool, options: Any) -> None:
    log: Log = []

    async def feed(websocket: WebSocket) -> None:
        try:
            await websocket.accept()
            await anyio.sleep(10)
        finally:
            log.append(anyio.current_time())

    await serve(feed, Wire(CONNECT, left()), lifespan, **options)
    assert log == [NOTICED]


async def test_a_feed_in_a_nursery_of_its_own_is_cancelled_whole() -> None:
    log: Log = []

    async def tick(websocket: WebSocket) -> None:
        try:
            while True:
                await anyio.sleep(1)
                await websocket.send_text("tick")
        finally:
            log.append("ticker")

    async def feed(websocket: WebSocket, task_group: anyio.abc.TaskGroup) -> None:
        await websocket.accept()
        task_group.start_soon(tick, websocket)
        try:
            await anyio.sleep_forever()
        finally:
            log.append("feed")

    await serve(feed, Wire(CONNECT, left()))
    assert sorted(log) == ["feed", "ticker"]


async def test_a_cancelled_feed_cleans_up_before_the_exchange_ends() -> None:
    log: Log = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(5)
                log.append(websocket.application_state)

    await serve(feed, Wire(CONNECT, left()))
    assert log == [WebSocketState.CONNECTED]


async def test_the_layers_around_a_cancelled_feed_are_not_cancelled() -> None:
    log: Log = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            await anyio.sleep(1)
            log.append("after")

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.sleep_forever()

    await serve(feed, Wire(CONNECT, left()), middleware=[Layer])
    assert log == ["after"]


@both_lives
@pytest.mark.parametrize(
    "routes",
    [
        lambda feed: [WebSocketPath("/", feed, on_disconnect="ignore")],
        lambda feed: [Include("/", routes=[WebSocketPath("/", feed)], on_disconnect="ignore")],
    ],
    ids=["WebSocketPath", "Include"],
)
async def test_on_disconnect_ignore_lets_it_run_on(routes: Callable[[Any], Any], lifespan: bool) -> None:
    log: Log = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.sleep(10)
        log.append("ran on")

    app = Lilya(routes=routes(feed))
    wire = Wire(CONNECT, left())
    async with life_of(app, lifespan):
        await app(websocket_scope(), wire.receive, wire.send)
    assert log == ["ran on"]


async def test_a_slow_handshake_whose_client_leaves_is_cancelled() -> None:
    log: Log = []

    async def slow(websocket: WebSocket) -> None:
        try:
            await anyio.sleep(10)  # looks the user up
        finally:
            log.append(anyio.current_time())
        await websocket.accept()

    wire = Wire(CONNECT)

    async def leave() -> None:
        await anyio.sleep(2)
        wire.put(left(1006))

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await serve(slow, wire)
    # The connect message was not taken yet: until somebody comes back for it the handler has its patience.
    assert log == [pytest.approx(2 + PATIENCE)]
    assert wire.sent == []


# -- one that receives --------------------------------------------------------------------------------------------


@both_lives
@all_layers
async def test_a_handler_that_waits_in_receive_is_told_and_cleans_up_at_leisure(lifespan: bool, options: Any) -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.receive_text()
        except WebSocketDisconnect as exc:
            log.append((exc.code, anyio.current_time()))
            await anyio.sleep(5)
            log.append("cleaned up")

    async def leave() -> None:
        await anyio.sleep(3)
        wire.put(left(4000))

    wire = Wire(CONNECT)
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await serve(handler, wire, lifespan, **options)
    assert log == [(4000, 3), "cleaned up"]


@both_lives
@all_layers
async def test_one_that_receives_raw_messages_is_told_the_same_way(lifespan: bool, options: Any) -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        while True:
            message = await websocket.receive()
            log.append(message["type"].rpartition(".")[2])
            if log[-1] == "connect":
                await websocket.accept()
            if log[-1] == "disconnect":
                await anyio.sleep(5)
                log.append("cleaned up")
                return

    async def leave() -> None:
        await anyio.sleep(3)
        wire.put(left(4000))

    for messages in ((), (text("a"),)):
        log.clear()
        wire = Wire(CONNECT, *messages)
        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            await serve(handler, wire, lifespan, **options)
        assert log == ["connect", *("receive" for _ in messages), "disconnect", "cleaned up"]


@both_lives
@all_layers
@pytest.mark.parametrize("messages", [1, 2, 5])
async def test_one_busy_with_what_came_before_has_its_patience_and_loses_no_message(
    messages: int, lifespan: bool, options: Any
) -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await anyio.sleep(PATIENCE * 0.9)  # the work
            log.append(message)
        log.append("told")

    await serve(handler, Wire(CONNECT, *(text(str(n)) for n in range(messages)), left()), lifespan, **options)
    assert log == [*map(str, range(messages)), "told"]


@both_lives
async def test_one_that_does_not_come_back_is_cancelled_when_the_patience_is_over(lifespan: bool) -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        try:
            await anyio.sleep(10)
        finally:
            log.append(anyio.current_time())

    await serve(handler, Wire(CONNECT, text("a"), left()), lifespan)
    assert log == [pytest.approx(PATIENCE, abs=PATIENCE + 3 * LOOK_EVERY)]
    assert log[0] >= PATIENCE


@both_lives
async def test_one_that_has_received_and_now_only_feeds_is_cancelled_too(lifespan: bool) -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        assert await websocket.receive_text() == "subscribe"
        try:
            while True:
                await anyio.sleep(0.1)
                await websocket.send_text("tick")
        except WebSocketDisconnect:
            log.append("told by a send")
        finally:
            log.append(anyio.current_time())

    async def leave() -> None:
        await anyio.sleep(3)
        wire.put(left())

    wire = Wire(CONNECT, text("subscribe"))
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await serve(handler, wire, lifespan)
    assert log == ["told by a send", pytest.approx(3, abs=0.11)]  # the next send says it, before the patience is over


async def test_one_told_by_a_send_has_taken_the_matter_over() -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        await anyio.sleep(PATIENCE / 2)
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.send_text("a")
        log.append(caught.value.code)
        await anyio.sleep(10)
        log.append("not cancelled")

    await serve(handler, Wire(CONNECT, text("a"), left(4000)))
    assert log == [4000, "not cancelled"]


async def test_a_flood_is_held_at_the_bound_and_nothing_of_it_is_lost() -> None:
    size = 10_000
    count = 10 * READ_AHEAD // size
    got: list[int] = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.sleep(1)
        assert wire.received < count / 5
        got.extend([len(message) async for message in websocket.iter_text()])

    wire = Wire(CONNECT, *(text("x" * size) for _ in range(count)), left())
    await serve(handler, wire)
    assert got == [size] * count


@both_lives
async def test_reading_and_feeding_side_by_side_ends_when_the_reader_is_told(lifespan: bool) -> None:
    log: Log = []

    async def handler(websocket: WebSocket, task_group: anyio.abc.TaskGroup) -> None:
        async def feed() -> None:
            try:
                while True:
                    await websocket.send_text("tick")
                    await anyio.sleep(1)
            finally:
                log.append("feed ended")

        await websocket.accept()
        task_group.start_soon(feed)
        async for _ in websocket.iter_text():
            pass
        task_group.cancel_scope.cancel()
        log.append("reader ended")

    async def leave() -> None:
        await anyio.sleep(3.5)
        wire.put(left())

    wire = Wire(CONNECT, text("a"))
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await serve(handler, wire, lifespan)
    assert log == ["reader ended", "feed ended"]


# -- guarding a part ----------------------------------------------------------------------------------------------


@both_lives
@pytest.mark.parametrize("on_disconnect", [None, "ignore"])
async def test_a_guarded_part_of_a_websockets_handler_is_cancelled(lifespan: bool, on_disconnect: Any) -> None:
    log: Log = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        try:
            with websocket.cancel_on_disconnect():
                await anyio.sleep(10)
        except ClientDisconnect:
            log.append("told")
        finally:
            log.append(anyio.current_time())
        log.append(len([1 async for _ in websocket.iter_text()]))

    await serve(handler, Wire(CONNECT, text("a"), left()), lifespan, on_disconnect=on_disconnect)
    assert log == ["told", NOTICED, 0]


async def test_a_websocket_drains_politely() -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        assert not websocket.draining
        await websocket.wait_draining()
        await websocket.close(1012, "going away")

    app = Lilya(routes=[WebSocketPath("/", handler)])
    wire = Wire(CONNECT)
    async with anyio.create_task_group() as group:
        async with running(app):
            group.start_soon(app, websocket_scope(), wire.receive, wire.send)
            await anyio.sleep(1)
    assert wire.sent[-1] == {"type": "websocket.close", "code": 1012, "reason": "going away"}
