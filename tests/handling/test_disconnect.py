"""What becomes of a handler whose client leaves."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, fail, talk
from tests.support.life import running
from tests.support.wire import CONNECT, GONE, http_scope, left, text, websocket_scope


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize(
    ("method", "option", "cancelled"),
    [
        ("GET", None, True),
        ("HEAD", None, True),
        ("OPTIONS", None, True),
        ("QUERY", None, True),
        ("POST", None, False),
        ("DELETE", None, False),
        ("GET", "ignore", False),
        ("POST", "cancel", True),
    ],
)
@pytest.mark.parametrize("nursery", [False, True], ids=["plain", "with nursery"])
async def test_who_is_cancelled_when_the_client_leaves_depends_on_method_and_option(
    method: str, option: Any, cancelled: bool, nursery: bool, lifespan: bool
) -> None:
    log: list[str] = []

    async def handler() -> None:
        try:
            await anyio.sleep(10)
            log.append("whole")
        finally:
            log.append("left")

    async def with_nursery(task_group: TaskGroup) -> None:
        await handler()

    route = Path("/", with_nursery if nursery else handler, methods=[method], on_disconnect=option)
    app = Lilya(routes=[route])
    wire = Answer(GONE)
    if lifespan:
        async with running(app):
            await app(http_scope("/", method), wire.receive, wire.send)
    else:
        await app(http_scope("/", method), wire.receive, wire.send)
    assert log == (["left"] if cancelled else ["whole", "left"])


@pytest.mark.parametrize("level", ["app", "router", "include", "path"])
async def test_what_happens_then_can_be_said_at_every_level_and_the_nearest_wins(level: str) -> None:
    log: list[str] = []

    async def handler() -> None:
        await anyio.sleep(10)
        log.append("whole")

    def at(name: str) -> Any:
        levels = ["app", "include", "path"]
        if name == level:
            return "ignore"
        return "cancel" if level in levels and levels.index(name) < levels.index(level) else None

    if level == "router":
        routes: list[Any] = [Include("/", app=Router([Path("/", handler)], on_disconnect="ignore"))]
    else:
        inner = [Path("/", handler, on_disconnect=at("path"))]
        routes = [Include("/", routes=inner, on_disconnect=at("include"))]
    app = Lilya(routes=routes, on_disconnect=at("app") if level != "router" else None)
    wire = Answer(GONE)
    await app(http_scope(), wire.receive, wire.send)
    assert log == ["whole"]


@pytest.mark.parametrize("nursery", [False, True], ids=["plain", "with nursery"])
@pytest.mark.parametrize(("option", "log"), [(None, ["left"]), ("ignore", ["whole", "left"])])
async def test_a_feed_is_cancelled_when_its_client_leaves_unless_it_is_to_run_on(
    option: Any, log: list[str], nursery: bool
) -> None:
    seen: list[str] = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await anyio.sleep(10)
            seen.append("whole")
        finally:
            seen.append("left")

    async def with_nursery(websocket: WebSocket, task_group: TaskGroup) -> None:
        await feed(websocket)

    app = Lilya(routes=[WebSocketPath("/", with_nursery if nursery else feed, on_disconnect=option)])
    wire = Answer(CONNECT)
    async with anyio.create_task_group() as client:
        client.start_soon(app, websocket_scope(), wire.receive, wire.send)
        await anyio.sleep(1)
        wire.put(left())
    assert seen == log


async def test_a_disconnect_out_of_a_websockets_nursery_ends_it_quietly() -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(websocket.receive_text)
            nursery.start_soon(anyio.sleep_forever)

    await talk(Lilya(routes=[WebSocketPath("/", handler)]), "/", left())


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
async def test_a_handler_that_received_is_given_a_moment_and_then_cancelled(lifespan: bool) -> None:
    left_at: list[float] = []

    async def busy(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        try:
            await anyio.sleep(100)
        finally:
            left_at.append(anyio.current_time() - began)

    app = Lilya(routes=[WebSocketPath("/", busy)])
    wire = Answer(CONNECT, text("a"))

    async def client() -> None:
        await anyio.sleep(1)
        wire.put(left())

    began = anyio.current_time()
    async with anyio.create_task_group() as clients:
        clients.start_soon(client)
        if lifespan:
            async with running(app):
                await app(websocket_scope(), wire.receive, wire.send)
        else:
            await app(websocket_scope(), wire.receive, wire.send)
    assert 1 < left_at[0] < 3


async def test_the_moment_begins_anew_with_every_message_that_was_waiting() -> None:
    left_at: list[float] = []

    async def busy(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(3):
            await websocket.receive_text()
            await anyio.sleep(0.3)
        try:
            await anyio.sleep(100)
        finally:
            left_at.append(anyio.current_time() - began)

    began = anyio.current_time()
    await talk(Lilya(routes=[WebSocketPath("/", busy)]), "/", text("a"), text("b"), text("c"), left())
    assert 0.9 < left_at[0] < 3


async def test_a_handler_called_for_a_client_that_has_left_already_is_cut_at_its_first_wait() -> None:
    log: list[str] = []

    class Reads:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            assert (await receive())["type"] == "http.disconnect"
            await self.app(scope, receive, send)

    async def handler() -> None:
        log.append("called")
        await anyio.sleep(1)
        log.append("went on")

    wire = Answer(GONE)
    await Lilya(routes=[Path("/", handler)], middleware=[Reads])(http_scope(), wire.receive, wire.send)
    assert log == ["called"]


async def test_a_part_of_a_handler_can_be_cut_whatever_the_method() -> None:
    log: list[str] = []

    async def handler(request: Request) -> PlainText:
        try:
            with request.cancel_on_disconnect():
                await anyio.sleep(10)
        finally:
            log.append("left the part")
        return PlainText("never")

    wire = Answer(GONE)
    await Lilya(routes=[Path("/", handler, methods=["POST"])])(http_scope("/", "POST"), wire.receive, wire.send)
    assert log == ["left the part"]


async def test_a_message_out_of_turn_is_the_applications_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": b""})

    class OutOfTurn:
        __call__ = staticmethod(app)

    answer = await fail(Lilya(routes=[Path("/", OutOfTurn())]))
    assert answer.status == 500
    assert "Expected ASGI message 'http.response.start'" in str(answer.error)


async def test_a_message_after_the_last_one_is_the_applications_error() -> None:
    async def handler(request: Request) -> PlainText:
        await PlainText("whole")(request.scope, request.receive, request.send)
        return PlainText("once more")

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert answer.text == "whole"
    assert str(answer.error) == ("Unexpected ASGI message 'http.response.start' sent after the response was complete.")
