"""Background work: it runs after the answer, whoever is gone; its failures are told and close nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.background import Task, Tasks
from lilya.responses import HTMLResponse, JSONResponse, PlainText, RedirectResponse, Response, StreamingResponse
from lilya.routing import Include, Path
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, request

Log = list[Any]


def noting(log: Log, name: str, seconds: float = 0) -> Callable[[], Any]:
    async def task() -> None:
        await anyio.sleep(seconds)
        log.append(name)

    return task


async def failing(what: str = "broken") -> None:
    await anyio.lowlevel.checkpoint()
    raise ZeroDivisionError(what)


class Witness(list[BaseException]):
    """Plays the server that wants to hear of failed background tasks."""

    @property
    def extensions(self) -> dict[str, Any]:
        return {"lilya.background": {"failed": self.append}}


async def serve(app: ASGIApp, wire: Wire | None = None, **scope: Any) -> Wire:
    wire = wire or Wire(request())
    await app(http_scope(**scope), wire.receive, wire.send)
    return wire


def app_with(background: Any, response: type[Response] = PlainText, **options: Any) -> Lilya:
    async def handler() -> Response:
        return response("answer", background=background)

    return Lilya(routes=[Include("/in", routes=[Path("/{name}", handler, **options)])])


# -- a task by itself ---------------------------------------------------------------------------------------------


async def test_a_task_calls_its_function_with_its_arguments_however_often() -> None:
    log: Log = []

    async def note(*args: Any, **kwargs: Any) -> None:
        log.append((args, kwargs))

    task = Task(note, 1, 2, key="value")
    await task()
    await task()
    assert log == [((1, 2), {"key": "value"})] * 2


async def test_a_sync_function_runs_in_a_thread_and_its_context_comes_back() -> None:
    var: ContextVar[str] = ContextVar("var", default="unset")
    log: Log = []

    def work(name: str) -> None:
        log.append((name, threading.current_thread() is threading.main_thread()))
        var.set("set in the thread")

    await Task(work, "x")()
    assert log == [("x", False)]
    assert var.get() == "set in the thread"


async def test_a_tasks_own_failure_and_cancellation_reach_whoever_runs_it_by_hand() -> None:
    with pytest.raises(ZeroDivisionError, match="broken"):
        await Task(failing)()
    with anyio.move_on_after(1) as scope:
        await Task(anyio.sleep_forever)()
    assert scope.cancelled_caught


async def test_a_task_of_a_class_of_ones_own_is_called_after_the_answer() -> None:
    log: Log = []

    class Twice(Task):
        async def __call__(self) -> None:
            await super().__call__()
            await super().__call__()

    async def handler() -> PlainText:
        return PlainText("x", background=Twice(noting(log, "work")))

    wire = Wire(request())
    await Lilya(routes=[Path("/", handler)])(http_scope(), wire.receive, wire.send)
    assert log == ["work", "work"]


class Worker:
    def method(self) -> None: ...

    async def __call__(self) -> None: ...


def test_a_task_is_named_after_what_it_calls_unless_it_is_named() -> None:
    assert Task(failing).name == "failing"
    assert Task(failing, name="mail").name == "mail"
    assert Task(Worker().method).name == "Worker.method"
    assert Task(Worker()).name == "Worker"
    assert Task(partial(partial(failing, "x"))).name == "failing"
    assert repr(Task(failing)) == "Task(failing)"
    assert repr(Task(failing, detached=True)) == "Task(failing, detached=True)"
    assert repr(Tasks([Task(failing)])) == "Tasks([Task(failing)])"
    assert repr(Tasks(as_group=True)) == "Tasks([], as_group=True)"


def test_name_and_detached_are_the_tasks_own_and_not_passed_on() -> None:
    task = Task(failing, "x", detached=True, name="mail", what="y")
    assert (task.args, task.kwargs) == (("x",), {"what": "y"})


# -- several by themselves ----------------------------------------------------------------------------------------


async def test_tasks_run_one_after_the_other_and_the_first_failure_skips_the_rest() -> None:
    log: Log = []
    tasks = Tasks(Task(noting(log, name, seconds)) for name, seconds in (("slow", 2), ("fast", 1)))
    tasks.add_task(log.append, "sync")
    await tasks()
    assert log == ["slow", "fast", "sync"]
    tasks = Tasks([Task(failing), Task(log.append, "never")])
    with pytest.raises(ZeroDivisionError):
        await tasks()
    assert "never" not in log


async def test_tasks_as_a_group_run_at_once_to_their_end_whatever_fails() -> None:
    log: Log = []
    tasks = Tasks([Task(noting(log, "slow", 2)), Task(failing), Task(noting(log, "fast", 1))], as_group=True)
    with pytest.raises(ZeroDivisionError, match="broken"):
        await tasks()
    assert log == ["fast", "slow"]
    assert anyio.current_time() == 2
    await Tasks([Task(noting(log, "x"))], as_group=True)()


async def test_several_failures_of_a_group_leave_it_as_a_group() -> None:
    with pytest.raises(ExceptionGroup, match="background tasks failed") as caught:
        await Tasks([Task(failing, "a"), Task(failing, "b")], as_group=True)()
    assert sorted(str(exc) for exc in caught.value.exceptions) == ["a", "b"]


async def test_tasks_of_nothing_do_nothing() -> None:
    await Tasks()()
    await Tasks(as_group=True)()


# -- after a response ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda task: PlainText("answer", background=task),
        lambda task: HTMLResponse("answer", background=task),
        lambda task: JSONResponse("answer", background=task),
        lambda task: RedirectResponse("/", background=task),
        lambda task: StreamingResponse(["ans", "wer"], background=task),
        lambda task: Response(status_code=204, background=task),
    ],
    ids=["text", "html", "json", "redirect", "stream", "no content"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_runs_after_the_last_message_of_every_kind_of_response(make: Any, method: str) -> None:
    log: Log = []

    async def look() -> None:
        last = wire.sent[-1]
        log.append((last["type"], last.get("more_body", False)))

    async def handler() -> Response:
        response: Response = make(Task(look))
        return response

    wire = Wire(request())
    await serve(Lilya(routes=[Path("/", handler)]), wire, method=method)
    assert log == [("http.response.body", False)]


async def test_it_runs_inside_the_exchange_and_outside_the_scope_of_the_handler() -> None:
    log: Log = []

    async def work() -> None:
        assert [each.state for each in app.statistics().exchanges] == ["finishing"]
        wire.put(GONE)
        await anyio.sleep(60)
        log.append("done")

    wire = Wire(request())
    app = app_with(Task(work))
    async with running(app):
        await serve(app, wire, path="/in/x")
        assert log == ["done"]
        assert app.statistics().exchanges == ()


@pytest.mark.parametrize("response", [PlainText, StreamingResponse])
@pytest.mark.parametrize("when", ["before the start", "at the start", "at the body"])
async def test_it_runs_when_the_client_is_gone_by_then(response: type[Response], when: str) -> None:
    log: Log = []
    wire = Wire(request())

    def fail(message: Message) -> None:
        if when == "at the start" or (when == "at the body" and message["type"].endswith("body")):
            raise BrokenPipeError("gone")

    wire.fail = fail
    if when == "before the start":
        wire.put(GONE)
    app = app_with(Task(noting(log, "ran", 5)), response, methods=["POST"])
    await serve(app, wire, path="/in/x", method="POST")
    assert log == ["ran"]


async def test_it_runs_when_the_client_leaves_in_the_middle_of_a_stream() -> None:
    log: Log = []

    async def pieces() -> Any:
        yield b"a"
        wire.put(GONE)
        await anyio.sleep(10)
        log.append("too far")
        yield b"b"

    async def handler() -> StreamingResponse:
        return StreamingResponse(pieces(), background=Task(noting(log, "ran", 5)))

    async def in_a_nursery(task_group: anyio.abc.TaskGroup) -> StreamingResponse:
        return StreamingResponse(pieces(), background=Task(noting(log, "ran", 5)))

    for each in (handler, in_a_nursery):
        wire = Wire(request())
        app = Lilya(routes=[Path("/", each)])
        async with running(app):
            await serve(app, wire)
        assert log == ["ran"]
        log.clear()


async def test_it_runs_for_a_response_used_alone_whose_send_breaks() -> None:
    log: Log = []
    for make in (PlainText, StreamingResponse):
        wire = Wire(request())
        wire.fail = lambda message: (_ for _ in ()).throw(OSError("gone"))
        with suppress(OSError):  # the framework around it asked for that
            await serve(make("x", background=Task(noting(log, "ran"))), wire)
    assert log == ["ran", "ran"]


async def test_it_does_not_run_when_the_handler_or_the_body_fails() -> None:
    log: Log = []

    async def pieces() -> Any:
        yield b"a"
        raise ZeroDivisionError

    async def handler() -> StreamingResponse:
        return StreamingResponse(pieces(), background=Task(noting(log, "ran")))

    with pytest.raises(ZeroDivisionError):
        await serve(Lilya(routes=[Path("/", handler)]))
    assert log == []


async def test_a_cancelled_exchange_cancels_it() -> None:
    log: Log = []

    async def work() -> None:
        try:
            await anyio.sleep(60)
        finally:
            log.append(anyio.current_time())

    with anyio.move_on_after(1) as scope:
        await serve(app_with(Task(work)), path="/in/x")
    assert scope.cancelled_caught
    assert log == [1]


async def test_a_middleware_above_delays_neither_the_answer_nor_the_work() -> None:
    times: Log = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def timed(message: Message) -> None:
                times.append((message["type"], anyio.current_time()))
                await send(message)

            await self.app(scope, receive, timed)

    app = app_with(Task(anyio.sleep, 5), middleware=[Layer])
    await serve(app, path="/in/x")
    assert times == [("http.response.start", 0), ("http.response.body", 0)]
    assert anyio.current_time() == 5


# -- failures -----------------------------------------------------------------------------------------------------


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.name for record in caplog.records} <= {"lilya.background"}
    assert {record.levelno for record in caplog.records} <= {logging.ERROR}
    return [record.getMessage() for record in caplog.records]


async def test_a_failure_is_logged_with_task_and_route_told_to_the_witness_and_ends_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    witness = Witness()
    wire = await serve(app_with(Task(failing)), path="/in/x", extensions=witness.extensions)
    assert wire.body == b"answer"
    assert failures(caplog) == ["background task 'failing' of /in/{name} failed"]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
    assert vars(record)["task"] == "failing"
    assert vars(record)["route"] == "/in/{name}"
    assert [str(exc) for exc in witness] == ["broken"]


async def test_without_a_route_it_is_logged_with_the_path(caplog: pytest.LogCaptureFixture) -> None:
    for extensions in ({}, {"extensions": None}):
        await serve(PlainText("x", background=Task(failing, name="mail")), path="/alone", **extensions)
    assert failures(caplog) == ["background task 'mail' of /alone failed"] * 2


async def test_a_failure_out_of_a_tasks_own_nursery_is_logged_plain(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(failing)
            await anyio.sleep_forever()

    witness = Witness()
    await serve(app_with(Task(work)), path="/in/x", extensions=witness.extensions)
    assert [type(exc) for exc in witness] == [ZeroDivisionError]


async def test_a_sequence_runs_after_the_answer_in_its_order() -> None:
    log: Log = []
    tasks = Tasks([Task(noting(log, "slow", 2)), Task(noting(log, "fast", 1)), Task(log.append, "sync")])
    await serve(app_with(tasks), path="/in/x")
    assert log == ["slow", "fast", "sync"]


async def test_in_a_sequence_a_failure_skips_the_rest_and_the_log_names_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: Log = []
    tasks = Tasks([Task(noting(log, "first")), Task(failing, name="second")])
    tasks.add_task(noting(log, "third"))
    tasks.tasks.append(Task(noting(log, "fourth"), name="fourth"))
    witness = Witness()
    await serve(app_with(tasks), path="/in/x", extensions=witness.extensions)
    assert log == ["first"]
    assert failures(caplog) == [
        "background task 'second' of /in/{name} failed",
        "background task 'noting.<locals>.task' skipped: 'second' failed before it",
        "background task 'fourth' skipped: 'second' failed before it",
    ]
    assert len(witness) == 1


async def test_in_a_group_each_failure_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    log: Log = []
    tasks = Tasks(
        [Task(failing, "a", name="a"), Task(noting(log, "ran", 2)), Task(failing, "b", name="b")], as_group=True
    )
    witness = Witness()
    await serve(app_with(tasks), path="/in/x", extensions=witness.extensions)
    assert log == ["ran"]
    assert sorted(failures(caplog)) == [
        "background task 'a' of /in/{name} failed",
        "background task 'b' of /in/{name} failed",
    ]
    assert sorted(map(str, witness)) == ["a", "b"]


async def test_any_async_callable_will_do_and_is_named_by_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    log: Log = []
    await serve(app_with(noting(log, "function")), path="/in/x")
    await serve(app_with(partial(failing, "x")), path="/in/x")
    assert log == ["function"]
    assert failures(caplog) == ["background task 'failing' of /in/{name} failed"]


# -- detached -----------------------------------------------------------------------------------------------------


async def test_a_detached_task_outlives_the_exchange_in_the_nursery_of_the_application() -> None:
    log: Log = []
    app = app_with(Task(noting(log, "done", 5), detached=True, name="mail"))
    async with running(app):
        await serve(app, path="/in/x")
        assert anyio.current_time() == 0
        assert app.statistics().exchanges == ()
        assert [task.name for task in app.statistics().tasks] == ["mail"]
    assert log == ["done"]  # drained at the shutdown
    assert anyio.current_time() == 5


async def test_a_detached_task_is_not_cut_when_the_client_leaves_or_the_exchange_is_cancelled() -> None:
    log: Log = []

    async def handler() -> PlainText:
        return PlainText("x", background=Tasks([Task(noting(log, "done", 5), detached=True), Task(anyio.sleep, 60)]))

    app = Lilya(routes=[Path("/", handler)])
    async with running(app):
        with anyio.move_on_after(1):
            await serve(app, Wire(request(), GONE))
        assert log == []
    assert log == ["done"]


async def test_a_failing_detached_task_is_logged_and_counted_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with(Task(failing, detached=True))
    async with running(app):
        await serve(app, path="/in/x")
        await anyio.sleep(1)
        assert app.statistics().failed_tasks == 1
        assert (await serve(app, path="/in/x")).body == b"answer"
    assert [record.getMessage() for record in caplog.records] == ["task 'failing' failed"] * 2


async def test_a_detached_task_without_a_lifespan_is_an_error_that_says_what_is_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: Log = []
    witness = Witness()
    app = app_with(Task(noting(log, "never"), detached=True, name="mail"))
    wire = await serve(app, path="/in/x", extensions=witness.extensions)
    assert wire.body == b"answer"
    await serve(PlainText("x", background=Task(noting(log, "never"), detached=True)), extensions=witness.extensions)
    assert log == []
    assert failures(caplog)[0] == "background task 'mail' of /in/{name} failed"
    assert [type(exc) for exc in witness] == [RuntimeError, RuntimeError]
    assert "the application has no nursery: it opens with the lifespan" in str(witness[0])
    assert "needs the nursery of a Lilya application" in str(witness[1])
