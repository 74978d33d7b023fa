"""The guides to background work and to exceptions: their programs, and the rows of their tables."""

from __future__ import annotations

import re
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from lilya.apps import ChildLilya, Lilya
from lilya.background import Task, Tasks
from lilya.concurrency import Service
from lilya.exceptions import HTTPException, ServiceFailed
from lilya.middleware import DefineMiddleware
from lilya.responses import PlainText
from lilya.routing import Include, Path
from lilya.testclient import AsyncTestClient
from tests.docs.pages import program, read

PAGE = "docs/guide/background.md"
EXCEPTIONS = "docs/guide/exceptions.md"


async def test_the_program_of_background_work(capsys: pytest.CaptureFixture[str]) -> None:
    app = program(PAGE).app
    async with AsyncTestClient(app) as client:
        assert (await client.post("/users/ada")).json() == {"registered": "ada"}
        assert capsys.readouterr().out == "mail to ada\n"
        assert (await client.delete("/users/ada")).json() == {"removed": "ada"}
        assert capsys.readouterr().out == "-ada\nmail to ada\n"
        assert (await client.post("/reports/may")).status_code == 202
        assert [task.name for task in app.statistics().tasks] == ["report for may"]
        await anyio.sleep(6)
        assert capsys.readouterr().out == "report for may\n"
        await anyio.sleep(60)
        assert capsys.readouterr().out == "swept\n"


async def test_the_program_of_services_is_ready_before_the_first_request() -> None:
    async with AsyncTestClient(program(PAGE, 2).app) as client:
        assert (await client.get("/health")).json() == {"database": "running", "read_prices": "running"}


def answering(**response: Any) -> Path:
    async def handler() -> PlainText:
        return PlainText("x", **response)

    return Path("/", handler)


async def failing() -> None:
    raise ValueError("no")


async def test_a_failing_background_task_is_logged_with_its_name_and_its_route(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Lilya(routes=[answering(background=Task(failing, name="my task"))])
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        assert (await client.get("/")).status_code == 200
    [record] = [each for each in caplog.records if each.name == "lilya.background"]
    assert record.getMessage() == "background task 'my task' of / failed"


async def test_in_a_row_a_failure_skips_the_rest_and_in_a_group_it_does_not(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    for as_group in (False, True):
        tasks = Tasks([Task(failing), Task(done.append, "second")], as_group=as_group)
        app = Lilya(routes=[answering(background=tasks)])
        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            await client.get("/")
        assert done == (["second"] if as_group else [])
    assert any("skipped" in record.getMessage() for record in caplog.records)


async def test_start_soon_logs_and_counts_a_failure_and_needs_a_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    app = Lilya()
    with pytest.raises(RuntimeError, match="the application has no nursery"):
        app.start_soon(failing)
    async with AsyncTestClient(app, raise_server_exceptions=False):
        app.start_soon(failing)
        await anyio.wait_all_tasks_blocked()
        assert app.statistics().failed_tasks == 1
    assert [record.getMessage() for record in caplog.records if record.name == "lilya.lifespan"] == [
        "task 'failing' failed"
    ]


async def test_a_detached_task_is_drained_and_then_cancelled_and_named(caplog: pytest.LogCaptureFixture) -> None:
    ends: list[float] = []

    async def work(seconds: float) -> None:
        try:
            await anyio.sleep(seconds)
        finally:
            ends.append(anyio.current_time())

    app = Lilya(routes=[answering(background=Task(work, 3, detached=True, name="short"))], drain_timeout=5)
    async with AsyncTestClient(app) as client:
        await client.get("/")
        app.start_soon(work, 60, name="long")
        began = anyio.current_time()
    assert ends == [pytest.approx(began + 3), pytest.approx(began + 5)]
    assert [record.getMessage() for record in caplog.records] == ["task 'long' was still running and was cancelled"]


@pytest.mark.parametrize(
    ("restart", "raises", "outcome"),
    [
        ("never", True, "fails"),
        ("never", False, "stopped"),
        ("on-failure", True, "restarted"),
        ("on-failure", False, "stopped"),
        ("always", True, "restarted"),
        ("always", False, "restarted"),
    ],
)
async def test_what_becomes_of_a_service_that_ends(restart: Any, raises: bool, outcome: str) -> None:
    runs: list[int] = []

    async def work(*, task_status: TaskStatus[None]) -> None:
        task_status.started()
        runs.append(1)
        if len(runs) > 1:
            await anyio.sleep_forever()
        await anyio.sleep(0.1)
        if raises:
            raise ValueError("no")

    app = Lilya(routes=[answering()], services=[Service(work, restart=restart)])
    if outcome == "fails":
        with pytest.raises(ServiceFailed):
            await states_after_a_while(app)
        assert app.failure is not None
    else:
        assert await states_after_a_while(app) == ["running" if outcome == "restarted" else "stopped"]
        assert len(runs) == (2 if outcome == "restarted" else 1)


async def states_after_a_while(app: Lilya) -> list[str]:
    async with AsyncTestClient(app):
        await anyio.sleep(5)
        return [service.state for service in app.statistics().services]


async def test_a_service_that_fails_before_it_was_ready_keeps_the_application_from_starting() -> None:
    async def work(*, task_status: TaskStatus[None]) -> None:
        raise ValueError("no address")

    with pytest.raises(ValueError, match="no address"):
        async with AsyncTestClient(Lilya(services=[Service(work, restart="always")])):
            raise AssertionError("it started")


def test_the_drawing_of_a_service_is_that_of_the_code() -> None:
    import lilya.concurrency.service as module

    def shape(text: str) -> list[list[str]]:
        drawing = re.search(r" *waiting ->.*\n(?:.*\n)*?.*backing-off.*\n", text)
        assert drawing is not None
        return [re.sub(r"  +(it|for|or).*", "", line).split() for line in drawing[0].splitlines()]

    assert shape(read(PAGE)) == shape(module.__doc__ or "")


async def test_the_program_of_exceptions_answers() -> None:
    async with AsyncTestClient(program(EXCEPTIONS).app, raise_server_exceptions=False) as client:
        for left in (2, 1, 0):
            assert (await client.post("/shop/bread")).json() == {"left": left}
        sold = await client.post("/shop/bread")
        assert (sold.status_code, sold.json()) == (409, {"sold out": "bread"})
        assert (await client.post("/shop/gold")).text == "Nothing at /shop/gold: We do not sell gold."
        assert (await client.get("/nowhere")).text == "Nothing at /nowhere: Not Found"
        teapot = await client.get("/teapot")
        assert (teapot.status_code, teapot.json(), teapot.headers["x-spout"]) == (418, {"short": "and stout"}, "yes")


async def test_groups_are_answered_as_the_table_says(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncTestClient(program(EXCEPTIONS, 2).app) as client:
        assert (await client.get("/one")).text == "north does not answer"
        assert (await client.get("/both")).text == "north does not answer, south does not answer"
    app = program(EXCEPTIONS, 2).app
    app.exception_handlers.clear()
    async with AsyncTestClient(app) as client:
        with pytest.raises(ConnectionError):
            await client.get("/one")
        with pytest.raises(ExceptionGroup):
            await client.get("/both")


def handler_saying(what: str) -> Any:
    async def handler(connection: Any, exc: Exception) -> PlainText:
        return PlainText(what)

    return handler


async def test_the_nearest_layer_then_a_status_then_the_most_specific_class() -> None:
    class Missing(HTTPException, LookupError):
        status_code = 404

    async def missing() -> None:
        raise Missing

    async def lookup() -> None:
        raise KeyError

    near = {LookupError: handler_saying("include")}
    app = Lilya(
        routes=[
            Path("/missing", missing),
            Path("/path", lookup, exception_handlers={Exception: handler_saying("path")}),
            Include(
                "/near",
                routes=[
                    Path("/lookup", lookup),
                    Path("/path", lookup, exception_handlers={KeyError: handler_saying("path")}),
                ],
                exception_handlers=near,
            ),
            Include(
                "/child",
                app=ChildLilya(routes=[Path("/", lookup)], exception_handlers={ValueError: handler_saying("x")}),
            ),
        ],
        exception_handlers={
            404: handler_saying("status"),
            Missing: handler_saying("class"),
            LookupError: handler_saying("lookup"),
            KeyError: handler_saying("key"),
        },
    )
    async with AsyncTestClient(app) as client:
        assert (await client.get("/missing")).text == "status"
        assert (await client.get("/path")).text == "path"
        assert (await client.get("/near/lookup")).text == "include"
        assert (await client.get("/near/path")).text == "path"
        assert (await client.get("/child/")).text == "key"


async def test_exception_of_the_application_is_outside_its_middleware_and_the_exception_goes_on() -> None:
    seen: list[str] = []

    class Layer:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            try:
                await self.app(scope, receive, send)
            except Exception as exc:
                seen.append(type(exc).__name__)
                raise

    async def lookup() -> None:
        raise KeyError("x")

    app = Lilya(
        routes=[Path("/", lookup)],
        middleware=[DefineMiddleware(Layer)],
        exception_handlers={Exception: handler_saying("sorry")},
    )
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        assert (await client.get("/")).text == "sorry"
    assert seen == ["KeyError"]
    async with AsyncTestClient(app) as client:
        with pytest.raises(KeyError):
            await client.get("/")


async def test_the_text_of_an_exception_is_its_detail() -> None:
    async def refuse() -> None:
        raise HTTPException("so not", status_code=400)

    async with AsyncTestClient(Lilya(routes=[Path("/", refuse)])) as client:
        assert (await client.get("/")).text == "so not"
        problem = await client.get("/", headers={"accept": "application/problem+json"})
        assert (problem.json()["detail"], problem.json()["status"]) == ("so not", 400)
