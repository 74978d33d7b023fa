"""What a test hears of the work that no request waits for, and of applications that hang."""

from __future__ import annotations

import threading
import traceback
from typing import Literal

import anyio
import httpx
import pytest

from lilya.apps import Lilya
from lilya.background import Task
from lilya.responses import JSONResponse
from lilya.routing import Path
from lilya.testclient import AsyncTestClient, LifespanTimeout, TestClient
from lilya.testing import ServerOptions
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, hello, reply

Backend = Literal["asyncio", "trio"]


class Boom(Exception):
    pass


def working(*, fails: bool, detached: bool = True) -> tuple[Lilya, list[str]]:
    """An application that hands work on: a minute of it."""
    done: list[str] = []

    async def work() -> None:
        await anyio.sleep(60)
        done.append("work")
        if fails:
            raise Boom

    async def start() -> JSONResponse:
        return JSONResponse({}, background=Task(work, detached=detached, name="the work"))

    return Lilya(routes=[Path("/start", start)], drain_timeout=100), done


def told(exc: BaseException) -> str:
    return "".join(traceback.format_exception_only(exc))


async def test_detached_work_is_awaited_by_wait_idle() -> None:
    app, done = working(fails=False)
    async with AsyncTestClient(app) as client:
        await client.get("/start")
        assert done == []
        await client.wait_idle()
        assert done == ["work"]


@pytest.mark.parametrize("when", ["wait_idle", "leaving"])
async def test_an_error_of_detached_work_is_raised_with_its_task_and_route(when: str) -> None:
    app, done = working(fails=True)

    async def use() -> None:
        async with AsyncTestClient(app) as client:
            await client.get("/start")
            if when == "wait_idle":
                try:
                    await client.wait_idle()
                finally:
                    await client.wait_idle()  # raised once

    with pytest.raises(Boom) as caught:
        await use()
    assert done == ["work"]
    assert "'the work' of /start, detached" in told(caught.value)


async def test_an_error_of_background_work_is_raised_by_the_call_with_its_task_and_route() -> None:
    app, _ = working(fails=True, detached=False)
    async with AsyncTestClient(app) as client:
        with pytest.raises(Boom) as caught:
            await client.get("/start")
    assert "in background task 'the work' of /start" in told(caught.value)


async def test_errors_of_work_are_not_raised_where_errors_of_the_server_are_not() -> None:
    app, done = working(fails=True)
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        await client.get("/start")
    assert done == ["work"]


async def test_several_errors_of_work_come_as_a_group() -> None:
    app, _ = working(fails=True)
    async with AsyncTestClient(app) as client:
        await client.get("/start")
        await client.get("/start")
        with pytest.raises(ExceptionGroup) as caught:
            await client.wait_idle()
    assert [type(each) for each in caught.value.exceptions] == [Boom, Boom]


def test_the_sync_client_hears_of_it_too() -> None:
    app, _ = working(fails=True)
    with TestClient(app, backend="trio", clock="autojump") as client:
        client.get("/start")
        with pytest.raises(Boom):
            client.wait_idle()


async def test_work_that_does_not_end_is_named_when_the_wait_is_over() -> None:
    app, _ = working(fails=False)
    async with AsyncTestClient(app, timeout=10) as client:
        await client.get("/start")
        with pytest.raises(httpx.ReadTimeout, match=r"still busy within 10 s: the work"):
            await client.wait_idle()


def test_work_that_does_not_end_is_named_by_the_sync_client(backend: Backend) -> None:
    app, _ = working(fails=False)
    app.drain_timeout = app._life.drain_timeout = 0
    with TestClient(app, backend=backend, timeout=0.05) as client:
        client.get("/start")
        with pytest.raises(httpx.ReadTimeout, match=r"still busy after 0\.05 s: the work"):
            client.wait_idle()


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


async def hanging_shutdown(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await anyio.sleep_forever()


async def twice(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send)
    await reply(send)


async def test_a_deadlock_is_named_on_a_virtual_clock_without_being_asked() -> None:
    async with AsyncTestClient(app_of(never, websocket=never)) as client:
        with pytest.raises(httpx.ReadTimeout, match="did not answer within"):
            await client.get("/")
        with pytest.raises(httpx.ReadTimeout, match="handshake was not answered within"):
            async with client.websocket_connect("/"):
                raise AssertionError("open")


async def test_a_websocket_that_says_nothing_is_named() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await never(scope, receive, send)

    async with AsyncTestClient(app_of(websocket=silent)) as client, client.websocket_connect("/") as socket:
        with pytest.raises(httpx.ReadTimeout, match="nothing was sent within"):
            await socket.receive_text()


@pytest.mark.parametrize(("lifespan", "what"), [(never, "start up"), (hanging_shutdown, "shut down")])
async def test_a_lifespan_that_hangs_is_named(lifespan: ASGIApp, what: str) -> None:
    options = ServerOptions(lifespan_timeout=5)
    with pytest.raises(LifespanTimeout, match=rf"did not {what} within 5 s"):
        async with AsyncTestClient(app_of(hello, lifespan=lifespan), server_options=options) as client:
            assert (await client.get("/")).text == "hello"


@pytest.mark.parametrize(("lifespan", "what"), [(never, "start up"), (hanging_shutdown, "shut down")])
def test_a_lifespan_that_hangs_leaves_no_thread(backend: Backend, lifespan: ASGIApp, what: str) -> None:
    before = threading.active_count()
    with pytest.raises(LifespanTimeout, match=rf"did not {what} within 0\.05 s"):
        with TestClient(app_of(hello, lifespan=lifespan), backend=backend, timeout=0.05) as client:
            assert client.get("/").text == "hello"
    assert [each.name for each in threading.enumerate() if each.name.startswith("lilya-testclient")] == []
    assert threading.active_count() <= before + 1  # trio keeps an idle thread


async def test_an_application_that_answers_twice_is_named_and_the_client_goes_on() -> None:
    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        await (twice if scope["path"] == "/twice" else hello)(scope, receive, send)

    async with AsyncTestClient(app_of(http)) as client:
        with pytest.raises(AssertionError, match="expected nothing more"):
            await client.get("/twice")
        assert (await client.get("/")).text == "hello"
