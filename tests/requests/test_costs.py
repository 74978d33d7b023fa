"""What a request costs: nothing it does not use, and nothing that stays."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from types import FrameType
from typing import Any

import anyio
import pytest
import trio

import lilya
from lilya._asgi.exchange import Exchange
from lilya._asgi.inbox import Inbox
from lilya.apps import Lilya
from lilya.concurrency.nursery import open_nursery, shielded
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, StreamingResponse
from lilya.routing import Include, Path
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, request

LONG_POLLS = 1000
HOME = str(FilePath(lilya.__file__).parent)


class Spawned(trio.abc.Instrument):
    """Counts tasks that are started."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.tasks.append(task.name)


class Costs:
    """What was started and opened in a block."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.scopes = 0
        self.nurseries = 0


@contextmanager
def counted(backend: str) -> Iterator[Costs]:
    """Counts, in the block: tasks started, and the cancel scopes and nurseries that Lilya opens."""
    costs = Costs()

    def look(frame: FrameType, event: str, arg: object) -> None:
        caller = frame.f_back
        if event == "call" and caller is not None and caller.f_code.co_filename.startswith(HOME):
            name = frame.f_code.co_qualname
            costs.scopes += name == "CancelScope.__enter__"
            costs.nurseries += name == "create_task_group"

    undo: Callable[[], Any]
    if backend == "trio":
        instrument = Spawned()
        trio.lowlevel.add_instrument(instrument)
        costs.tasks = instrument.tasks
        undo = lambda: trio.lowlevel.remove_instrument(instrument)  # noqa: E731
    else:
        loop = asyncio.get_running_loop()

        def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
            costs.tasks.append(coroutine.__qualname__)
            return asyncio.Task(coroutine, loop=loop, **options)

        loop.set_task_factory(factory)
        undo = lambda: loop.set_task_factory(None)  # noqa: E731
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield costs
    finally:
        sys.setprofile(before)
        undo()


def instant(app: ASGIApp) -> Any:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return layer


async def at_once() -> PlainText:
    return PlainText("x")


async def with_parameter(request: Request, name: str) -> JSONResponse:
    return JSONResponse({"name": name, "host": request.headers["host"]})


async def reads(request: Request) -> PlainText:
    return PlainText(await request.body())


async def waits() -> PlainText:
    await anyio.lowlevel.checkpoint()
    return PlainText("x")


async def numbers() -> Any:
    yield b"1"
    yield b"2"


async def streams() -> StreamingResponse:
    return StreamingResponse(numbers())


APP_ROUTES = [
    Path("/", at_once),
    Include("/in", routes=[Path("/{name}", with_parameter)], middleware=[instant]),
    Path("/body", reads, methods=["POST"]),
    Path("/waits", waits),
    Path("/streams", streams),
]


async def costs_of(scope: Scope, backend: str) -> Costs:
    app = Lilya(routes=APP_ROUTES)
    async with running(app):
        await app(http_scope(), Wire(request()).receive, Wire().send)  # what is built once, is built
        wire = Wire(request(b"body"))
        with counted(backend) as costs:
            await app(scope, wire.receive, wire.send)
        assert wire.status == 200
    return costs


@pytest.mark.parametrize(("path", "method"), [("/", "GET"), ("/in/me", "GET"), ("/body", "POST")])
async def test_a_request_that_is_answered_at_once_starts_no_task_and_opens_no_scope(
    path: str, method: str, backend: str
) -> None:
    costs = await costs_of(http_scope(path, method), backend)
    assert costs.tasks == []
    assert costs.scopes == 0
    assert costs.nurseries == 0


@pytest.mark.parametrize("path", ["/waits", "/streams"])
async def test_one_that_may_wait_opens_one_scope_and_starts_no_task_before_it_has_waited(
    path: str, backend: str
) -> None:
    costs = await costs_of(http_scope(path), backend)
    assert costs.tasks == []
    assert costs.scopes == 1
    assert costs.nurseries == 0


async def test_the_count_counts(backend: str) -> None:
    with counted(backend) as costs:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        async with open_nursery(), anyio.create_task_group():
            with shielded(1), anyio.CancelScope():
                await anyio.lowlevel.checkpoint()
        await StreamingResponse(b"x")(http_scope(), Wire().receive, Wire().send)
    assert costs.tasks != []
    assert costs.nurseries >= 1
    assert costs.scopes >= 1


async def test_nothing_is_left_to_the_cycle_collector() -> None:
    app = Lilya(routes=APP_ROUTES)
    async with running(app):
        for path in ("/", "/in/me", "/body", "/waits", "/streams"):
            for _ in range(2):  # the first may build things
                wire = Wire(request(b"body"))
                gc.collect()
                gc.disable()
                before = {id(each) for each in gc.get_objects()}  # a test that failed keeps what it had
                try:
                    await app(http_scope(path, "POST" if path == "/body" else "GET"), wire.receive, wire.send)
                    del wire
                    await anyio.sleep(1)  # until the watch has looked
                    left = [
                        each
                        for each in gc.get_objects()
                        if isinstance(each, Exchange | Inbox | Request) and id(each) not in before
                    ]
                finally:
                    gc.enable()
            assert left == [], path


async def test_nor_is_anything_left_of_one_that_had_a_reader() -> None:
    async def long() -> PlainText:
        await anyio.sleep(1)
        assert wire.readers == 1
        return PlainText("x")

    app = Lilya(routes=[Path("/", long)])
    async with running(app):
        for _ in range(2):  # the first may build things
            wire = Wire(request(b"body"))
            gc.collect()
            gc.disable()
            before = {id(each) for each in gc.get_objects()}
            try:
                await app(http_scope(), wire.receive, wire.send)
                left = [
                    each
                    for each in gc.get_objects()
                    if isinstance(each, Exchange | Inbox | anyio.TaskHandle) and id(each) not in before
                ]
            finally:
                gc.enable()
        assert left == []


@pytest.mark.parametrize("path", ["/reader", "/waits"])
@pytest.mark.parametrize("way", ["returns", "raises", "cancelled", "left"])
async def test_the_reader_is_gone_when_the_exchange_is_over(path: str, way: str) -> None:
    async def reader(request: Request) -> PlainText:
        await request.is_disconnected()
        return await waits_long(request)

    async def waits_long(request: Request) -> PlainText:
        await anyio.sleep(1)
        assert wire.readers == 1
        if way == "raises":
            raise KeyError("mine")
        if way in ("cancelled", "left"):
            await anyio.sleep(10)
        return PlainText("x")

    app = Lilya(routes=[Path("/reader", reader), Path("/waits", waits_long)])
    wire = Wire(request())

    async def leave() -> None:
        await anyio.sleep(2)
        wire.put(GONE)

    async with running(app), anyio.create_task_group() as group:
        if way == "left":
            group.start_soon(leave)
        with anyio.move_on_after(2 if way == "cancelled" else 100):
            try:
                await app(http_scope(path), wire.receive, wire.send)
            except KeyError:
                assert way == "raises"
        assert wire.readers == 0
        assert app.statistics().exchanges == ()


@pytest.mark.parametrize("lifespan", [True, False])
async def test_a_thousand_long_polls_whose_clients_vanish_leave_nothing(
    lifespan: bool, caplog: pytest.LogCaptureFixture
) -> None:
    entered = left = 0

    async def poll() -> PlainText:
        nonlocal entered, left
        entered += 1
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.1)
            left += 1
        return PlainText("never")

    app = Lilya(routes=[Path("/", poll)])
    wires = [Wire(request()) for _ in range(LONG_POLLS)]

    async def clients() -> None:
        async with anyio.create_task_group() as group:
            for wire in wires:
                group.start_soon(app, http_scope(), wire.receive, wire.send)
            await anyio.sleep(10)
            assert entered == LONG_POLLS
            assert len(app.statistics().exchanges) == LONG_POLLS
            assert {each.state for each in app.statistics().exchanges} == {"handling"}
            for wire in wires:
                wire.put(GONE)
            vanished = anyio.current_time()
        assert anyio.current_time() - vanished == pytest.approx(0.1)

    if lifespan:
        async with running(app):
            await clients()
            assert app.statistics().idle
    else:
        await clients()
    assert left == LONG_POLLS
    assert app.statistics().exchanges == ()
    assert [wire for wire in wires if wire.readers or wire.sent] == []
    assert caplog.records == []
