"""Deadlines: what a handler and its response may take, and what becomes of them after it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya._define import DefineMiddleware
from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.concurrency import shielded
from lilya.controllers import Controller
from lilya.exceptions import GatewayTimeout, ImproperlyConfigured
from lilya.middleware.deadline import DeadlineMiddleware
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.routing._bounds import UNBOUNDED
from lilya.testing import MemoryServer, cancel_everywhere, disconnect_everywhere, http_scope
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, talk
from tests.support.life import running
from tests.support.wire import GONE, request
from tests.support.wire import http_scope as scope_of

LONG = 30.0


async def slow() -> str:
    await anyio.sleep(LONG)
    return "late"


async def took(app: ASGIApp, path: str = "/", /, method: str = "GET", **scope: Any) -> tuple[int, float]:
    """The status of an answer, and how long it took."""
    began = anyio.current_time()
    answer = await call(app, path, method, **scope)
    return answer.status, round(anyio.current_time() - began, 2)


class Slow(Controller):
    async def get(self) -> str:
        return await slow()


class ASGI:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await slow()


def decorated(**options: Any) -> Lilya:
    app = Lilya()
    app.get("/", **options)(slow)
    return app


APPS: dict[str, Any] = {
    "path": lambda: Lilya(routes=[Path("/", slow, timeout=2)]),
    "post": lambda: Lilya(routes=[Path("/", slow, methods=["GET", "POST"], timeout=2)]),
    "decorator": lambda: decorated(timeout=2),
    "include": lambda: Lilya(routes=[Include("/", routes=[Path("/", slow)], timeout=2)]),
    "router": lambda: Router([Path("/", slow)], timeout=2),
    "application": lambda: Lilya(routes=[Path("/", slow)], request_timeout=2),
    "mounted router": lambda: Lilya(routes=[Include("/", app=Router([Path("/", slow)], timeout=2))]),
    "around a mounted app": lambda: Lilya(routes=[Include("/", app=ASGI(), timeout=2)]),
    "above a mounted app": lambda: Lilya(routes=[Include("/", app=ASGI())], request_timeout=2),
    "a host": lambda: Lilya(routes=[Host("example.org", app=ASGI(), timeout=2)]),
    "a host, outer is shorter": lambda: Lilya(routes=[Host("example.org", app=ASGI(), timeout=9)], request_timeout=2),
    "above a host": lambda: Lilya(routes=[Host("example.org", app=ASGI())], request_timeout=2),
    "child": lambda: Lilya(routes=[Include("/", app=ChildLilya(routes=[Path("/", slow)], request_timeout=2))]),
    "controller": lambda: Lilya(routes=[Path("/", Slow, timeout=2)]),
    "asgi app": lambda: Lilya(routes=[Path("/", ASGI(), timeout=2)]),
    "path alone": lambda: Path("/", slow, timeout=2),
    "inner is shorter": lambda: Lilya(routes=[Path("/", slow, timeout=2)], request_timeout=9),
    "outer is shorter": lambda: Lilya(routes=[Path("/", slow, timeout=9)], request_timeout=2),
    "middleware": lambda: Lilya(routes=[Path("/", slow)], middleware=[DefineMiddleware(DeadlineMiddleware, timeout=2)]),
    "middleware of a route": lambda: Lilya(
        routes=[Path("/", slow, middleware=[DefineMiddleware(DeadlineMiddleware, timeout=2)])]
    ),
    "middleware alone": lambda: DeadlineMiddleware(ASGI(), 2),
}


@pytest.mark.parametrize("make", APPS.values(), ids=list(APPS))
async def test_what_takes_too_long_is_answered_with_504_when_the_time_is_up(make: Any) -> None:
    app = make()
    assert await took(app) == (504, 2)
    if isinstance(app, Lilya):
        async with running(app):
            assert await took(app) == (504, 2)


async def test_methods_that_are_not_safe_have_a_deadline_as_well() -> None:
    app = Lilya(routes=[Path("/", slow, methods=["POST"], timeout=2)])
    assert await took(app, "/", "POST") == (504, 2)


@pytest.mark.parametrize("level", ["path", "include", "app", "middleware"])
async def test_exception_handlers_see_it_at_every_level(level: str) -> None:
    def handlers(name: str) -> Any:
        async def handler(request: Request, exc: GatewayTimeout) -> PlainText:
            return PlainText(f"{name}: {exc.detail}", status_code=599)

        return {GatewayTimeout: handler} if name == level else None

    middleware = [DefineMiddleware(DeadlineMiddleware, timeout=2)] if level == "middleware" else []
    path = Path("/", slow, timeout=3, exception_handlers=handlers("path"))
    include = Include("/", routes=[path], exception_handlers=handlers("include"))
    app = Lilya(
        routes=[include], middleware=middleware, exception_handlers=handlers("app" if level == "app" else "middleware")
    )
    answer = await call(app)
    seconds = 2 if level == "middleware" else 3
    assert (answer.status, answer.text) == (599, f"{level}: The response was not complete within {seconds} s.")


async def test_the_layers_around_may_still_await_in_their_clean_up() -> None:
    log: list[str] = []

    class Around:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await self.app(scope, receive, send)
            finally:
                await anyio.sleep(1)
                log.append("cleaned up")

    app = Lilya(routes=[Path("/", slow, timeout=2, middleware=[Around])], request_timeout=2)
    assert (await took(app), log) == ((504, 3), ["cleaned up"])


async def test_all_that_the_handler_started_has_ended_before_the_answer() -> None:
    log: list[str] = []

    async def handler(task_group: TaskGroup) -> None:
        async def child() -> None:
            try:
                await anyio.sleep(LONG)
            finally:
                with shielded(5):
                    await anyio.sleep(1)
                log.append("child")

        task_group.start_soon(child)
        await slow()

    app = Lilya(routes=[Path("/", handler, timeout=2)])
    assert (await took(app), log) == ((504, 3), ["child"])


def ticking(log: list[str], **options: Any) -> Any:
    async def handler() -> StreamingResponse:
        async def ticks() -> AsyncGenerator[str]:
            try:
                while True:
                    yield "tick"
                    await anyio.sleep(1)
            finally:
                log.append("closed")

        return StreamingResponse(ticks(), **options)

    return handler


@pytest.mark.parametrize("middleware", [False, True], ids=["route", "middleware"])
async def test_a_response_that_has_started_is_broken_off_never_ended(middleware: bool) -> None:
    log: list[str] = []
    if middleware:
        layers = [DefineMiddleware(DeadlineMiddleware, timeout=2.5)]
        app = Lilya(routes=[Path("/", ticking(log))], middleware=layers)
    else:
        app = Lilya(routes=[Path("/", ticking(log), timeout=2.5)])
    answer = await fail(app)
    assert isinstance(answer.error, GatewayTimeout)
    assert (answer.status, answer.text, log) == (200, "tickticktick", ["closed"])
    assert answer.sent[-1]["more_body"]


async def test_background_work_has_no_deadline() -> None:
    log: list[float] = []

    async def work(request: Request) -> None:
        await anyio.sleep(LONG)
        log.append(request.deadline)

    async def handler(request: Request) -> PlainText:
        return PlainText("", background=Task(work, request))

    app = Lilya(routes=[Path("/", handler, timeout=2)], request_timeout=3)
    assert (await took(app), log) == ((200, LONG), [math.inf])


async def test_websockets_have_no_deadline() -> None:
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.sleep(LONG)
        assert websocket.deadline == math.inf

    layers = [DefineMiddleware(DeadlineMiddleware, timeout=2)]
    app = Lilya(
        routes=[Include("/", routes=[WebSocketPath("/", chat)], timeout=2)], middleware=layers, request_timeout=2
    )
    assert (await talk(app)).closed[0] == 1000


async def test_a_handler_is_told_what_is_left_and_that_is_the_nearest_of_all_deadlines() -> None:
    left: list[float] = []

    async def handler(request: Request) -> str:
        left.append(request.deadline)
        await anyio.sleep(1)
        left.append(request.deadline)
        return ""

    inner = ChildLilya(routes=[Path("/", handler, timeout=9)], request_timeout=20)
    await call(Lilya(routes=[Include("/", app=inner)], request_timeout=3))
    await call(Lilya(routes=[Include("/", app=inner)]))
    await call(Lilya(routes=[Path("/", handler)]))
    assert [round(each, 1) for each in left] == [3, 2, 9, 8, math.inf, math.inf]


async def test_a_sync_handler_is_told_in_its_thread_and_its_answer_after_the_deadline_is_none() -> None:
    left: list[float] = []

    def handler(request: Request) -> str:
        left.append(request.deadline)
        anyio.from_thread.run(anyio.sleep, 1)
        left.append(request.deadline)
        try:
            anyio.from_thread.run(anyio.sleep, LONG)
        except BaseException:
            left.append(request.deadline)
        return "late"

    assert (await took(Lilya(routes=[Path("/", handler, timeout=3)])))[0] == 504
    assert [round(each, 1) for each in left] == [3, 2, 0]


async def test_a_client_that_left_before_the_deadline_is_not_told_about_it() -> None:
    async def stubborn() -> None:
        with shielded(5):
            await anyio.sleep(5)
        await anyio.sleep(1)

    async def handler(request: Request, exc: GatewayTimeout) -> None:
        raise AssertionError("nobody is there to be answered")

    wire = Answer(GONE)
    app = Lilya(routes=[Path("/", stubborn, timeout=2)], exception_handlers={GatewayTimeout: handler})
    async with running(app):
        await app(scope_of(), wire.receive, wire.send)
    assert wire.sent == []


async def test_the_middleware_of_a_route_asks_the_handlers_around_it_first() -> None:
    def handlers(name: str) -> Any:
        async def handler(request: Request, exc: GatewayTimeout) -> PlainText:
            return PlainText(name)

        return {GatewayTimeout: handler}

    path = Path("/", slow, middleware=[DefineMiddleware(DeadlineMiddleware, timeout=2)])
    include = Include("/", routes=[path], exception_handlers=handlers("include"))
    assert (await call(Lilya(routes=[include], exception_handlers=handlers("app")))).text == "include"


def every(seconds: float) -> Any:
    @asynccontextmanager
    async def made() -> AsyncIterator[tuple[ASGIApp, Scope]]:
        app = Lilya(routes=[Path("/", ticking([]), timeout=seconds)])
        async with MemoryServer(app):
            yield app, http_scope("GET", "/")

    return made


@pytest.mark.parametrize("seconds", [1.5, LONG])
async def test_clients_may_leave_and_servers_cancel_at_every_step(seconds: float) -> None:
    # A few pieces are enough, and a stream that never ends has no last one.
    assert await disconnect_everywhere(every(seconds), [request()], allow=(GatewayTimeout,), max_steps=8) > 4
    assert await cancel_everywhere(every(seconds), [request()], allow=(GatewayTimeout,), max_steps=12) > 4


HEADERS: dict[str, tuple[str, list[str], float]] = {
    "shorter": ("Request-Timeout", ["2"], 2),
    "a fraction": ("Request-Timeout", [" 2.5 "], 2.5),
    "longer": ("Request-Timeout", ["2000"], 5),
    "of several the shortest": ("Request-Timeout", ["4", "3", "x"], 3),
    "another name": ("X-Wait", ["3"], 3),
    "negative": ("Request-Timeout", ["-1"], 5),
    "not a number": ("Request-Timeout", ["nan"], 5),
    "infinite": ("Request-Timeout", ["inf"], 5),
    "an exponent": ("Request-Timeout", ["1e-3"], 5),
    "other digits": ("Request-Timeout", ["\xb2"], 5),
    "empty": ("Request-Timeout", [""], 5),
    "grpc": ("grpc-timeout", ["2S"], 2),
    "grpc, thousandths": ("grpc-timeout", ["2500m"], 2.5),
    "grpc, hours": ("grpc-timeout", ["1H"], 5),
    "grpc without a unit": ("grpc-timeout", ["2"], 5),
    "grpc, too long": ("grpc-timeout", ["000000002S"], 5),
}


@pytest.mark.parametrize(("name", "values", "seconds"), HEADERS.values(), ids=list(HEADERS))
async def test_a_header_shortens_the_deadline_and_never_lengthens_it(
    name: str, values: list[str], seconds: float
) -> None:
    app = Lilya(routes=[Path("/", slow)], middleware=[DefineMiddleware(DeadlineMiddleware, timeout=5, header=name)])
    headers = [(name.lower().encode(), value.encode("latin-1")) for value in values]
    assert await took(app, headers=headers) == (504, seconds)


async def test_a_client_that_does_not_wait_at_all_is_answered_at_once() -> None:
    layers = [DefineMiddleware(DeadlineMiddleware, timeout=math.inf, header="Request-Timeout")]
    app = Lilya(routes=[Path("/", slow)], middleware=layers)
    assert await took(app, headers=[(b"request-timeout", b"0")]) == (504, 0)
    assert await took(app) == (200, LONG)


async def test_no_header_is_read_where_none_is_asked_for() -> None:
    app = Lilya(routes=[Path("/", slow)], middleware=[DefineMiddleware(DeadlineMiddleware, timeout=5)])
    assert await took(app, headers=[(b"request-timeout", b"2")]) == (504, 5)


def test_what_has_no_bounds_is_built_as_if_there_were_none() -> None:
    app = ASGI()
    assert UNBOUNDED.under(UNBOUNDED).around(app) is app


@pytest.mark.parametrize("seconds", [0, -1, math.nan, "5", True])
def test_a_timeout_that_is_none_is_refused_when_it_is_given(seconds: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="above 0"):
        Path("/", slow, timeout=seconds)
    with pytest.raises(ImproperlyConfigured, match="above 0"):
        Include("/", routes=[], timeout=seconds)
    with pytest.raises(ImproperlyConfigured, match="above 0"):
        Router(timeout=seconds)
    with pytest.raises(ImproperlyConfigured, match=r"Host\('example.org'\): timeout"):
        Host("example.org", app=Router(), timeout=seconds)
    with pytest.raises(ImproperlyConfigured, match="request_timeout"):
        Lilya(request_timeout=seconds)
    with pytest.raises(ImproperlyConfigured, match="DeadlineMiddleware: timeout"):
        DeadlineMiddleware(ASGI(), seconds)


def test_the_middleware_is_given_a_number() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"math\.inf for no limit"):
        DeadlineMiddleware(ASGI(), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "advice"), [({"timeout": 5}, r"with anyio\.fail_after\(5\)"), ({"limiter": 3}, r"close\(1013\)")]
)
def test_a_websocket_takes_no_bounds_of_requests_and_says_what_to_do_instead(option: Any, advice: str) -> None:
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()

    with pytest.raises(ImproperlyConfigured, match=rf"WebSocketPath\('/chat'\): .*{advice}"):
        WebSocketPath("/chat", chat, **option)
    with pytest.raises(ImproperlyConfigured, match=advice):
        Lilya().websocket("/chat", **option)(chat)
