"""The life of an application: everything is entered in one order and left in the reverse, whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from lilya._asgi.watch import LOOK_EVERY
from lilya.apps import ChildLilya, Lilya
from lilya.concurrency.service import Service
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.routing import Include, Path
from lilya.types import Message
from tests.apps.lifespans import Log, noting
from tests.routing.client import PATIENCE, call, fail_to_start
from tests.support.life import running
from tests.support.wire import Wire, http_scope, request

COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged with a traceback."""
    return [repr(record.exc_info[1]) for record in caplog.records if record.exc_info]


async def handler() -> str:
    return "here"


# -- hooks and lifespans ----------------------------------------------------------------------------------------------


async def test_hooks_sync_and_async_run_in_order_the_sync_ones_in_threads() -> None:
    log: Log = []

    def sync(name: str) -> Callable[[], None]:
        def hook() -> None:
            where = "loop" if threading.current_thread() is threading.main_thread() else "thread"
            log.append(f"{name} in {where}")

        return hook

    async def asynchronous() -> None:
        await anyio.sleep(1)
        log.append("async")

    app = Lilya(on_startup=[sync("first"), asynchronous], on_shutdown=[asynchronous, sync("last")])
    app.add_event_handler("startup", sync("added"))

    @app.on_event("on_shutdown")
    async def decorated() -> None:
        log.append("decorated")

    async with running(app) as sent:
        log.append("--")
    assert log == ["first in thread", "async", "added in thread", "--", "async", "last in thread", "decorated"]
    assert [message["type"] for message in sent] == COMPLETE


async def test_a_hook_added_by_a_hook_runs_too() -> None:
    log: Log = []
    app = Lilya()
    app.add_event_handler("startup", lambda: app.add_event_handler("shutdown", lambda: log.append("down")))
    async with running(app):
        pass
    assert log == ["down"]


def test_a_lifespan_and_hooks_do_not_go_together() -> None:
    for hooks in ({"on_startup": [print]}, {"on_shutdown": [print]}):
        with pytest.raises(AssertionError, match="Use either 'lifespan' or"):
            Lilya(lifespan=noting([], "app"), **hooks)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="the application has a lifespan"):
        Lilya(lifespan=noting([], "app")).add_event_handler("startup", print)


def test_an_event_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AssertionError, match="the events are 'startup', 'on_startup', 'shutdown', 'on_shutdown', not"):
        Lilya().on_event("start")(print)


def test_a_bare_generator_is_no_lifespan() -> None:
    async def bare(app: Any) -> AsyncIterator[None]:
        yield

    def sync(app: Any) -> Iterator[None]:
        yield

    for lifespan in (bare, sync):
        with pytest.raises(ImproperlyConfigured, match=r"is a bare generator: decorate it with @contextlib\.async"):
            Lilya(lifespan=lifespan)  # type: ignore[arg-type]


async def test_a_lifespan_is_given_its_application() -> None:
    given: list[Any] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        given.append(app)
        yield

    child = ChildLilya(lifespan=lifespan)
    app = Lilya(lifespan=lifespan, routes=[Include("/child", app=child)])
    async with running(app):
        assert given == [app, child]


async def test_what_lifespans_yield_reaches_requests() -> None:
    async def asks(request: Request) -> dict[str, Any]:
        return {"a": request.state.a, "b": request.state.b}

    child = ChildLilya(lifespan=noting([], "child", {"b": 2}))
    app = Lilya(lifespan=noting([], "app", {"a": 1, "b": 0}), routes=[Path("/", asks), Include("/child", app=child)])
    state: dict[str, object] = {"server": "keeps"}
    async with running(app, state):
        assert state == {"server": "keeps", "a": 1, "b": 2}
        assert (await call(app, state=dict(state))).json == {"a": 1, "b": 2}


async def test_a_state_that_the_server_cannot_keep_is_an_error_of_the_start_up() -> None:
    app = Lilya(lifespan=noting([], "app", {"a": 1}))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match='The server does not support "state" in the lifespan scope'):
        await app({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]


# -- failing ----------------------------------------------------------------------------------------------------------


def refusing(app: Any) -> Any:
    raise ValueError("cannot start")


@asynccontextmanager
async def failing(app: Any) -> AsyncIterator[None]:
    await anyio.lowlevel.checkpoint()
    raise ValueError("cannot start")
    yield


@asynccontextmanager
async def failing_in_a_nursery(app: Any) -> AsyncIterator[None]:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(raises)
        await anyio.sleep(1)
        yield


async def raises() -> None:
    raise ValueError("cannot start")


def blocking() -> None:
    raise ValueError("cannot start")


FAILING: dict[str, Callable[[], dict[str, Any]]] = {
    "lifespan": lambda: {"lifespan": failing},
    "lifespan's nursery": lambda: {"lifespan": failing_in_a_nursery},
    "what makes the lifespan": lambda: {"lifespan": refusing},
    "sync hook": lambda: {"on_startup": [blocking]},
    "async hook": lambda: {"on_startup": [raises]},
    "service": lambda: {"services": [Service(unready)]},
}


async def unready(*, task_status: Any) -> None:
    raise ValueError("cannot start")


@pytest.mark.parametrize("who", FAILING)
async def test_who_cannot_start_is_told_to_the_server_logged_once_and_raised_plain(
    who: str, logged: pytest.LogCaptureFixture
) -> None:
    sent, error = await fail_to_start(Lilya(**FAILING[who]()))
    assert sent == [{"type": "lifespan.startup.failed", "message": "ValueError: cannot start"}]
    assert (type(error), str(error)) == (ValueError, "cannot start")
    assert tracebacks(logged) == ["ValueError('cannot start')"]


@pytest.mark.parametrize("who", FAILING)
async def test_what_was_entered_before_a_failure_is_left_in_the_reverse_order(who: str) -> None:
    log: Log = []
    broken = ChildLilya(**FAILING[who]())
    never = ChildLilya(lifespan=noting(log, "never"))
    first = ChildLilya(lifespan=noting(log, "first"), routes=[Include("/x", app=broken), Include("/y", app=never)])
    await fail_to_start(Lilya(routes=[Include("/", app=first)], lifespan=noting(log, "app")))
    if who == "service":  # they start when all lifespans are entered
        assert log == ["app up", "first up", "never up", "never down", "first down", "app down"]
    else:
        assert log == ["app up", "first up", "first down", "app down"]


async def test_half_a_start_is_undone_by_the_hooks_that_stop() -> None:
    log: Log = []
    app = Lilya(
        on_startup=[lambda: log.append("a"), blocking, lambda: log.append("c")], on_shutdown=[lambda: log.append("d")]
    )
    await fail_to_start(app)
    assert log == ["a", "d"]


async def test_what_fails_while_half_a_start_is_undone_is_logged_and_does_not_hide_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def confused() -> None:
        raise KeyError("nothing to close")

    sent, error = await fail_to_start(Lilya(on_startup=[blocking], on_shutdown=[confused]))
    assert (type(error), sent[0]["message"]) == (ValueError, "ValueError: cannot start")
    assert "a shutdown hook failed where the start had failed before" in caplog.text


async def test_a_start_that_is_cancelled_is_undone_by_hooks_that_may_await() -> None:
    log: Log = []

    async def down() -> None:
        await anyio.sleep(1)
        log.append("down")

    app = Lilya(on_startup=[anyio.sleep_forever], on_shutdown=[down])
    with anyio.move_on_after(1):
        async with running(app):
            raise AssertionError("it never starts")
    assert log == ["down"]


async def test_hooks_that_stop_are_called_for_what_did_start_before_another_failed() -> None:
    log: Log = []
    child = ChildLilya(on_startup=[raises])
    await fail_to_start(Lilya(routes=[Include("/", app=child)], on_shutdown=[lambda: log.append("down")]))
    assert log == ["down"]


async def test_services_that_had_started_are_stopped_when_another_cannot() -> None:
    log: Log = []

    async def serves() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("stopped")

    await fail_to_start(Lilya(services=[Service(serves), Service(unready)]))
    assert log == ["stopped"]


async def stopping(app: Lilya) -> tuple[list[Message], BaseException | None]:
    """Start and stop an app whose lifespan fails at its end: what it sent, and what it raised."""
    sent: list[Message] = []
    raised: BaseException | None = None

    async def receive() -> Message:
        return {"type": "lifespan.shutdown" if sent else "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.fail_after(PATIENCE):
        try:
            await app({"type": "lifespan", "state": {}}, receive, send)
        except Exception as error:
            raised = error
    return sent, raised


@pytest.mark.parametrize("how", ["lifespan", "hook"])
async def test_a_failure_at_the_end_is_told_and_what_is_further_out_is_left(
    how: str, logged: pytest.LogCaptureFixture
) -> None:
    log: Log = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        raise ValueError("cannot stop")

    async def hook() -> None:
        raise ValueError("cannot stop")

    child = ChildLilya(lifespan=lifespan) if how == "lifespan" else ChildLilya(on_shutdown=[hook])
    sent, error = await stopping(Lilya(routes=[Include("/", app=child)], lifespan=noting(log, "app")))
    assert sent[0]["type"] == "lifespan.startup.complete"
    assert sent[1:] == [{"type": "lifespan.shutdown.failed", "message": "ValueError: cannot stop"}]
    assert str(error) == "cannot stop"
    assert tracebacks(logged) == ["ValueError('cannot stop')"]
    assert log == ["app up", "app down"]


async def test_who_is_still_served_while_a_failed_application_stops_is_told_that_the_client_left(
    logged: pytest.LogCaptureFixture,
) -> None:
    async def slow_to_stop(*, task_status: TaskStatus[None]) -> None:
        task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2)

    async def poll() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            left.append(anyio.current_time())

    async def fail() -> None:
        raise ValueError("on purpose")

    async def end() -> None:
        await anyio.sleep(1.5 * LOOK_EVERY)  # between the two looks that a handler gets before somebody reads for it
        app.task_group.start_soon(fail)
        await anyio.sleep(1)
        wire.put({"type": "http.disconnect"})

    left: list[float] = []
    app = Lilya(routes=[Path("/", poll)], services=[Service(slow_to_stop)])
    wire = Wire(request())
    began = anyio.current_time()

    async def serve() -> None:
        async with running(app), anyio.create_task_group() as group:
            group.start_soon(end)
            await app(http_scope(), wire.receive, wire.send)

    with pytest.raises(ValueError, match="on purpose"):
        await serve()
    assert left == [pytest.approx(began + 1 + 1.5 * LOOK_EVERY)]
    assert tracebacks(logged) == ["ValueError('on purpose')"]


async def test_a_hook_that_fails_at_the_end_does_not_keep_the_others_from_running() -> None:
    log: Log = []

    async def breaks() -> None:
        log.append("breaks")
        raise ValueError("cannot stop")

    _, error = await stopping(Lilya(on_shutdown=[lambda: log.append("a"), breaks, lambda: log.append("c")]))
    assert log == ["a", "breaks", "c"]
    assert isinstance(error, ValueError)


async def test_an_application_lives_one_life_at_a_time() -> None:
    app = Lilya()
    async with running(app):
        with pytest.raises(RuntimeError, match="running already: one lifespan at a time"):
            await stopping_quickly(app)


async def stopping_quickly(app: Lilya) -> None:
    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await app({"type": "lifespan", "state": {}}, receive, send)


async def test_an_application_can_be_started_again() -> None:
    log: Log = []
    app = Lilya(routes=[Path("/", handler)], lifespan=noting(log, "app"))
    for _ in range(2):
        async with running(app):
            assert (await call(app)).json == "here"
            assert not app.draining
        assert app.draining
    assert log == ["app up", "app down"] * 2


# -- the end is bounded -----------------------------------------------------------------------------------------------


async def test_a_cancelled_lifespan_is_left_whole() -> None:
    log: Log = []
    app = Lilya(lifespan=noting(log, "app", down=5))

    async def receive() -> Message:
        if log:
            await anyio.sleep_forever()
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None: ...

    with anyio.move_on_after(1) as scope:
        await app({"type": "lifespan", "state": {}}, receive, send)
    assert scope.cancelled_caught
    assert log == ["app up", "app down"]


async def test_a_lifespan_that_does_not_end_is_cut_and_said_so(logged: pytest.LogCaptureFixture) -> None:
    app = Lilya(lifespan=noting([], "app", down=10_000))
    with anyio.fail_after(40):
        async with running(app) as sent:
            pass
    assert [message["type"] for message in sent] == COMPLETE
    assert [record.getMessage() for record in logged.records] == [
        "the lifespans did not end within 30.0 s and were cancelled"
    ]


async def test_a_start_up_that_fails_and_then_hangs_has_failed_all_the_same() -> None:
    child = ChildLilya(on_startup=[raises])
    app = Lilya(lifespan=noting([], "app", down=10_000), routes=[Include("/", app=child)])
    sent, error = await fail_to_start(app)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert str(error) == "cannot start"


async def test_a_nursery_in_a_lifespan_is_opened_and_left_in_one_task() -> None:
    log: Log = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("work left")

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(work)
            yield {"nursery": nursery}
            nursery.cancel_scope.cancel()

    async with running(Lilya(lifespan=lifespan)) as sent:
        await anyio.sleep(1)
    assert log == ["work left"]
    assert [message["type"] for message in sent] == COMPLETE
