"""Tasks of an application: lost ones there are none; a crash ends it, out loud; the end is bounded and named."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.concurrency.service import Service
from lilya.exceptions import ServiceFailed
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.types import Message
from lilya.websockets import WebSocket
from tests.routing.client import PATIENCE, Answer, call, talk
from tests.support.life import running
from tests.support.wire import http_scope, request


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


async def breaks() -> None:
    await anyio.sleep(1)
    raise ValueError("crash")


async def handler() -> str:
    return "here"


# -- tasks that may fail ----------------------------------------------------------------------------------------------


async def test_a_failed_task_is_logged_with_its_name_and_counted_and_the_app_lives_on(
    logged: pytest.LogCaptureFixture,
) -> None:
    app = Lilya(routes=[Path("/", handler)])
    async with running(app) as sent:
        app.start_soon(breaks)
        app.start_soon(breaks, name="the second")
        await anyio.sleep(2)
        assert app.statistics().failed_tasks == 2
        assert app.statistics().tasks == ()
        assert (await call(app)).json == "here"
        assert app.failure is None
    assert sent[-1]["type"] == "lifespan.shutdown.complete"
    assert {record.getMessage() for record in logged.records} == {"task 'breaks' failed", "task 'the second' failed"}
    assert len(logged.records) == 2
    assert all(record.exc_info and isinstance(record.exc_info[1], ValueError) for record in logged.records)


async def test_a_task_that_fails_in_a_nursery_of_its_own_is_logged_plain(logged: pytest.LogCaptureFixture) -> None:
    async def nested() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(breaks)

    app = Lilya()
    async with running(app):
        app.start_soon(nested)
        await anyio.sleep(2)
    assert logged.records[0].exc_info
    assert isinstance(logged.records[0].exc_info[1], ValueError)


async def test_a_task_may_be_sync_and_gets_its_arguments() -> None:
    got: list[Any] = []
    app = Lilya()
    async with running(app):
        app.start_soon(got.append, "sync")
        await anyio.sleep(1)
    assert got == ["sync"]


async def test_a_task_outlives_the_request_that_started_it() -> None:
    log: list[str] = []

    async def work() -> None:
        await anyio.sleep(5)
        log.append("done")

    async def starts(request: Request) -> PlainText:
        request.app.start_soon(work)
        return PlainText("accepted", background=Task(work, detached=True))

    app = Lilya(routes=[Path("/", starts)])
    async with running(app):
        await call(app)
        assert log == []
        assert len(app.statistics().tasks) == 2
    assert log == ["done", "done"]


@pytest.mark.parametrize("use", [lambda app: app.task_group, lambda app: app.start_soon(breaks)])
async def test_outside_its_life_an_app_has_no_nursery_and_says_so(use: Callable[[Lilya], Any]) -> None:
    app = Lilya()
    with pytest.raises(RuntimeError, match="the application has no nursery: it opens with the lifespan"):
        use(app)
    async with running(app):
        pass
    with pytest.raises(RuntimeError, match="no nursery"):
        use(app)


# -- draining ---------------------------------------------------------------------------------------------------------


async def test_at_the_end_tasks_are_waited_for_then_cancelled_and_named(logged: pytest.LogCaptureFixture) -> None:
    log: list[str] = []

    async def work(seconds: float) -> None:
        try:
            await anyio.sleep(seconds)
            log.append(f"done after {seconds}")
        finally:
            log.append(f"left {anyio.current_time() - began:.0f}")

    app = Lilya(drain_timeout=5)
    async with running(app):
        began = anyio.current_time()
        app.start_soon(work, 2)
        app.start_soon(work, 60, name="the long one")
    assert log == ["done after 2", "left 2", "left 5"]
    assert [record.getMessage() for record in logged.records] == [
        "task 'the long one' was still running and was cancelled"
    ]


async def test_long_polls_end_politely_when_the_app_drains() -> None:
    async def poll(request: Request) -> str:
        await request.wait_draining()
        return "come back later" if request.draining else "?"

    app = Lilya(routes=[Path("/", poll)])
    answers: list[Answer] = []

    async def client() -> None:
        answers.append(await call(app))

    async with anyio.create_task_group() as clients:
        async with running(app):
            clients.start_soon(client)
            await anyio.sleep(1)
            assert not app.draining
            assert [exchange.state for exchange in app.statistics().exchanges] == ["handling"]
    assert answers[0].json == "come back later"


async def test_tasks_and_requests_end_before_the_resources_they_use_and_services_stop_in_reverse() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        log.append("resources closed")

    async def serve(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append(f"{name} stopped")

    async def work() -> None:
        await anyio.sleep(2)
        log.append("task done")

    async def slow() -> None:
        await anyio.sleep(1)
        log.append("request done")

    services = [Service(serve, "first", name="first"), Service(serve, "second", name="second")]
    app = Lilya(routes=[Path("/", slow)], lifespan=lifespan, services=services)
    async with anyio.create_task_group() as clients:
        async with running(app):
            app.start_soon(work)
            clients.start_soon(call, app)
            await anyio.lowlevel.checkpoint()
            await anyio.sleep(0.1)
    assert log == ["request done", "task done", "second stopped", "first stopped", "resources closed"]


async def test_a_task_has_its_services_until_it_has_ended_also_one_that_is_cancelled() -> None:
    log: list[str] = []

    async def database() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("database closed")

    async def work(seconds: float) -> None:
        try:
            await anyio.sleep(seconds)
        finally:
            log.append(f"{seconds} ended")

    for seconds in (2, 60):
        async with running(app := Lilya(services=[Service(database)], drain_timeout=5)):
            app.start_soon(work, seconds)
    assert log == ["2 ended", "database closed", "60 ended", "database closed"]


async def test_a_service_may_start_tasks_as_it_begins() -> None:
    log: list[str] = []

    async def recovered(job: str) -> None:
        await anyio.sleep(1)
        log.append(f"done {job}")

    async def queue(*, task_status: TaskStatus[None]) -> None:
        app.start_soon(recovered, "a job of yesterday")
        task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("queue closed")

    app = Lilya(services=[Service(queue)])
    async with running(app):
        pass
    assert log == ["done a job of yesterday", "queue closed"]


async def test_tasks_of_a_start_that_fails_are_cancelled_and_awaited() -> None:
    log: list[str] = []

    async def waits() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("ended")

    async def queue(*, task_status: TaskStatus[None]) -> None:
        app.start_soon(waits)
        await anyio.sleep(1)
        raise ValueError("no database")

    app = Lilya(services=[Service(queue)])
    with pytest.raises(ValueError, match="no database"):
        async with AsyncTestClient(app):
            pass
    assert log == ["ended"]


async def test_a_service_that_goes_on_starting_tasks_does_not_hold_up_the_stop() -> None:
    log: list[str] = []

    async def work() -> None:
        await anyio.sleep(1)
        log.append("done")

    async def ticker() -> None:
        await anyio.sleep(0.1)  # there is no nursery for tasks before the services have started
        try:
            while True:
                app.start_soon(work)
                await anyio.sleep(0.4)
        finally:
            log.append("ticker stopped")

    app = Lilya(services=[Service(ticker)], drain_timeout=60)
    async with running(app):
        began = anyio.current_time()
        await anyio.sleep(0.7)
    assert log == ["done", "done", "ticker stopped", "done", "done"]
    assert anyio.current_time() - began < 4


async def test_the_time_to_drain_counts_from_when_the_server_says_so() -> None:
    async def work() -> None:
        await anyio.sleep(60)

    app = Lilya(drain_timeout=60)
    async with running(app):
        app.start_soon(work)
        app.drain(5)
        app.drain(50)
        began = anyio.current_time()
        await anyio.sleep(3)
    assert anyio.current_time() - began == pytest.approx(5)


async def test_a_drain_by_hand_starts_no_clock() -> None:
    async def work() -> None:
        await anyio.sleep(60)

    app = Lilya(drain_timeout=5)
    async with running(app):
        app.start_soon(work)
        app.drain()
        await anyio.sleep(20)
        began = anyio.current_time()
    assert anyio.current_time() - began == pytest.approx(5)


async def test_a_block_can_be_cancelled_by_the_draining_alone() -> None:
    async def poll(request: Request) -> PlainText:
        for _ in range(2):  # the second time it drains already
            with request.cancel_on_draining() as block:
                await anyio.sleep(60)
            assert block.cancelled_caught
        return PlainText("", status_code=204)

    app = Lilya(routes=[Path("/", poll)])
    answers: list[Answer] = []

    async def client() -> None:
        answers.append(await call(app))

    async with anyio.create_task_group() as clients:
        async with running(app):
            clients.start_soon(client)
            await anyio.sleep(1)
            began = anyio.current_time()
    assert answers[0].status == 204
    assert anyio.current_time() == pytest.approx(began)


async def test_a_block_that_ends_before_the_draining_is_forgotten() -> None:
    async def poll(request: Request) -> str:
        with request.cancel_on_draining() as block:
            await anyio.sleep(1)
        request.app.drain()
        await anyio.sleep(1)
        return "whole" if not block.cancel_called else "cut"

    app = Lilya(routes=[Path("/", poll)])
    async with running(app):
        assert (await call(app)).json == "whole"


# -- crashing ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def nursery_crashes(app: Any) -> AsyncIterator[None]:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(breaks)
        yield


def crash_in_task_group(app: Lilya) -> None:
    app.task_group.start_soon(breaks)


def crash_in_task_group_of_child(app: Lilya) -> None:
    app.routes[0].app.task_group.start_soon(breaks)  # type: ignore[attr-defined]


def nothing(app: Lilya) -> None: ...


CRASHES: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[Lilya], None]]] = {
    "task group": (dict, crash_in_task_group),
    "task group of a child": (lambda: {"routes": [Include("/child", app=ChildLilya())]}, crash_in_task_group_of_child),
    "nursery of a lifespan": (lambda: {"lifespan": nursery_crashes}, nothing),
    "service": (lambda: {"services": [Service(breaks)]}, nothing),
    "service of a child": (lambda: {"routes": [Include("/c", app=ChildLilya(services=[Service(breaks)]))]}, nothing),
}


async def lived(app: Lilya, act: Callable[[Lilya], None]) -> tuple[list[Message], BaseException | None]:
    """Run an app until it ends by itself: what it sent, and what it raised."""
    sent: list[Message] = []

    async def receive() -> Message:
        if sent:
            await anyio.sleep_forever()
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 1:
            act(app)

    with anyio.fail_after(PATIENCE):
        try:
            await app({"type": "lifespan", "state": {}}, receive, send)
        except Exception as error:
            return sent, error
    return sent, None


@pytest.mark.parametrize("who", CRASHES)
async def test_a_crash_ends_the_app_is_told_and_logged_with_its_traceback_once(
    who: str, logged: pytest.LogCaptureFixture
) -> None:
    options, act = CRASHES[who]
    app = Lilya(**options())
    sent, error = await lived(app, act)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "ValueError: crash" in sent[1]["message"]
    plain = error.__cause__ if isinstance(error, ServiceFailed) else error
    assert (type(plain), str(plain)) == (ValueError, "crash")
    assert app.failure is error
    with_traceback = [record for record in logged.records if record.exc_info]
    assert len(with_traceback) == 1
    assert any(record.levelno == logging.CRITICAL for record in logged.records)


@pytest.mark.parametrize("who", CRASHES)
async def test_after_a_crash_the_app_answers_503(who: str) -> None:
    options, act = CRASHES[who]
    app = Lilya(**options())
    app.add_route("/", handler)
    await lived(app, act)
    answer = await call(app)
    assert (answer.status, answer.text) == (503, "Service Unavailable")
    assert (await talk(app)).types == ["websocket.close"]
    assert (await talk(app, extensions={"websocket.http.response": {}})).status == 503


async def test_a_crash_drains_and_what_has_begun_is_left() -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep(60)
        finally:
            log.append("task left")

    async def wait_draining() -> None:
        await app.wait_draining()
        log.append("told")

    app = Lilya(on_shutdown=[lambda: log.append("hook")])

    def act(app: Lilya) -> None:
        app.start_soon(work)
        app.task_group.start_soon(breaks)
        waiting.start_soon(wait_draining)

    async with anyio.create_task_group() as waiting:
        await lived(app, act)
    assert sorted(log) == ["hook", "task left", "told"]


async def test_while_a_crashed_app_closes_its_resources_it_answers_503() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await anyio.sleep(10)

    app = Lilya(routes=[Path("/", handler)], lifespan=lifespan)
    async with anyio.create_task_group() as server:
        server.start_soon(lived, app, crash_in_task_group)
        await anyio.sleep(5)
        assert (await call(app)).status == 503


async def test_a_crashed_app_can_be_started_again() -> None:
    app = Lilya(routes=[Path("/", handler)])
    await lived(app, crash_in_task_group)
    async with running(app):
        assert app.failure is None
        assert (await call(app)).json == "here"


async def test_requests_under_way_at_a_crash_are_answered() -> None:
    async def slow() -> str:
        await anyio.sleep(3)
        return "done"

    app = Lilya(routes=[Path("/", slow)])
    wire = Answer(request())
    async with anyio.create_task_group() as server:
        server.start_soon(lived, app, crash_in_task_group)
        await anyio.sleep(0.5)
        await app(http_scope(), wire.receive, wire.send)
    assert wire.json == "done"


# -- statistics -------------------------------------------------------------------------------------------------------


async def test_statistics_are_a_picture_of_what_is_running() -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()

    def blocks() -> None:
        anyio.from_thread.run(anyio.sleep, 5)

    app = Lilya(routes=[Path("/{n}", blocks), WebSocketPath("/ws", socket)])
    async with running(app), anyio.create_task_group() as clients:
        assert app.statistics().idle
        clients.start_soon(call, app, "/1")
        clients.start_soon(talk, app, "/ws")
        await anyio.sleep(1)
        picture = app.statistics()
        assert {(each.kind, each.method, each.path, each.route, each.state) for each in picture.exchanges} == {
            ("http", "GET", "/1", "/{n}", "handling"),
            ("websocket", "", "/ws", "/ws", "open"),
        }
        assert picture.threads == 1
        assert not picture.idle
        clients.cancel_scope.cancel()
