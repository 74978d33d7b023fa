"""Observers hear of everything once, can break nothing, and cost nothing where there are none."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
from httpx import RemoteProtocolError

from lilya._asgi.exchange import Exchange
from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.concurrency import Service
from lilya.exceptions import ImproperlyConfigured
from lilya.protocols import Observer, Outcome
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail
from tests.support.life import running

BROKEN = "broken"


class Book(Observer):
    """Writes everything down."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.open: list[Scope] = []

    @property
    def ends(self) -> list[Any]:
        return [each[1:] for each in self.said if each[0] == "ended"]

    def exchange_started(self, scope: Scope) -> None:
        self.open.append(scope)

    def exchange_ended(self, scope: Scope, outcome: Outcome, status: int | None, seconds: float) -> None:
        assert any(scope is each for each in self.open), "it began"
        self.open = [each for each in self.open if each is not scope]
        assert seconds >= 0
        self.said.append(("ended", scope.get("route_path_template", ""), outcome, status))

    def task_failed(self, name: str, failure: BaseException) -> None:
        self.said.append(("task", name, repr(failure)))

    def service_restarted(self, name: str, restarts: int, failure: BaseException | None) -> None:
        self.said.append(("service", name, restarts, repr(failure)))

    def draining(self) -> None:
        self.said.append(("draining",))


async def item(id: int) -> dict[str, int]:
    return {"id": id}


async def waits() -> None:
    await anyio.sleep(3600)


async def breaks() -> None:
    raise ValueError(BROKEN)


async def breaks_off() -> StreamingResponse:
    async def body() -> AsyncIterator[str]:
        yield "a beginning"
        raise ValueError(BROKEN)

    return StreamingResponse(body())


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


ROUTES: list[Any] = [
    Path("/items/{id:int}", item),
    Path("/waits", waits),
    Path("/breaks", breaks),
    Path("/breaks-off", breaks_off),
    WebSocketPath("/echo", echo),
]


@pytest.mark.parametrize("with_lifespan", [True, False])
@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/items/1", ("/items/{id:int}", "completed", 200)),
        ("/nowhere", ("", "completed", 404)),
        ("/breaks", ("/breaks", "failed", 500)),
        ("/breaks-off", ("/breaks-off", "failed", 200)),
    ],
)
async def test_the_end_of_a_request_is_told_with_route_outcome_and_status(
    path: str, end: tuple[str, str, int], with_lifespan: bool
) -> None:
    book = Book()
    client = AsyncTestClient(Lilya(routes=ROUTES, observers=[book]), raise_server_exceptions=False)
    with suppress(RemoteProtocolError):  # what is broken off is no answer
        if with_lifespan:
            async with client:
                await client.get(path)
        else:
            await client.get(path)
    await client.aclose()
    assert book.ends == [end]
    assert not book.open


async def test_a_client_that_leaves_is_no_failure() -> None:
    book = Book()
    async with AsyncTestClient(Lilya(routes=ROUTES, observers=[book])) as client:
        with anyio.move_on_after(1):
            await client.get("/waits")
        assert book.ends == [("/waits", "disconnected", None)]


async def test_a_request_that_is_cancelled_by_its_server_is_aborted() -> None:
    book = Book()
    app = Lilya(routes=ROUTES, observers=[book])
    async with running(app):
        with anyio.move_on_after(1):
            await call(app, "/waits")
        assert book.ends == [("/waits", "aborted", None)]


async def test_a_websocket_is_told_with_101_and_a_refused_one_with_what_refused_it() -> None:
    book = Book()
    async with AsyncTestClient(Lilya(routes=ROUTES, observers=[book])) as client:
        async with client.websocket_connect("/echo") as websocket:
            await websocket.send_text("hello")
            assert await websocket.receive_text() == "hello"
        assert book.ends == [("/echo", "completed", 101)]


async def test_failed_tasks_are_told_once_by_name_and_counted() -> None:
    async def background() -> PlainText:
        return PlainText("", background=Task(breaks, name="in the exchange"))

    async def detached() -> PlainText:
        return PlainText("", background=Task(breaks, name="in the app", detached=True))

    book = Book()
    app = Lilya(routes=[Path("/background", background), Path("/detached", detached)], observers=[book])
    async with running(app):
        await call(app, "/background")
        await call(app, "/detached")
        app.start_soon(breaks, name="by hand")
        await anyio.sleep(1)
        told = {each for each in book.said if each[0] == "task"}
        names = ["in the exchange", "in the app", "by hand"]
        assert told == {("task", name, "ValueError('broken')") for name in names}
        assert app.statistics().failed_tasks == 3


async def test_restarts_and_the_drain_are_told() -> None:
    async def flaky() -> None:
        await anyio.sleep(1)
        raise ValueError(BROKEN)

    book = Book()
    service = Service(flaky, restart="on-failure", backoff=(0.5, 0.5))
    app = Lilya(services=[service], observers=[book])
    async with running(app):
        await anyio.sleep(1.75)
        app.drain()
        app.drain()
    assert book.said == [("service", "flaky", 1, "ValueError('broken')"), ("draining",)]


async def test_what_an_observer_sets_in_the_context_is_seen_all_the_way() -> None:
    span: ContextVar[str] = ContextVar("span", default="none")
    seen: list[str] = []

    class Tracer(Observer):
        def exchange_started(self, scope: Scope) -> None:
            span.set("a span")

        def exchange_ended(self, scope: Scope, outcome: Outcome, status: int | None, seconds: float) -> None:
            seen.append(span.get())

    def middleware(app: ASGIApp) -> ASGIApp:
        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(span.get())
            await app(scope, receive, send)

        return layer

    async def handler() -> str:
        return span.get()

    app = Lilya(routes=[Path("/", handler)], observers=[Tracer()], middleware=[middleware])
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == "a span"
    assert seen == ["a span", "a span"]


async def test_an_observer_that_fails_is_logged_and_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Observer):
        def exchange_started(self, scope: Scope) -> None:
            raise RuntimeError("started")

        def exchange_ended(self, scope: Scope, outcome: Outcome, status: int | None, seconds: float) -> None:
            raise RuntimeError("ended")

        def task_failed(self, name: str, failure: BaseException) -> None:
            raise RuntimeError("task")

        def draining(self) -> None:
            raise RuntimeError("draining")

    book = Book()
    app = Lilya(routes=ROUTES, observers=[Broken(), book])
    async with running(app):
        assert (await call(app, "/items/1")).json == {"id": 1}
        app.start_soon(breaks)
        await anyio.sleep(1)
    assert book.ends == [("/items/{id:int}", "completed", 200)]
    moments = [vars(each).get("moment") for each in caplog.records if each.name == "lilya.observers"]
    assert moments == ["exchange_started", "exchange_ended", "task_failed", "draining"]


def _without_a_method() -> Any:
    class Half:
        def exchange_started(self, scope: Scope) -> None: ...

    return Half()


def _async() -> Any:
    class Async(Observer):
        async def draining(self) -> None:  # type: ignore[override]
            """Nobody awaits it."""

    return Async()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Book, "give an instance"),
        (_without_a_method, "no method 'exchange_ended'"),
        (_async, "Async.draining is async"),
    ],
)
def test_what_is_no_observer_is_refused_when_the_app_is_built(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        Lilya(observers=[make()])


async def test_an_included_app_is_looked_at_by_the_observers_of_the_outermost() -> None:
    outer, inner = Book(), Book()
    child = ChildLilya(routes=ROUTES, observers=[inner])
    app = Lilya(routes=[Include("/child", app=child)], observers=[outer])
    async with running(app):
        await call(app, "/child/items/1")
    assert outer.ends == [("/child/items/{id:int}", "completed", 200)]
    assert inner.said == []


async def test_an_app_inside_another_framework_is_looked_at() -> None:
    book = Book()
    app = Lilya(routes=ROUTES, observers=[book])
    await call(app, "/items/1", app=object())
    assert [each[1:] for each in book.ends] == [("completed", 200)]


async def test_without_observers_the_exchange_is_the_plain_one() -> None:
    async def kind(request: Request) -> str:
        return type(request.scope["lilya.exchange"]).__name__

    assert (await call(Lilya(routes=[Path("/", kind)]))).json == Exchange.__name__
    assert (await call(Lilya(routes=[Path("/", kind)], observers=[Book()]))).json == "ObservedExchange"


async def test_an_answer_that_breaks_off_is_in_the_log_with_its_route(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "lilya.exchange"):
        await fail(Lilya(routes=ROUTES), "/breaks-off")
        async with AsyncTestClient(Lilya(routes=ROUTES)) as client:
            with anyio.move_on_after(1):
                await client.get("/waits")
    records = [vars(each) for each in caplog.records if each.name == "lilya.exchange"]
    assert [(each["levelname"], each["outcome"], each["method"], each["route"]) for each in records] == [
        ("WARNING", "failed", "GET", "/breaks-off"),
        ("DEBUG", "disconnected", "GET", "/waits"),
    ]


async def test_an_observer_writes_only_the_methods_it_wants() -> None:
    class Nothing(Observer):
        """Wants to hear of nothing."""

    async def flaky() -> None:
        await anyio.sleep(1)
        raise ValueError(BROKEN)

    app = Lilya(routes=ROUTES, observers=[Nothing()], services=[Service(flaky, restart="always")])
    async with running(app):
        assert (await call(app, "/items/1")).status == 200
        app.start_soon(breaks)
        await anyio.sleep(1.5)
    assert app.statistics().failed_tasks == 1
