"""A client that leaves cancels the work done for it: when, which, and what is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.from_thread
import pytest

from lilya._asgi.watch import LOOK_EVERY
from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ClientDisconnect, ImproperlyConfigured
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, Router
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope, request

SAFE = ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "LOCK"]

Log = list[Any]


def life_of(app: Lilya, lifespan: bool) -> AbstractAsyncContextManager[Any]:
    return running(app) if lifespan else nullcontext()


def sleeper(log: Log, seconds: float = 10) -> Callable[[], Any]:
    async def handler() -> PlainText:
        try:
            await anyio.sleep(seconds)
            log.append("woke")
        finally:
            log.append(anyio.current_time())
        return PlainText("slept")

    return handler


async def leave_at(wire: Wire, seconds: float) -> None:
    await anyio.sleep(seconds)
    wire.put(GONE)


@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("lifespan", [True, False])
async def test_a_handler_of_a_safe_method_is_cancelled_the_moment_its_client_leaves(
    method: str, lifespan: bool
) -> None:
    log: Log = []
    app = Lilya(routes=[Path("/", sleeper(log), methods=[method])])
    wire = Wire(request())
    async with life_of(app, lifespan), anyio.create_task_group() as group:
        group.start_soon(leave_at, wire, 3)
        await app(http_scope(method=method), wire.receive, wire.send)
    assert log == [3]
    assert wire.sent == []


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("lifespan", [True, False])
async def test_a_handler_of_any_other_method_runs_on(method: str, lifespan: bool) -> None:
    log: Log = []
    app = Lilya(routes=[Path("/", sleeper(log), methods=[method])])
    wire = Wire(request(), GONE)
    async with life_of(app, lifespan):
        await app(http_scope(method=method), wire.receive, wire.send)
    assert log == ["woke", 10]


async def test_with_a_lifespan_it_is_noticed_at_the_second_look_and_before_that_costs_nothing() -> None:
    log: Log = []
    app = Lilya(routes=[Path("/", sleeper(log))])
    wire = Wire(request(), GONE)  # left before we began
    async with running(app):
        await anyio.sleep(1)
        await app(http_scope(), wire.receive, wire.send)
    assert log == [pytest.approx(1 + 2 * LOOK_EVERY)]


async def test_without_a_lifespan_it_is_noticed_at_once() -> None:
    log: Log = []
    wire = Wire(request(), GONE)
    await Lilya(routes=[Path("/", sleeper(log))])(http_scope(), wire.receive, wire.send)
    assert log == [0]


async def test_a_part_used_alone_in_another_framework_keeps_the_promise() -> None:
    log: Log = []
    wire = Wire(request(), GONE)
    scope = http_scope()
    await Path("/", sleeper(log))(scope, wire.receive, wire.send)
    assert log == [0]
    assert scope == http_scope()  # left as it was


async def test_a_handler_in_a_thread_can_ask_and_is_waited_for() -> None:
    log: Log = []

    def handler() -> PlainText:
        try:
            while True:
                anyio.from_thread.check_cancelled()
                time.sleep(0.001)
        finally:
            log.append("stopped")

    wire = Wire(request(), GONE)
    await Lilya(routes=[Path("/", handler)])(http_scope(), wire.receive, wire.send)
    assert log == ["stopped"]
    assert wire.sent == []


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (lambda handler: [Path("/", handler, methods=["POST"], on_disconnect="cancel")], "cut"),
        (lambda handler: [Path("/", handler, on_disconnect="ignore")], "woke"),
        (lambda handler: [Include("/", routes=[Path("/", handler)], on_disconnect="ignore")], "woke"),
        (lambda handler: [Include("/", routes=[Path("/", handler, methods=["POST"])], on_disconnect="cancel")], "cut"),
        (lambda handler: [Include("/", app=Router([Path("/", handler)], on_disconnect="ignore"))], "woke"),
        (lambda handler: [Include("/", app=ChildLilya(routes=[Path("/", handler)], on_disconnect="ignore"))], "woke"),
        # The nearest wins.
        (
            lambda handler: [Include("/", routes=[Path("/", handler, on_disconnect="cancel")], on_disconnect="ignore")],
            "cut",
        ),
        (
            lambda handler: [
                Include(
                    "/",
                    routes=[Include("/", routes=[Path("/", handler)], on_disconnect="ignore")],
                    on_disconnect="cancel",
                )
            ],
            "woke",
        ),
    ],
    ids=[
        "Path cancels",
        "Path ignores",
        "Include ignores",
        "Include cancels",
        "Router ignores",
        "ChildLilya ignores",
        "Path over Include",
        "Include over Include",
    ],
)
@pytest.mark.parametrize("lifespan", [True, False])
async def test_on_disconnect_is_said_on_any_layer_and_the_nearest_wins(
    routes: Callable[[Any], Sequence[Any]], expected: str, lifespan: bool
) -> None:
    log: Log = []
    handler = sleeper(log)
    app = Lilya(routes=list(routes(handler)))
    path: Any = app.routes[0]
    while not isinstance(path, Path):
        path = path.routes[0]
    method = "POST" if "POST" in (path.methods or ()) else "GET"
    wire = Wire(request(), GONE)
    async with life_of(app, lifespan):
        await app(http_scope(method=method), wire.receive, wire.send)
    assert ("woke" in log) == (expected == "woke")


@pytest.mark.parametrize(("said", "method", "woke"), [("ignore", "GET", True), ("cancel", "POST", False)])
async def test_on_disconnect_is_said_on_the_application(said: Any, method: str, woke: bool) -> None:
    log: Log = []
    app = Lilya(routes=[Path("/", sleeper(log), methods=[method])], on_disconnect=said)
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(method=method), wire.receive, wire.send)
    assert ("woke" in log) == woke


def test_a_wrong_on_disconnect_is_an_error_where_it_is_written() -> None:
    wrong: Any = "kill"
    with pytest.raises(ImproperlyConfigured, match="on_disconnect is 'cancel' or 'ignore', not 'kill'"):
        Path("/", sleeper([]), on_disconnect=wrong)
    with pytest.raises(ImproperlyConfigured, match="on_disconnect is 'cancel' or 'ignore', not 'kill'"):
        Lilya(on_disconnect=wrong)


async def test_what_stands_around_the_handler_is_not_cancelled_and_its_clean_up_may_await() -> None:
    log: Log = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await self.app(scope, receive, send)
            except ClientDisconnect:
                log.append("told")
                raise
            finally:
                await anyio.sleep(1)
                log.append("closed")

    app = Lilya(routes=[Path("/", sleeper(log))], middleware=[Layer])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert log == [pytest.approx(2 * LOOK_EVERY), "told", "closed"]


async def test_a_handler_cleans_up_under_a_shield_before_the_exchange_ends() -> None:
    log: Log = []

    async def handler() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2)
                log.append("cleaned")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
        assert log == ["cleaned"]
        assert app.statistics().exchanges == ()


async def test_an_exception_out_of_the_clean_up_of_a_cancelled_handler_is_not_lost() -> None:
    async def handler() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ZeroDivisionError("in the clean-up")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request(), GONE)
    async with running(app):
        with pytest.raises(ZeroDivisionError, match="in the clean-up"):
            await app(http_scope(), wire.receive, wire.send)


async def test_a_disconnect_while_the_last_message_is_being_sent_is_no_event() -> None:
    log: Log = []

    async def handler(request: Request) -> PlainText:
        request.add_cleanup(lambda: log.append("over"))
        await anyio.sleep(1)
        return PlainText("whole")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request())

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            wire.put(GONE)
            await anyio.sleep(1)
        await wire.send(message)

    async with running(app):
        await app(http_scope(), wire.receive, send)
    assert wire.body == b"whole"
    assert log == ["over"]


async def test_a_send_that_breaks_at_the_last_message_ends_quietly_too(caplog: pytest.LogCaptureFixture) -> None:
    async def handler() -> PlainText:
        return PlainText("whole")

    def fail(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionResetError("cut")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request())
    wire.fail = fail
    await app(http_scope(), wire.receive, wire.send)
    assert caplog.records == []


async def test_work_after_the_response_goes_on_when_the_client_leaves() -> None:
    log: Log = []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainText("whole")(scope, receive, send)
        await anyio.sleep(1)
        log.append("went on")

    class Raw:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await handler(scope, receive, send)

    app = Lilya(routes=[Path("/", Raw())])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert log == ["went on"]


async def test_a_disconnect_that_came_before_the_handler_was_called_cancels_it_at_its_first_wait() -> None:
    log: Log = []

    class Slow:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive, send).wait_disconnected()
            log.append("middleware told")
            await self.app(scope, receive, send)

    async def handler() -> PlainText:
        log.append("called")
        await anyio.sleep(10)
        log.append("too far")
        return PlainText("x")

    app = Lilya(routes=[Path("/", handler)], middleware=[Slow])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert log == ["middleware told", "called"]


async def test_a_middleware_that_asks_does_not_take_the_matter_over_for_the_handler() -> None:
    log: Log = []

    class Asks:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            assert not await Request(scope, receive, send).is_disconnected()
            await self.app(scope, receive, send)

    app = Lilya(routes=[Path("/", sleeper(log))], middleware=[Asks])
    wire = Wire(request())
    async with running(app), anyio.create_task_group() as group:
        group.start_soon(leave_at, wire, 3)
        await app(http_scope(), wire.receive, wire.send)
    assert log == [3]


async def test_a_handler_that_reads_the_body_of_a_client_that_leaves_is_told_why() -> None:
    log: Log = []

    async def handler(request: Request) -> None:
        try:
            await request.body()
        except ClientDisconnect as exc:
            log.append(str(exc))
            raise

    for method in ("GET", "POST"):
        app = Lilya(routes=[Path("/", handler, methods=[method])])
        wire = Wire(request(b"part", True), GONE)
        async with running(app):
            await app(http_scope(method=method), wire.receive, wire.send)
        assert wire.sent == []
    assert log == ["the client left before the request body was complete"] * 2


async def test_a_cancelled_exchange_cancels_the_handler_and_lets_the_cancellation_through() -> None:
    log: Log = []
    app = Lilya(routes=[Path("/", sleeper(log))])
    wire = Wire(request())
    async with running(app):
        with anyio.move_on_after(1) as scope:
            await app(http_scope(), wire.receive, wire.send)
    assert scope.cancelled_caught
    assert log == [1]


async def test_a_deadline_of_the_handlers_own_is_its_own() -> None:
    log: Log = []

    async def handler() -> PlainText:
        with anyio.move_on_after(1) as scope:
            await anyio.sleep(10)
        log.append(scope.cancelled_caught)
        return PlainText("late")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request())
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert log == [True]
    assert wire.body == b"late"


async def test_a_handlers_nursery_is_cancelled_with_it() -> None:
    log: Log = []

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("child")

    async def handler(task_group: anyio.abc.TaskGroup) -> PlainText:
        task_group.start_soon(child)
        try:
            await anyio.sleep_forever()
        finally:
            log.append("handler")
        return PlainText("x")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert sorted(log) == ["child", "handler"]


async def test_the_tasks_of_a_handlers_nursery_are_not_cut_when_the_client_leaves_after_the_answer() -> None:
    log: Log = []

    async def child() -> None:
        await anyio.sleep(5)
        log.append("child")

    async def handler(task_group: anyio.abc.TaskGroup) -> PlainText:
        task_group.start_soon(child)
        return PlainText("x")

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(request(), GONE)
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert log == ["child"]


async def test_context_variables_a_handler_sets_reach_the_layers_above_it() -> None:
    var: ContextVar[str] = ContextVar("var", default="unset")
    seen: Log = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            seen.append(var.get())

    async def handler() -> PlainText:
        await anyio.sleep(1)
        var.set("set")
        return PlainText("x")

    for lifespan in (True, False):
        app = Lilya(routes=[Path("/", handler)], middleware=[Layer])
        wire = Wire(request())
        async with life_of(app, lifespan):
            await app(http_scope(), wire.receive, wire.send)
        assert seen.pop() == "set"
        var.set("unset")
