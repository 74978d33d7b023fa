from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.testing.exceptions import ASGISpecViolation, LifespanFailed
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, http_scope
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, hello


class Boom(Exception):
    pass


def serve(lifespan: ASGIApp, **options: Any) -> MemoryServer:
    return MemoryServer(app_of(hello, lifespan=lifespan), options=ServerOptions(**options))


async def get(server: MemoryServer) -> None:
    exchange = server.request(http_scope("GET", "/"))
    await exchange.head()
    assert await exchange.chunk() == b"hello"
    await exchange.aclose()


async def test_startup_and_shutdown_run_in_one_task_around_the_requests() -> None:
    order: list[str] = []
    tasks: set[int] = set()

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        tasks.add(anyio.get_current_task().id)
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep_forever)
            order.append("up")
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            nursery.cancel_scope.cancel()
        tasks.add(anyio.get_current_task().id)
        order.append("down")
        await send({"type": "lifespan.shutdown.complete"})

    async with serve(lifespan) as server:
        await get(server)
        order.append("served")
    assert order == ["up", "served", "down"]
    assert len(tasks) == 1


async def test_each_connection_gets_a_copy_of_the_state() -> None:
    states: list[dict[str, Any]] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        scope["state"]["db"] = "open"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        states.append(dict(scope["state"]))
        scope["state"]["mine"] = True
        await hello(scope, receive, send)

    async with MemoryServer(app_of(http, lifespan=lifespan)) as server:
        await get(server)
        await get(server)
    assert states == [{"db": "open"}, {"db": "open"}]
    assert server.state == {"db": "open"}


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("raises", [True, False])
async def test_a_failed_startup_raises_what_the_application_raised_or_said(says: bool, raises: bool) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if says:
            await send({"type": "lifespan.startup.failed", "message": "no database"})
        if raises:
            raise Boom

    expected: type[Exception] = Boom if raises else LifespanFailed if says else ASGISpecViolation
    with pytest.raises(expected) as caught:
        async with serve(lifespan):
            raise AssertionError("entered")
    if expected is LifespanFailed:
        assert "no database" in str(caught.value)


async def test_an_application_that_goes_on_after_it_failed_is_cancelled() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})
        await anyio.sleep_forever()

    began = anyio.current_time()
    with pytest.raises(LifespanFailed, match="gave no reason"):
        async with serve(lifespan, disconnect_grace=3):
            raise AssertionError("entered")
    assert anyio.current_time() - began == pytest.approx(3)


@pytest.mark.parametrize("when", ["at once", "after startup"])
async def test_an_application_may_know_nothing_of_the_protocol_or_end_early(when: str) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if when == "after startup":
            await receive()
            await send({"type": "lifespan.startup.complete"})

    async with serve(lifespan) as server:
        await anyio.wait_all_tasks_blocked()
        await get(server)


async def test_a_crash_while_serving_is_raised_by_the_next_request_once() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with open_nursery() as nursery:

            async def service() -> None:
                await anyio.sleep(1)
                raise Boom

            nursery.start_soon(service)
            await send({"type": "lifespan.startup.complete"})
            await receive()

    async with serve(lifespan) as server:
        await get(server)
        await anyio.sleep(2)
        with pytest.raises(Boom):
            await get(server)
        await get(server)


@pytest.mark.parametrize("raises", [True, False])
async def test_a_crash_while_serving_is_raised_on_leaving(raises: bool) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep(1)
        await send({"type": "lifespan.shutdown.failed", "message": "crashed"})
        if raises:
            raise Boom

    with pytest.raises(Boom if raises else LifespanFailed):
        async with serve(lifespan):
            await anyio.sleep(2)


@pytest.mark.parametrize("how", ["raises", "says", "owes"])
async def test_a_failed_shutdown_is_raised_on_leaving(how: str) -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if how == "says":
            await send({"type": "lifespan.shutdown.failed", "message": "stuck"})
        if how == "raises":
            raise Boom

    expected = {"raises": Boom, "says": LifespanFailed, "owes": ASGISpecViolation}[how]
    with pytest.raises(expected):
        async with serve(lifespan):
            pass


async def test_a_violation_that_is_swallowed_is_raised_all_the_same() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        with pytest.raises(ASGISpecViolation):
            await send({"type": "lifespan.shutdown.complete"})
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    with pytest.raises(ASGISpecViolation):
        async with serve(lifespan):
            pass


async def test_receive_after_shutdown_waits_and_is_cancelled_after_a_grace() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        await receive()

    began = anyio.current_time()
    async with serve(lifespan, disconnect_grace=4):
        pass
    assert anyio.current_time() - began == pytest.approx(4)


async def test_outer_cancellation_cancels_the_lifespan() -> None:
    ended: list[bool] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        finally:
            ended.append(True)

    with anyio.move_on_after(1) as scope:
        async with serve(lifespan):
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert ended == [True]
