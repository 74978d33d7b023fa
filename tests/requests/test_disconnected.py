"""A handler that takes the disconnect over: it asks, it waits, or it guards a part of itself."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any

import anyio
import pytest

from lilya._asgi.inbox import READ_AHEAD
from lilya.apps import Lilya
from lilya.background import Task
from lilya.exceptions import ClientDisconnect
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path
from lilya.types import Message
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, request

Log = list[Any]


def life_of(app: Lilya, lifespan: bool) -> AbstractAsyncContextManager[Any]:
    return running(app) if lifespan else nullcontext()


async def call(handler: Any, wire: Wire, method: str = "GET", lifespan: bool = True) -> Wire:
    """Serve one request by `handler`."""
    app = Lilya(routes=[Path("/", handler, methods=[method])])
    async with life_of(app, lifespan):
        await app(http_scope(method=method), wire.receive, wire.send)
        assert wire.readers == 0
        assert app.statistics().exchanges == ()
    return wire


async def until_disconnected(request: Request) -> None:
    """Asks again and again, with work in between."""
    while not await request.is_disconnected():  # noqa: ASYNC110
        await anyio.sleep(0.01)


both_lives = pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
both_methods = pytest.mark.parametrize("method", ["GET", "POST"])


# -- asking -------------------------------------------------------------------------------------------------------


@both_lives
@both_methods
async def test_is_disconnected_turns_true_soon_and_the_handler_is_told_not_cancelled(
    method: str, lifespan: bool
) -> None:
    log: Log = []

    async def handler(request: Request) -> PlainText:
        assert not await request.is_disconnected()
        wire.put(GONE)
        await until_disconnected(request)
        log.append(anyio.current_time())
        await anyio.sleep(5)  # not cancelled
        log.append("cleaned up")
        return PlainText("to nobody")

    wire = Wire(request())
    await call(handler, wire, method, lifespan)
    assert log == [pytest.approx(0, abs=0.02), "cleaned up"]
    assert wire.sent == []


@both_lives
async def test_asking_in_a_loop_without_any_other_wait_sees_it_too(lifespan: bool) -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        for n in range(1000):
            if await request.is_disconnected():
                log.append(n)
                return
        raise AssertionError("never seen")

    await call(handler, Wire(request(), GONE), "GET", lifespan)
    assert log[0] < 10


@both_lives
async def test_asking_never_eats_a_piece_of_the_body(lifespan: bool) -> None:
    async def handler(request: Request) -> PlainText:
        for _ in range(5):
            assert not await request.is_disconnected()
            await anyio.sleep(0.1)
        return PlainText(await request.body())

    wire = Wire(request(b"one ", True), request(b"two ", True), request(b"three"))
    await call(handler, wire, "POST", lifespan)
    assert wire.body == b"one two three"


async def test_asking_between_the_pieces_of_a_stream_loses_none() -> None:
    got: list[bytes] = []

    async def handler(request: Request) -> None:
        async for piece in request.stream():
            got.append(piece)
            await request.is_disconnected()

    await call(handler, Wire(*(request(b"%d" % n, n < 9) for n in range(10))), "POST")
    assert got == [*(b"%d" % n for n in range(10)), b""]


@both_lives
async def test_the_disconnect_is_seen_behind_an_unread_body_of_40_kb(lifespan: bool) -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        await until_disconnected(request)
        log.append(len(await request.body()))

    pieces = [request(b"x" * 1000, n < 39) for n in range(40)]
    await call(handler, Wire(*pieces, GONE), "POST", lifespan)
    assert log == [40_000]


async def test_a_body_beyond_the_bound_is_left_with_the_server_until_it_is_read() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        for _ in range(10):
            assert not await request.is_disconnected()
            await anyio.sleep(0.01)
        log.append(wire.received)
        async for _ in request.stream():
            pass
        await until_disconnected(request)
        log.append("seen")

    size = 64 * 1024
    wire = Wire(*(request(b"x" * size, n < 99) for n in range(100)), GONE)
    await call(handler, wire, "POST")
    assert log == [READ_AHEAD // size, "seen"]


async def test_a_disconnect_in_the_middle_of_the_body_is_seen_and_the_body_says_so() -> None:
    async def handler(request: Request) -> None:
        await until_disconnected(request)
        with pytest.raises(ClientDisconnect):
            await request.body()
        with pytest.raises(ClientDisconnect):
            await request.json()

    await call(handler, Wire(request(b"half", True), GONE), "POST")


async def test_after_the_response_nobody_is_disconnected() -> None:
    log: Log = []

    async def handler(request: Request) -> PlainText:
        async def look() -> None:
            await anyio.sleep(1)
            log.append(await request.is_disconnected())
            with anyio.move_on_after(10):
                await request.wait_disconnected()
                log.append("no event")

        await request.is_disconnected()  # starts the reader
        return PlainText("x", background=Task(look))

    wire = Wire(request())

    async def send(message: Message) -> None:
        await wire.send(message)
        if message["type"] == "http.response.body":
            wire.put(GONE)  # as servers do

    app = Lilya(routes=[Path("/", handler)])
    async with running(app):
        await app(http_scope(), wire.receive, send)
    assert log == [False]


async def test_receive_tells_the_handler_and_does_not_cancel_it() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        log.append((await request.receive())["type"])
        log.append((await request.receive())["type"])
        await anyio.sleep(1)
        log.append("not cancelled")

    async def leave() -> None:
        await anyio.sleep(2)
        wire.put(GONE)

    wire = Wire(request())
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await call(handler, wire)
    assert log == ["http.request", "http.disconnect", "not cancelled"]


# -- waiting ------------------------------------------------------------------------------------------------------


@both_lives
@both_methods
async def test_wait_disconnected_returns_when_the_client_leaves(method: str, lifespan: bool) -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        await request.wait_disconnected()
        log.append(anyio.current_time())
        await anyio.sleep(1)
        await request.wait_disconnected()  # and now at once
        log.append(anyio.current_time())

    async def leave() -> None:
        await anyio.sleep(3)
        wire.put(GONE)

    wire = Wire(request())
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await call(handler, wire, method, lifespan)
    assert log == [3, 4]


async def test_waiting_a_little_again_and_again_sees_it_too() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        for _ in range(100):
            with anyio.move_on_after(0.01):
                await request.wait_disconnected()
                log.append(anyio.current_time())
                return

    await call(handler, Wire(request(), GONE))
    assert log == [pytest.approx(0, abs=0.02)]


async def test_waiting_beside_the_work_in_a_nursery_of_the_handlers_own() -> None:
    log: Log = []

    async def handler(request: Request, task_group: anyio.abc.TaskGroup) -> PlainText:
        async def watch() -> None:
            await request.wait_disconnected()
            log.append("left")
            task_group.cancel_scope.cancel()

        task_group.start_soon(watch)
        try:
            await anyio.sleep(10)
        finally:
            log.append(anyio.current_time())
        return PlainText("x")

    async def leave() -> None:
        await anyio.sleep(2)
        wire.put(GONE)

    wire = Wire(request())
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await call(handler, wire, "POST")
    assert log == ["left", 2]


async def test_a_cancelled_wait_does_nothing_else() -> None:
    async def handler(request: Request) -> PlainText:
        with anyio.move_on_after(1) as scope:
            await request.wait_disconnected()
        assert scope.cancelled_caught
        return PlainText(await request.body())

    wire = await call(handler, Wire(request(b"body")), "POST")
    assert wire.body == b"body"


async def test_any_number_of_tasks_may_wait() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        async def wait(n: int) -> None:
            await request.wait_disconnected()
            log.append(n)

        async with anyio.create_task_group() as group:
            for n in range(5):
                group.start_soon(wait, n)
            await anyio.sleep(1)
            wire.put(GONE)

    wire = Wire(request())
    await call(handler, wire, "POST")
    assert sorted(log) == list(range(5))


# -- guarding a part ----------------------------------------------------------------------------------------------


@both_lives
@both_methods
async def test_a_guarded_block_is_cancelled_whatever_the_method_and_ends_with_client_disconnect(
    method: str, lifespan: bool
) -> None:
    log: Log = []

    async def handler(request: Request) -> PlainText:
        try:
            with request.cancel_on_disconnect():
                await anyio.sleep(10)
        except ClientDisconnect as exc:
            log.append(str(exc))
            raise
        finally:
            log.append(anyio.current_time())
        return PlainText("x")

    wire = await call(handler, Wire(request(), GONE), method, lifespan)
    if method == "POST":
        assert log == ["the client left before the response was complete", 0]
    else:
        assert log == [0]  # the whole handler was cancelled, and the block with it
    assert wire.sent == []


async def test_the_rest_of_the_handler_is_not_cancelled() -> None:
    log: Log = []

    async def handler(request: Request) -> PlainText:
        try:
            with request.cancel_on_disconnect():
                await anyio.sleep(10)
        except ClientDisconnect:
            await anyio.sleep(2)
            log.append("rolled back")
        return PlainText("x")

    wire = await call(handler, Wire(request(), GONE), "POST")
    assert log == ["rolled back"]
    assert wire.sent == []


async def test_a_guarded_block_that_ends_in_time_is_left_as_if_it_were_not_there() -> None:
    async def handler(request: Request) -> PlainText:
        with request.cancel_on_disconnect() as scope:
            await anyio.sleep(1)
        assert not scope.cancel_called
        wire.put(GONE)
        await anyio.sleep(1)
        return PlainText(await request.body())

    wire = Wire(request(b"body"))
    await call(handler, wire, "POST")


async def test_the_guarding_scope_may_be_given_a_deadline_or_cancelled_by_hand() -> None:
    async def handler(request: Request) -> PlainText:
        with request.cancel_on_disconnect() as scope:
            scope.deadline = anyio.current_time() + 1
            await anyio.sleep(10)
        assert scope.cancelled_caught
        with request.cancel_on_disconnect() as scope:
            scope.cancel()
            await anyio.sleep(10)
        return PlainText("still here")

    wire = await call(handler, Wire(request()), "POST")
    assert wire.body == b"still here"


async def test_a_block_begun_after_the_client_left_is_cancelled_at_its_first_wait() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        await request.wait_disconnected()
        with suppress(ClientDisconnect), request.cancel_on_disconnect():
            log.append("began")
            await anyio.sleep(1)
            log.append("went on")
        with request.cancel_on_disconnect():
            log.append("did not wait")

    await call(handler, Wire(request(), GONE))
    assert log == ["began", "did not wait"]


async def test_guarded_blocks_nest() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        try:
            with request.cancel_on_disconnect():
                try:
                    with request.cancel_on_disconnect():
                        await anyio.sleep(10)
                finally:
                    log.append("inner left")
        except ClientDisconnect:
            log.append("outer left")

    await call(handler, Wire(request(), GONE), "POST")
    assert log == ["inner left", "outer left"]


async def test_an_exception_of_the_block_is_what_leaves_it() -> None:
    async def handler(request: Request) -> PlainText:
        with pytest.raises(KeyError):
            with request.cancel_on_disconnect():
                raise KeyError("mine")
        return PlainText("x")

    assert (await call(handler, Wire(request()), "POST")).body == b"x"


async def test_guarded_blocks_of_several_tasks_end_together_and_as_one_departure() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        async def work(n: int) -> None:
            with request.cancel_on_disconnect():
                try:
                    await anyio.sleep(10)
                finally:
                    log.append(n)

        async with anyio.create_task_group() as group:
            group.start_soon(work, 1)
            group.start_soon(work, 2)

    app = Lilya(routes=[Path("/", handler, methods=["POST"])])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(method="POST"), wire.receive, wire.send)
    assert sorted(log) == [1, 2]


async def test_a_request_made_outside_says_that_nobody_watches() -> None:
    lonely = Request(http_scope(), Wire(request()).receive)
    for ask in (lonely.is_disconnected, lonely.wait_disconnected):
        with pytest.raises(RuntimeError, match="this Request was made outside a Lilya application and route"):
            await ask()
    with pytest.raises(RuntimeError, match="nobody watches"):
        lonely.cancel_on_disconnect()
    with pytest.raises(RuntimeError, match="nobody watches"):
        lonely.add_cleanup(print)


async def test_a_request_kept_beyond_its_exchange_says_that_it_is_over() -> None:
    kept: list[Request] = []

    async def handler(request: Request) -> PlainText:
        kept.append(request)
        return PlainText("x")

    await call(handler, Wire(request()))
    with pytest.raises(RuntimeError, match="or its exchange is over"):
        await kept[0].is_disconnected()
