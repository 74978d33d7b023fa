"""Capacity: how many run at once, who waits, who is sent away, and that no place is ever lost."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import anyio
import anyio.from_thread
import pytest

from lilya._define import DefineMiddleware
from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.concurrency import Capacity
from lilya.controllers import Controller
from lilya.exceptions import ImproperlyConfigured, ServiceUnavailable
from lilya.middleware.capacity import CapacityMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, Path, WebSocketPath
from lilya.testclient import TestClient
from lilya.testing import MemoryServer, cancel_everywhere, disconnect_everywhere, http_scope
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, talk
from tests.support.life import running
from tests.support.wire import GONE, request
from tests.support.wire import http_scope as scope_of


class Work:
    """Handlers that take a second, and what they saw of each other."""

    def __init__(self, seconds: float = 1) -> None:
        self.seconds = seconds
        self.now = self.most = 0
        self.order: list[str] = []

    async def handler(self, request: Request) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(request.url.query)
        try:
            await anyio.sleep(self.seconds)
        finally:
            self.now -= 1
        return "done"


async def crowd(app: ASGIApp, number: int, path: str = "/") -> list[Answer]:
    """So many requests at once, each a moment after the one before."""
    answers: list[Answer] = []

    async def one(name: int) -> None:
        answers.append(await call(app, path, query_string=str(name).encode()))

    async with anyio.create_task_group() as group:
        for name in range(number):
            group.start_soon(one, name)
            await anyio.sleep(0.001)
    return answers


class Busy(Controller):
    def __init__(self, work: Work) -> None:
        self.work = work

    async def get(self, request: Request) -> str:
        return await self.work.handler(request)


KINDS: dict[str, Callable[[Work], ASGIApp]] = {
    "path": lambda work: Lilya(routes=[Path("/", work.handler, limiter=3)]),
    "a limiter": lambda work: Lilya(routes=[Path("/", work.handler, limiter=anyio.CapacityLimiter(3))]),
    "a capacity": lambda work: Lilya(routes=[Path("/", work.handler, limiter=Capacity(3))]),
    "include": lambda work: Lilya(routes=[Include("/", routes=[Path("/", work.handler)], limiter=3)]),
    "around an app": lambda work: Lilya(
        routes=[Include("/", app=ChildLilya(routes=[Path("/", work.handler)]), limiter=3)]
    ),
    "host": lambda work: Lilya(
        routes=[Host("example.org", app=ChildLilya(routes=[Path("/", work.handler)]), limiter=3)]
    ),
    "above an app": lambda work: Lilya(
        routes=[Include("/", routes=[Include("/", app=ChildLilya(routes=[Path("/", work.handler)]))], limiter=3)]
    ),
    "the smallest": lambda work: Lilya(routes=[Include("/", routes=[Path("/", work.handler, limiter=3)], limiter=5)]),
    "controller": lambda work: Lilya(routes=[Path("/", Busy.with_init(work), limiter=3)]),
    "path alone": lambda work: Path("/", work.handler, limiter=3),
    "middleware": lambda work: Lilya(
        routes=[Path("/", work.handler)], middleware=[DefineMiddleware(CapacityMiddleware, 3)]
    ),
    "middleware alone": lambda work: CapacityMiddleware(Path("/", work.handler), 3),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))
async def test_no_more_than_so_many_run_at_once_and_the_others_wait_in_their_order(
    make: Callable[[Work], ASGIApp],
) -> None:
    work = Work()
    answers = await crowd(make(work), 10)
    assert [answer.status for answer in answers] == [200] * 10
    assert work.most == 3
    assert work.order == [str(number) for number in range(10)]


async def test_a_limiter_shared_by_an_include_and_its_route_is_taken_once() -> None:
    work, limiter = Work(), anyio.CapacityLimiter(1)
    app = Lilya(routes=[Include("/", routes=[Path("/", work.handler, limiter=limiter)], limiter=limiter)])
    assert len(await crowd(app, 3)) == 3


@pytest.mark.parametrize("mount", [partial(Include, "/"), partial(Host, "example.org")], ids=["include", "host"])
async def test_a_limiter_shared_by_what_mounts_an_app_and_what_is_around_it_is_taken_once(mount: Any) -> None:
    work, limiter = Work(), anyio.CapacityLimiter(1)
    inner = mount(app=ChildLilya(routes=[Path("/", work.handler)]), limiter=limiter)
    assert len(await crowd(Lilya(routes=[Include("/", routes=[inner], limiter=limiter)]), 3)) == 3
    assert work.most == 1


async def test_the_routes_of_an_include_share_its_places() -> None:
    work = Work()
    paths = [Path("/a", work.handler), Path("/b", work.handler)]
    app = Lilya(routes=[Include("/", routes=paths, limiter=2)])
    async with anyio.create_task_group() as group:
        group.start_soon(crowd, app, 4, "/a")
        group.start_soon(crowd, app, 4, "/b")
    assert work.most == 2


async def test_who_finds_the_queue_full_is_told_when_to_come_back_at_once() -> None:
    work = Work()
    layers = [DefineMiddleware(CapacityMiddleware, max_in_flight=2, max_waiting=3, retry_after=7)]
    app = Lilya(routes=[Path("/", work.handler)], middleware=layers)
    answers = await crowd(app, 10)
    refused = [answer for answer in answers if answer.status == 503]
    assert answers[:5] == refused
    assert {answer.headers["retry-after"] for answer in refused} == {"7"}
    assert work.order == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("middleware", [True, False], ids=["middleware", "route"])
async def test_exception_handlers_see_the_refusal(middleware: bool) -> None:
    async def handler(request: Request, exc: ServiceUnavailable) -> PlainText:
        return PlainText("full", status_code=529, headers=exc.headers)

    work = Work()
    layers = [DefineMiddleware(CapacityMiddleware, 1, 0)] if middleware else []
    route = Path("/", work.handler, limiter=None if middleware else Capacity(1, max_waiting=0))
    app = Lilya(routes=[route], middleware=layers, exception_handlers={ServiceUnavailable: handler})
    answers = await crowd(app, 2)
    assert [(each.status, each.headers.get("retry-after")) for each in answers] == [(529, "1"), (200, None)]


async def test_a_deadline_counts_the_wait_for_a_place() -> None:
    work = Work()
    app = Lilya(routes=[Path("/", work.handler, limiter=1, timeout=1.5)])
    assert sorted(answer.status for answer in await crowd(app, 3)) == [200, 504, 504]
    assert (await call(app)).status == 200


async def test_a_place_is_held_until_background_work_has_ended() -> None:
    seen: list[int] = []
    capacity = Capacity(1)

    async def look() -> None:
        seen.append(capacity.limiter().borrowed_tokens)

    async def handler() -> PlainText:
        return PlainText("", background=Task(look))

    await call(Lilya(routes=[Path("/", handler, limiter=capacity)]))
    assert (seen, capacity.limiter().borrowed_tokens) == ([1], 0)


async def test_websockets_take_no_place() -> None:
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()

    layers = [DefineMiddleware(CapacityMiddleware, 1, 0)]
    app = Lilya(routes=[Include("/", routes=[WebSocketPath("/", chat)], limiter=Capacity(1))], middleware=layers)
    assert (await talk(app)).closed[0] == 1000


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_leaves_while_he_waits_leaves_the_queue(method: str, lifespan: bool) -> None:
    work = Work()
    capacity = Capacity(1)
    app = Lilya(routes=[Path("/", work.handler, methods=["GET", "POST"], limiter=capacity)])

    async def leave_early() -> None:
        wire = Answer(GONE)
        await app(scope_of("/", method, query_string=b"gone"), wire.receive, wire.send)
        assert wire.sent == []

    async def scene() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(call, app, query_string=b"first"))
            await anyio.sleep(0.1)
            group.start_soon(leave_early)
            await anyio.sleep(0.1)
            assert capacity.limiter().statistics().tasks_waiting == 0

    if lifespan:
        async with running(app):
            await scene()
    else:
        await scene()
    assert work.order == ["first"]


def held(capacities: list[Capacity], seconds: float) -> Any:
    """An application whose one place is taken for so long when a request comes."""

    @asynccontextmanager
    async def made() -> AsyncIterator[tuple[ASGIApp, Scope]]:
        work, capacity = Work(), Capacity(1)
        capacities.append(capacity)
        assert capacity.take_nowait(work)
        app = Lilya(routes=[Path("/", work.handler, limiter=capacity)])

        async def hold() -> None:
            await anyio.sleep(seconds)
            capacity.give_back(work)

        async with MemoryServer(app), anyio.create_task_group() as group:
            group.start_soon(hold)
            yield app, http_scope("GET", "/")
        statistics = capacity.limiter().statistics()
        assert (statistics.borrowed_tokens, statistics.tasks_waiting) == (0, 0)

    return made


async def test_no_place_is_lost_wherever_a_client_leaves_or_a_server_cancels() -> None:
    capacities: list[Capacity] = []
    assert await disconnect_everywhere(held(capacities, 0.1), [request()]) > 3
    assert await cancel_everywhere(held(capacities, 0.1), [request()]) > 2
    assert len(capacities) > 5


async def test_who_is_cancelled_in_the_moment_he_gets_a_place_does_not_keep_it() -> None:
    capacity = Capacity(1)
    first, second = object(), object()
    assert capacity.take_nowait(first)
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:

            async def both() -> None:
                await anyio.sleep(1)
                capacity.give_back(first)
                scope.cancel()

            group.start_soon(both)
            await capacity.take(second)
        if not scope.cancelled_caught:
            capacity.give_back(second)
    assert capacity.limiter().borrowed_tokens == 0


def test_an_application_made_outside_of_every_loop_serves_in_several_at_the_same_time() -> None:
    capacity = Capacity(1)
    app = Lilya(routes=[Path("/", Work(0.05).handler, limiter=capacity)], threads=2)
    failures: list[BaseException] = []

    def loop(backend: str) -> None:
        async def scene() -> None:
            assert [answer.status for answer in await crowd(app, 3)] == [200] * 3
            assert capacity.limiter().borrowed_tokens == 0

        try:
            anyio.run(scene, backend=backend)
        except BaseException as exc:
            failures.append(exc)

    loops = [threading.Thread(target=loop, args=(backend,)) for backend in ("trio", "asyncio", "trio")]
    for each in loops:
        each.start()
    for each in loops:
        each.join()
    assert failures == []


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_one_loop_after_the_other_finds_all_places_free(backend: Literal["trio", "asyncio"]) -> None:
    app = Lilya(routes=[Path("/", lambda: "ok", limiter=1)], threads=1, middleware=[])
    backends: list[Literal["trio", "asyncio"]] = [backend, "trio", "asyncio"]
    for each in backends:
        with TestClient(app, backend=each) as client:
            assert client.get("/").status_code == 200


async def test_an_application_may_have_threads_of_its_own() -> None:
    most: dict[str, int] = {}
    full, go = anyio.Event(), anyio.Event()

    def sync_handler(name: str) -> Any:
        running_now = 0
        lock = threading.Lock()

        def handler() -> str:
            nonlocal running_now
            with lock:
                running_now += 1
                most[name] = max(most.get(name, 0), running_now)
                if sum(most.values()) == 2 + 6:
                    anyio.from_thread.run_sync(full.set)
            anyio.from_thread.run(go.wait)
            with lock:
                running_now -= 1
            return ""

        return handler

    few = Lilya(routes=[Path("/", sync_handler("few"))], threads=2)
    many = Lilya(routes=[Path("/", sync_handler("many"))])
    async with running(few), running(many), anyio.create_task_group() as group:
        group.start_soon(crowd, few, 6)
        group.start_soon(crowd, many, 6)
        await full.wait()
        assert few.statistics().threads == 2 + 6
        go.set()
    assert most == {"few": 2, "many": 6}


@pytest.mark.parametrize("limiter", [0, -1, True, 1.5, "3", object()])
def test_what_is_no_limiter_is_refused_when_it_is_given(limiter: Any) -> None:
    work = Work()
    with pytest.raises(ImproperlyConfigured, match="limiter"):
        Path("/", work.handler, limiter=limiter)
    with pytest.raises(ImproperlyConfigured, match="limiter"):
        Include("/", routes=[], limiter=limiter)
    with pytest.raises(ImproperlyConfigured, match=r"Host\('example.org'\): limiter"):
        Host("example.org", app=PlainText(""), limiter=limiter)
    with pytest.raises(ImproperlyConfigured, match="threads"):
        Lilya(threads=limiter)


@pytest.mark.parametrize(
    "options",
    [
        {"max_in_flight": 0},
        {"max_in_flight": 1, "max_waiting": -1},
        {"max_in_flight": 1, "retry_after": -1},
        {"max_in_flight": 1, "retry_after": 0.5},
    ],
)
def test_what_makes_no_sense_is_refused_by_the_middleware(options: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("never called")

    with pytest.raises(ImproperlyConfigured, match="CapacityMiddleware"):
        CapacityMiddleware(app, **options)
