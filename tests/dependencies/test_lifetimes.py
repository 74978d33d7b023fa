"""How long a value lives, who shares it, when it is closed and what its generator sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.concurrency.nursery import open_nursery
from lilya.dependencies import Provide, Scope
from lilya.exceptions import ClientDisconnect, ContinueRouting, HTTPException, WebSocketDisconnect
from lilya.requests import Request
from lilya.responses.base import PlainText
from lilya.responses.streaming import StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.testing.exchange import MemoryExchange
from lilya.testing.server import MemoryServer, http_scope
from lilya.websockets import WebSocket


class Log(list[str]):
    """What happened, in its order."""

    def generator(self, name: str) -> Any:
        async def opened() -> AsyncIterator[str]:
            self.append(f"open {name}")
            try:
                yield name
            except BaseException as exc:
                self.append(f"{name} saw {type(exc).__name__}")
                raise
            finally:
                await anyio.sleep(0.1)
                self.append(f"close {name}")

        return opened

    def sync_generator(self, name: str) -> Any:
        def opened() -> Iterator[str]:
            self.append(f"open {name}")
            try:
                yield name
            except BaseException as exc:
                self.append(f"{name} saw {type(exc).__name__}")
                raise
            finally:
                self.append(f"close {name}")

        return opened


async def get_twice(app: Lilya) -> list[Any]:
    async with AsyncTestClient(app) as client:
        return [(await client.get("/")).json() for _ in range(2)]


async def test_a_factory_two_others_share_runs_once_in_a_request() -> None:
    calls: list[int] = []

    async def base() -> int:
        calls.append(1)
        return len(calls)

    async def left(base: int) -> int:
        return base

    async def right(base: int) -> int:
        return base

    async def handler(left: int, right: int, base: int) -> list[int]:
        return [left, right, base]

    for use_cache in (False, True):
        calls.clear()
        dependencies = {"base": Provide(base, use_cache=use_cache), "left": Provide(left), "right": Provide(right)}
        assert await get_twice(Lilya(routes=[Path("/", handler)], dependencies=dependencies)) == [[1, 1, 1], [2, 2, 2]]


async def test_a_cached_value_of_one_user_never_reaches_another() -> None:
    async def user(request: Request) -> str:
        return str(request.query_params["name"])

    async def handler(user: str) -> str:
        return user

    app = Lilya(routes=[Path("/", handler)], dependencies={"user": Provide(user, use_cache=True)})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/?name=ada")).json() == "ada"
        assert (await client.get("/?name=bob")).json() == "bob"


@pytest.mark.parametrize("kind", ["generator", "sync_generator"])
async def test_generators_are_closed_in_reverse_when_the_response_was_sent(kind: str) -> None:
    log = Log()

    async def body() -> AsyncIterator[bytes]:
        log.append("body")
        yield b"x"

    async def background() -> None:
        log.append("background")

    async def handler(b: str) -> StreamingResponse:
        log.append("handler")
        return StreamingResponse(body(), background=Task(background))

    async def b(inner: str, a: str) -> str:
        return inner

    dependencies = {"a": getattr(log, kind)("a"), "inner": getattr(log, kind)("inner"), "b": b}
    async with AsyncTestClient(Lilya(routes=[Path("/", handler)], dependencies=dependencies)) as client:
        assert (await client.get("/")).text == "x"
    assert log == ["open inner", "open a", "handler", "body", "background", "close a", "close inner"]


@pytest.mark.parametrize("kind", ["generator", "sync_generator"])
@pytest.mark.parametrize("failing", ["handler", "dependency"])
async def test_a_generator_sees_the_exception_and_it_is_answered_all_the_same(kind: str, failing: str) -> None:
    log = Log()

    async def later(a: str) -> str:
        if failing == "dependency":
            raise HTTPException(status_code=418)
        return a

    async def handler(later: str) -> str:
        raise HTTPException(status_code=418)

    app = Lilya(routes=[Path("/", handler)], dependencies={"a": getattr(log, kind)("a"), "later": later})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).status_code == 418
    assert log == ["open a", "a saw HTTPException", "close a"]


async def test_a_generator_that_swallows_an_exception_does_not_make_it_go_away() -> None:
    async def swallowing() -> AsyncIterator[int]:
        with suppress(ValueError):
            yield 1

    async def handler(value: int) -> str:
        raise ValueError("bad")

    async def answer(request: Request, exc: Exception) -> PlainText:
        return PlainText(str(exc), status_code=409)

    app = Lilya(
        routes=[Path("/", handler)], dependencies={"value": swallowing}, exception_handlers={ValueError: answer}
    )
    async with AsyncTestClient(app) as client:
        response = await client.get("/")
    assert (response.status_code, response.text) == (409, "bad")


async def test_a_generator_may_put_another_exception_in_its_place() -> None:
    async def translating() -> AsyncIterator[int]:
        try:
            yield 1
        except KeyError:
            raise HTTPException(status_code=404) from None

    async def handler(value: int) -> str:
        raise KeyError("x")

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)], dependencies={"value": translating})) as client:
        assert (await client.get("/")).status_code == 404


@pytest.mark.parametrize("kind", ["generator", "sync_generator"])
async def test_a_departed_client_cancels_the_handler_and_clean_up_may_await(kind: str) -> None:
    log = Log()
    started = anyio.Event()

    async def handler(a: str) -> None:
        started.set()
        await anyio.sleep_forever()

    app = Lilya(routes=[Path("/", handler)], dependencies={"a": getattr(log, kind)("a")})
    async with MemoryServer(app) as server:
        exchange: MemoryExchange = server.request(http_scope("GET", "/"))
        await started.wait()
        exchange.disconnect()
        await exchange.aclose()
    assert log == ["open a", f"a saw {ClientDisconnect.__name__}", "close a"]


async def test_a_cancelled_request_lets_clean_up_await() -> None:
    log = Log()
    started = anyio.Event()

    async def handler(a: str) -> None:
        started.set()
        await anyio.sleep_forever()

    app = Lilya(routes=[Path("/", handler)], dependencies={"a": log.generator("a")})
    async with open_nursery() as nursery:
        async with AsyncTestClient(app) as client:
            nursery.start_soon(client.get, "/")
            await started.wait()
            nursery.cancel_scope.cancel()
    assert log[0] == "open a"
    assert log[-1] == "close a"


async def test_a_factory_that_is_cancelled_leaves_nothing_open() -> None:
    log = Log()
    started = anyio.Event()

    async def slow(a: str) -> str:
        started.set()
        await anyio.sleep_forever()
        return a

    async def handler(slow: str) -> None: ...

    app = Lilya(routes=[Path("/", handler)], dependencies={"a": log.generator("a"), "slow": slow})
    async with open_nursery() as nursery:
        async with AsyncTestClient(app) as client:
            nursery.start_soon(client.get, "/")
            await started.wait()
            nursery.cancel_scope.cancel()
    assert log[-1] == "close a"


async def test_clean_up_has_a_deadline(caplog: pytest.LogCaptureFixture) -> None:
    async def stuck() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await anyio.sleep_forever()

    async def handler(value: int) -> int:
        return value

    async def failing(value: int) -> int:
        raise HTTPException(status_code=418)

    app = Lilya(routes=[Path("/", handler), Path("/bad", failing)], dependencies={"value": stuck})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == 1
        assert (await client.get("/bad")).status_code == 418
    assert caplog.text.count("was cut") == 2


async def test_a_generator_may_hold_a_nursery_across_its_yield() -> None:
    log = Log()

    async def tick(log: Log) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("tick ends")

    async def tasks() -> AsyncIterator[Any]:
        async with anyio.create_task_group() as group:
            group.start_soon(tick, log)
            yield group
            group.cancel_scope.cancel()
        log.append("closed")

    async def handler(tasks: Any) -> str:
        await anyio.sleep(0.1)
        return "fine"

    async def failing(tasks: Any) -> str:
        await anyio.sleep(0.1)
        raise HTTPException(status_code=418)

    app = Lilya(routes=[Path("/", handler), Path("/bad", failing)], dependencies={"tasks": tasks})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == "fine"
        assert log == ["tick ends", "closed"]
        assert (await client.get("/bad")).status_code == 418
        assert (await client.get("/")).json() == "fine"


async def test_a_task_of_a_dependency_that_fails_fails_the_request() -> None:
    async def break_down() -> None:
        raise HTTPException(status_code=418)

    async def tasks() -> AsyncIterator[Any]:
        async with anyio.create_task_group() as group:
            group.start_soon(break_down)
            yield group

    async def handler(tasks: Any) -> None:
        await anyio.sleep_forever()

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)], dependencies={"tasks": tasks})) as client:
        assert (await client.get("/")).status_code == 418


async def test_a_generator_may_hold_a_deadline_across_its_yield() -> None:
    async def deadline() -> AsyncIterator[int]:
        try:
            with anyio.fail_after(1):
                yield 1
        except TimeoutError:
            raise HTTPException(status_code=504) from None

    async def quiet() -> AsyncIterator[int]:
        with anyio.move_on_after(1):
            yield 1

    async def handler(deadline: int) -> None:
        await anyio.sleep_forever()

    async def unanswered(quiet: int) -> None:
        await anyio.sleep_forever()

    app = Lilya(
        routes=[Path("/", handler), Path("/quiet", unanswered)], dependencies={"deadline": deadline, "quiet": quiet}
    )
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        assert (await client.get("/")).status_code == 504
        assert (await client.get("/quiet")).status_code == 500


async def test_a_route_that_declines_closes_what_was_made_for_it() -> None:
    log = Log()

    async def declines(a: str) -> None:
        raise ContinueRouting

    async def takes() -> str:
        log.append("taken")
        return "fine"

    app = Lilya(routes=[Path("/", declines), Path("/", takes)], dependencies={"a": log.generator("a")})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == "fine"
    assert log == ["open a", "a saw ContinueRouting", "close a", "taken"]


async def test_a_nursery_shared_with_a_dependency_ends_with_the_request() -> None:
    log = Log()

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("task ends")

    async def value(task_group: Any) -> int:
        task_group.start_soon(forever)
        return 1

    async def handler(value: int) -> None:
        await anyio.sleep(1)
        raise HTTPException(status_code=418)

    async def cancelling(value: int, task_group: Any) -> int:
        task_group.cancel_scope.cancel()
        await anyio.sleep(1)
        return value

    app = Lilya(routes=[Path("/", handler), Path("/own", cancelling)], dependencies={"value": value})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).status_code == 418
        assert log == ["task ends"]
        with pytest.raises(RuntimeError, match="a nursery of your own"):
            await client.get("/own")


# -- websockets -------------------------------------------------------------------------------------------------------


async def test_a_websocket_closes_what_was_made_for_it() -> None:
    log = Log()

    async def chat(websocket: WebSocket, a: str) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    async def failing(websocket: WebSocket, a: str) -> None:
        await websocket.accept()
        raise ValueError("a secret")

    app = Lilya(
        routes=[WebSocketPath("/", chat), WebSocketPath("/bad", failing)], dependencies={"a": log.generator("a")}
    )
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        async with client.websocket_connect("/") as session:
            await session.send_text("x")
            assert await session.receive_text() == "x"
        assert log == ["open a", "a saw WebSocketDisconnect", "close a"]
        log.clear()
        async with client.websocket_connect("/bad") as session:
            with pytest.raises(WebSocketDisconnect) as caught:
                await session.receive_text()
        assert caught.value.code == 1011
        assert "secret" not in caught.value.reason
    assert log == ["open a", "a saw ValueError", "close a"]


# -- the application's ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [Scope.APP, Scope.GLOBAL, "app"])
async def test_a_value_of_the_application_lives_from_its_start_to_its_shutdown(scope: Scope) -> None:
    log = Log()

    async def pool() -> AsyncIterator[int]:
        log.append("open")
        async with anyio.create_task_group() as group:
            yield len(log)
            group.cancel_scope.cancel()
        log.append("close")

    async def service(pool: int, base: int) -> list[int]:
        log.append("service")
        return [pool, base]

    async def handler(service: list[int]) -> list[int]:
        return service

    dependencies = {"pool": Provide(pool, scope=scope), "service": Provide(service, scope=scope), "base": 7}
    app = Lilya(
        routes=[Path("/", handler), Include("/child", app=ChildLilya(routes=[Path("/", handler)]))],
        dependencies=dependencies,
    )
    for _ in range(2):
        log.clear()
        async with AsyncTestClient(app) as client:
            assert log == ["open", "service"]
            assert [(await client.get(path)).json() for path in ("/", "/", "/child/")] == [[1, 7]] * 3
        assert log == ["open", "service", "close"]


async def test_two_applications_share_no_value() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = 0

    async def handler(counter: Counter) -> int:
        counter.count += 1
        return counter.count

    shared = Provide(Counter, scope=Scope.GLOBAL)
    for _ in range(2):
        assert await get_twice(Lilya(routes=[Path("/", handler)], dependencies={"counter": shared})) == [1, 2]


async def test_without_a_lifespan_a_value_with_nothing_to_close_is_made_once() -> None:
    calls: list[int] = []

    async def make() -> int:
        calls.append(1)
        await anyio.sleep(1)
        return len(calls)

    async def handler(value: int) -> int:
        return value

    async def generated() -> AsyncIterator[int]:
        yield 1

    app = Lilya(routes=[Path("/", handler)], dependencies={"value": Provide(make, scope=Scope.APP)})
    client = AsyncTestClient(app)
    async with open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(client.get, "/")
    assert (await client.get("/")).json() == 1
    app = Lilya(routes=[Path("/", handler)], dependencies={"value": Provide(generated, scope=Scope.APP)})
    with pytest.raises(RuntimeError, match="lifespan support"):
        await AsyncTestClient(app).get("/")
