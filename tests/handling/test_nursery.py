"""The nursery of a request: its tasks live as long as the answer, and leave in peace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.background import Task
from lilya.controllers import Controller
from lilya.responses import JSONResponse, StreamingResponse
from lilya.routing import Path
from lilya.testing import MemoryServer, cancel_everywhere, disconnect_everywhere, http_scope
from lilya.types import ASGIApp, Scope
from tests.routing.client import Answer, call, fail
from tests.support.life import running
from tests.support.wire import GONE, request
from tests.support.wire import http_scope as scope_of


def feeding(log: list[str], pieces: int | None = 3, **options: Any) -> Any:
    """A handler whose nursery feeds the body it answers with; its tasks write down how they end."""

    async def handler(task_group: TaskGroup) -> StreamingResponse:
        to_body, body = anyio.create_memory_object_stream[bytes](0)

        async def feed() -> None:
            try:
                async with to_body:
                    count = 0
                    while pieces is None or count < pieces:
                        await to_body.send(b"piece")
                        count += 1
                        await anyio.sleep(0.1)
            finally:
                log.append("feeder ended")

        task_group.start_soon(feed)
        return StreamingResponse(body, **options)

    return handler


def made(route: Callable[[], Path], method: str, lifespan: bool) -> Callable[[], Any]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[ASGIApp, Scope]]:
        app = Lilya(routes=[route()])
        async with MemoryServer(app):
            yield app, http_scope(method, "/")

    def make() -> Any:
        return opened() if lifespan else (Lilya(routes=[route()]), http_scope(method, "/"))

    return make


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize(("method", "option"), [("GET", None), ("POST", None), ("POST", "cancel"), ("GET", "ignore")])
async def test_a_nursery_that_feeds_the_body_ends_quietly_wherever_the_client_leaves(
    method: str, option: Any, lifespan: bool
) -> None:
    def route() -> Path:
        return Path("/", feeding([]), methods=[method], on_disconnect=option)

    assert await disconnect_everywhere(made(route, method, lifespan), [request()]) > 4


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
async def test_a_nursery_that_feeds_the_body_ends_cleanly_wherever_it_is_cancelled(lifespan: bool) -> None:
    assert await cancel_everywhere(made(lambda: Path("/", feeding([])), "GET", lifespan), [request()]) > 4


class Feeding(Controller):
    async def get(self, task_group: TaskGroup) -> StreamingResponse:
        answer: StreamingResponse = await feeding([])(task_group)
        return answer


async def test_the_nursery_of_a_controller_does_the_same() -> None:
    assert await disconnect_everywhere(made(lambda: Path("/", Feeding), "GET", True), [request()]) > 4


async def test_without_a_disconnect_the_body_is_whole() -> None:
    log: list[str] = []
    answer = await call(Lilya(routes=[Path("/", feeding(log))]))
    assert (answer.text, log) == ("piecepiecepiece", ["feeder ended"])


async def test_background_work_is_not_cut_with_the_nursery_and_runs_when_its_tasks_have_ended() -> None:
    log: list[str] = []

    async def afterwards() -> None:
        await anyio.sleep(1)
        log.append("afterwards")

    app = Lilya(routes=[Path("/", feeding(log, None, background=Task(afterwards)))])
    wire = Answer(request())
    wire.fail = lambda message: wire.put(GONE) if len(wire.sent) == 3 else None
    async with running(app):
        with anyio.fail_after(5):
            await app(scope_of(), wire.receive, wire.send)
    assert log == ["feeder ended", "afterwards"]


async def test_after_a_whole_answer_background_work_may_end_the_tasks() -> None:
    log: list[str] = []

    async def handler(task_group: TaskGroup) -> JSONResponse:
        async def work() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                log.append("ended")

        task_group.start_soon(work)

        async def stop() -> None:
            task_group.cancel_scope.cancel()

        return JSONResponse({}, background=Task(stop))

    answer = await call(Lilya(routes=[Path("/", handler)]))
    assert (answer.status, log) == (200, ["ended"])


async def test_tasks_of_a_method_that_is_not_safe_outlast_the_client_of_a_small_answer() -> None:
    log: list[str] = []

    async def handler(task_group: TaskGroup) -> dict[str, str]:
        async def work() -> None:
            await anyio.sleep(1)
            log.append("done")

        task_group.start_soon(work)
        return {}

    def route() -> Path:
        return Path("/", handler, methods=["POST"])

    runs = await disconnect_everywhere(made(route, "POST", True), [request()])
    assert log == ["done"] * runs


async def test_the_children_of_a_handler_that_fails_are_cancelled_and_awaited_and_its_failure_is_plain() -> None:
    log: list[str] = []
    seen: list[BaseException] = []

    async def handler(task_group: TaskGroup) -> None:
        async def work() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(1)
                log.append("cleaned up")

        task_group.start_soon(work)
        await anyio.sleep(0.1)
        raise LookupError("handler")

    async def note(request: Any, exc: Exception) -> str:
        log.append("handled")
        seen.append(exc)
        return "seen"

    app = Lilya(routes=[Path("/", handler)], exception_handlers={LookupError: note})
    await call(app)
    assert log == ["cleaned up", "handled"]
    assert [type(exc) for exc in seen] == [LookupError]


async def test_the_failures_of_several_children_leave_as_one_group() -> None:
    async def handler(task_group: TaskGroup) -> None:
        async def work(kind: type[Exception]) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise kind("child")

        task_group.start_soon(work, KeyError)
        task_group.start_soon(work, IndexError)
        await anyio.sleep(0.1)
        task_group.cancel_scope.cancel()

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert isinstance(answer.error, ExceptionGroup)
    assert {type(leaf) for leaf in answer.error.exceptions} == {KeyError, IndexError}
