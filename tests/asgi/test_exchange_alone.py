"""Exchanges that no application of ours runs, those of another loop, and ASGI apps that know of none."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any

import anyio
import pytest

from lilya._asgi.exchange import EXCHANGE, Exchange, Nowhere, exchange_of, run_alone
from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path, WebSocketPath
from lilya.types import Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.support.life import running
from tests.support.wire import CONNECT, GONE, Wire, http_scope, left, request, text, websocket_scope

Log = list[Any]

both_lives = pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])


def life_of(app: Lilya, lifespan: bool) -> AbstractAsyncContextManager[Any]:
    return running(app) if lifespan else nullcontext()


def app_of(handler: Any, **options: Any) -> Lilya:
    return Lilya(routes=[Path("/", handler, methods=["GET", "POST"])], **options)


# -- used alone ---------------------------------------------------------------------------------------------------


async def test_a_part_used_alone_makes_an_exchange_of_its_own_and_leaves_the_scope_as_it_was() -> None:
    found: Log = []

    async def part(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(exchange_of(scope))
        await PlainText(await Request(scope, receive).body())(scope, receive, send)

    scope, wire = http_scope(), Wire(request(b"body"))
    await run_alone(part, scope, wire.receive, wire.send)
    assert isinstance(found[0], Exchange)
    assert found[0].over
    assert wire.body == b"body"
    assert scope == http_scope()
    assert exchange_of(scope) is None


async def test_alone_nothing_drains_and_there_is_no_nursery() -> None:
    home = Nowhere()
    assert home.draining is False
    with anyio.move_on_after(1000) as scope:
        await home.wait_draining()
    assert scope.cancelled_caught
    with pytest.raises(RuntimeError, match="'mail' needs the nursery of a Lilya application"):
        home.start_soon(anyio.sleep, 1, name="mail")
    with pytest.raises(RuntimeError, match="needs the nursery"):
        home.start_soon(anyio.sleep, 1)


async def test_an_exchange_that_is_over_is_not_found_any_more() -> None:
    scope = http_scope()
    kept: Log = []

    async def app(inner: Scope, receive: Receive, send: Send) -> None:
        kept.append(inner.copy())
        assert exchange_of(inner) is not None

    await Exchange(Nowhere(), scope, Wire().receive, Wire().send).run(app)
    assert EXCHANGE not in scope
    assert exchange_of(scope) is None
    assert exchange_of(kept[0]) is None  # a copy keeps the key


async def test_a_websocket_made_in_another_framework_does_not_get_in_the_way_of_an_application_below() -> None:
    log: Log = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await anyio.sleep(100)
        finally:
            log.append(anyio.current_time())

    app = Lilya(routes=[WebSocketPath("/", feed)])
    wire = Wire(CONNECT)
    scope = websocket_scope()

    async def foreign(scope: Scope, receive: Receive, send: Send) -> None:
        assert WebSocket(scope, receive, send).headers["host"] == "example.org"
        assert scope == websocket_scope()
        await app(scope, receive, send)

    async def leave() -> None:
        await anyio.sleep(1)
        wire.put(left())

    async with running(app), anyio.create_task_group() as group:
        group.start_soon(leave)
        await foreign(scope, wire.receive, wire.send)
    assert log == [1]


# -- two event loops ----------------------------------------------------------------------------------------------


async def test_a_call_from_another_thread_than_the_lifespans_has_a_nursery_of_its_own(backend: str) -> None:
    log: Log = []

    async def handler() -> PlainText:
        try:
            await anyio.sleep(10)
        finally:
            log.append("left")
        return PlainText("x")

    app = app_of(handler)

    async def call() -> None:
        wire = Wire(request(), GONE)
        with anyio.fail_after(5):
            await app(http_scope(), wire.receive, wire.send)

    async with running(app):
        await anyio.to_thread.run_sync(partial(anyio.run, call, backend=backend))
    assert log == ["left"]


# -- raw ASGI apps below ------------------------------------------------------------------------------------------


async def test_raw_asgi_apps_are_told_by_receive_and_send_and_never_cancelled() -> None:
    log: Log = []

    class Raw:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            assert (await receive())["type"] == "http.request"
            await anyio.sleep(1)
            log.append("not cancelled")
            assert (await receive())["type"] == "http.disconnect"
            assert (await receive())["type"] == "http.disconnect"
            with pytest.raises(OSError, match="the client left"):
                await send({"type": "http.response.start", "status": 200, "headers": []})

    wire = Wire(request(), GONE)
    await Lilya(routes=[Path("/", Raw())])(http_scope(), wire.receive, wire.send)
    assert log == ["not cancelled"]
    assert wire.sent == []


async def test_raw_websocket_apps_get_every_message() -> None:
    got: Log = []

    class Raw:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            got.append((await receive())["type"])
            await send({"type": "websocket.accept"})
            while got[-1] != "websocket.disconnect":
                got.append((await receive())["type"])

    wire = Wire(CONNECT, text("a"), text("b"), left())
    await Lilya(routes=[WebSocketPath("/", Raw())])(websocket_scope(), wire.receive, wire.send)
    assert [each.rpartition(".")[2] for each in got] == ["connect", "receive", "receive", "disconnect"]
