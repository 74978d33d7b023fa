"""The guide to disconnects: its programs, and each row of its tables."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.from_thread
import pytest

from lilya.apps import Lilya
from lilya.background import Task
from lilya.middleware import DefineMiddleware
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.testing import ServerOptions
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.docs.pages import program

PAGE = "docs/guide/disconnects.md"

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE", "QUERY")
OTHERS = ("POST", "PUT", "PATCH", "DELETE")


class Diary:
    """What became of a handler."""

    def __init__(self) -> None:
        self.end = ""

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        try:
            yield
        except anyio.get_cancelled_exc_class():
            self.end = "cancelled"
            raise
        except Exception as exc:
            self.end = type(exc).__name__
            raise
        else:
            self.end = "ran on"


@asynccontextmanager
async def opened(*routes: Any, **options: Any) -> AsyncIterator[AsyncTestClient]:
    patient = ServerOptions(disconnect_grace=100)
    async with AsyncTestClient(Lilya(routes=routes, **options), server_options=patient) as client:
        yield client


async def visit_and_leave(client: AsyncTestClient, method: str = "GET", path: str = "/") -> float:
    """Leave after a second; returns how many seconds the application took after that."""
    with anyio.move_on_after(1):
        await client.request(method, path)
        raise AssertionError("it was answered")
    return anyio.current_time()


async def test_the_program_does_what_its_words_say() -> None:
    async with AsyncTestClient(program(PAGE).app, server_options=ServerOptions(disconnect_grace=100)) as client:
        for method, path, ends_after in [
            ("GET", "/search/x", 1.0),
            ("POST", "/order", 10.0),
            ("POST", "/render", 1.0),
            ("POST", "/transfer", 1.0),
        ]:
            began = anyio.current_time()
            await visit_and_leave(client, method, path)
            assert anyio.current_time() - began == pytest.approx(ends_after), path
        assert (await client.post("/transfer")).json() == {"transfer": "done"}


@pytest.mark.parametrize("method", [*SAFE, *OTHERS])
async def test_a_handler_of_a_safe_method_is_cancelled_and_any_other_runs_on(method: str) -> None:
    diary = Diary()

    async def handler() -> None:
        async with diary.kept():
            await anyio.sleep(5)

    async with opened(Path("/", handler, methods=[method])) as client:
        await visit_and_leave(client, method)
    assert diary.end == ("cancelled" if method in SAFE else "ran on")


@pytest.mark.parametrize("level", ["path", "include", "app"])
@pytest.mark.parametrize(("method", "choice"), [("GET", "ignore"), ("POST", "cancel")])
async def test_on_disconnect_changes_it_at_each_level(level: str, method: str, choice: Any) -> None:
    diary = Diary()

    async def handler() -> None:
        async with diary.kept():
            await anyio.sleep(5)

    options: dict[str, dict[str, Any]] = {"path": {}, "include": {}, "app": {}, level: {"on_disconnect": choice}}
    route = Path("/", handler, methods=[method], **options["path"])
    async with opened(Include("/", routes=[route], **options["include"]), **options["app"]) as client:
        await visit_and_leave(client, method)
    assert diary.end == ("ran on" if choice == "ignore" else "cancelled")


async def test_a_body_is_cancelled_whatever_the_method_is() -> None:
    diary = Diary()

    async def body() -> AsyncGenerator[str]:
        async with diary.kept():
            while True:
                yield "."
                await anyio.sleep(10)

    async def handler() -> StreamingResponse:
        return StreamingResponse(body())

    async with opened(Path("/", handler, methods=["POST"])) as client:
        await visit_and_leave(client, "POST")
    assert diary.end == "cancelled"


async def test_a_handler_that_asks_is_told_and_not_cancelled() -> None:
    diary = Diary()

    async def handler(request: Request) -> None:
        async with diary.kept():
            while not await request.is_disconnected():  # noqa: ASYNC110
                await anyio.sleep(0.1)
            await anyio.sleep(1)

    async with opened(Path("/", handler)) as client:
        await visit_and_leave(client)
    assert diary.end == "ran on"


@pytest.mark.parametrize(
    ("receives", "choice", "end"),
    [(True, None, "WebSocketDisconnect"), (False, None, "cancelled"), (False, "ignore", "ran on")],
)
async def test_a_websocket_that_receives_is_told_and_a_feed_is_cancelled(receives: bool, choice: Any, end: str) -> None:
    diary = Diary()

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        async with diary.kept():
            await (websocket.receive_text() if receives else anyio.sleep(5))

    async with opened(WebSocketPath("/", handler, on_disconnect=choice)) as client, client.websocket_connect("/"):
        await anyio.sleep(1)
    assert diary.end == end


async def test_a_websocket_that_is_busy_has_half_a_second() -> None:
    ends: list[float] = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        try:
            await anyio.sleep(5)
        finally:
            ends.append(anyio.current_time())

    async with opened(WebSocketPath("/", handler)) as client, client.websocket_connect("/") as websocket:
        await websocket.send_text("work!")
        await anyio.sleep(1)
        left = anyio.current_time()
    assert ends == [pytest.approx(left + 0.5)]


async def test_a_sync_handler_is_waited_for_and_may_ask() -> None:
    asked: list[str] = []

    def handler() -> None:
        end = time.monotonic() + 20
        try:
            while time.monotonic() < end:
                time.sleep(0.005)
                anyio.from_thread.check_cancelled()
        except BaseException as exc:
            asked.append(type(exc).__name__)
            raise

    async with opened(Path("/", handler)) as client:
        await visit_and_leave(client)
    assert len(asked) == 1
    assert asked[0].startswith("Cancelled")


async def test_a_background_task_runs_on() -> None:
    done: list[str] = []

    async def work() -> None:
        await anyio.sleep(5)
        done.append("done")

    async def handler() -> PlainText:
        return PlainText("x", background=Task(work))

    async with opened(Path("/", handler)) as client, client.stream("GET", "/") as response:
        await response.aread()
    assert done == ["done"]


async def test_middleware_sees_a_plain_exception_and_may_await(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await self.app(scope, receive, send)
            except Exception as exc:
                await anyio.sleep(0.1)
                seen.append(type(exc).__name__)
                raise

    async def handler() -> None:
        await anyio.sleep(5)

    async with opened(Path("/", handler), middleware=[DefineMiddleware(Layer)]) as client:
        with caplog.at_level(logging.INFO):
            await visit_and_leave(client)
    assert seen == ["ClientDisconnect"]
    assert [record for record in caplog.records if record.name.startswith("lilya")] == []


async def test_asking_instead(capsys: pytest.CaptureFixture[str]) -> None:
    async with AsyncTestClient(program(PAGE, 2).app) as client:
        began = anyio.current_time()
        assert (await client.get("/steps")).json() == {"steps": 100}
        assert (await client.get("/word")).text == "done"
        assert anyio.current_time() - began == pytest.approx(20)
        await visit_and_leave(client, path="/steps")
        await visit_and_leave(client, path="/word")
        assert capsys.readouterr().out == "the client has left: giving up\n"
        assert anyio.current_time() - began < 23


async def test_a_part_of_a_websocket_handler_can_be_cancelled_too() -> None:
    diary = Diary()

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        async with diary.kept():
            with websocket.cancel_on_disconnect():
                await anyio.sleep(5)

    async with opened(WebSocketPath("/", handler, on_disconnect="ignore")) as client, client.websocket_connect("/"):
        await anyio.sleep(1)
    assert diary.end == "ClientDisconnect"


async def test_a_reader_is_started_for_who_is_slow_and_for_nobody_else() -> None:
    async def handler(seconds: float) -> list[str]:
        await anyio.sleep(seconds)
        return [task.name for task in anyio.get_running_tasks() if task.name and task.name.startswith("reader of")]

    async with opened(Path("/{seconds:float}", handler)) as client:
        assert (await client.get("/0")).json() == []
        assert (await client.get("/0.019")).json() == []
        assert (await client.get("/0.05")).json() == ["reader of http /0.05"]
