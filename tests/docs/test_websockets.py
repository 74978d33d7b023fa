"""The guides to websockets and to long polling: their programs, and the rows of their tables."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.exceptions import BadRequest, HTTPException, WebSocketDisconnect, WebSocketException
from lilya.routing import WebSocketPath
from lilya.testclient import AsyncTestClient, WebSocketDenialResponse
from lilya.testing import ServerOptions
from lilya.websockets import WebSocket
from tests.docs.pages import program

PAGE = "docs/guide/websockets.md"
POLLING = "docs/guide/long-polling.md"


def socket(handler: Any, **options: Any) -> AsyncTestClient:
    return AsyncTestClient(Lilya(routes=[WebSocketPath("/", handler)]), **options)


async def closing_code(client: AsyncTestClient, *sent: str | bytes) -> tuple[int, str]:
    async with client, client.websocket_connect("/") as websocket:
        for message in sent:
            await (websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message))
        with pytest.raises(WebSocketDisconnect) as closed:
            await websocket.receive_text()
    return closed.value.code, closed.value.reason


async def test_whatever_one_says_in_a_room_all_hear() -> None:
    module = program(PAGE)
    async with AsyncTestClient(module.app) as client:
        async with client.websocket_connect("/chat/red") as ada, client.websocket_connect("/chat/red") as bob:
            await anyio.wait_all_tasks_blocked()
            await ada.send_text("hello")
            assert [await ada.receive_text(), await bob.receive_text()] == ["hello", "hello"]
        assert module.rooms == {"red": set()}


async def test_one_who_does_not_read_does_not_hold_up_the_others() -> None:
    options = ServerOptions(websocket_buffer=8)
    async with AsyncTestClient(program(PAGE).app, server_options=options) as client:
        async with client.websocket_connect("/chat/red") as ada, client.websocket_connect("/chat/red"):
            await anyio.wait_all_tasks_blocked()
            began = anyio.current_time()
            for number in range(3):
                await ada.send_text(f"message {number}")
                assert await ada.receive_text() == f"message {number}"
            assert anyio.current_time() - began <= 3


async def test_a_feed_is_cancelled_when_its_client_leaves() -> None:
    app = program(PAGE).app
    async with AsyncTestClient(app) as client:
        async with client.websocket_connect("/clock") as websocket:
            assert [await websocket.receive_json(), await websocket.receive_json()] == [{"seconds": 0}, {"seconds": 1}]
        assert app.statistics().idle


async def test_both_ways_at_once() -> None:
    app = program(PAGE, 2).app
    async with AsyncTestClient(app) as client:
        async with client.websocket_connect("/stopwatch") as websocket:
            assert [await websocket.receive_text(), await websocket.receive_text()] == ["0", "1"]
            await websocket.send_text("stop")
            assert (await websocket.receive())["code"] == 1000
        async with client.websocket_connect("/stopwatch") as websocket:
            await websocket.receive_text()
        assert app.statistics().idle


async def test_refusing() -> None:
    async with AsyncTestClient(program(PAGE, 3).app) as client:
        with pytest.raises(WebSocketDenialResponse) as denied:
            async with client.websocket_connect("/secret"):
                raise AssertionError("never accepted")
        assert denied.value.status_code == 401
        headers = {"authorization": "Bearer sesame"}
        async with client.websocket_connect("/secret", headers=headers) as websocket:
            assert await websocket.receive_text() == "open"


async def test_each_closing_code_is_as_the_table_says() -> None:
    async def returns(websocket: WebSocket) -> None:
        await websocket.accept()

    async def wants_text(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()

    async def wants_json(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_json()

    def raises(exc: Exception) -> Any:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            raise exc

        return handler

    quiet: Any = {"raise_server_exceptions": False}
    assert await closing_code(socket(returns)) == (1000, "")
    assert (await closing_code(socket(wants_text), b"bytes"))[0] == 1003
    assert (await closing_code(socket(wants_json), "no json"))[0] == 1007
    assert await closing_code(socket(raises(BadRequest("so not")))) == (1008, "so not")
    assert (await closing_code(socket(raises(HTTPException(status_code=503)))))[0] == 1011
    assert await closing_code(socket(raises(KeyError("secret")), **quiet)) == (1011, "internal error")
    assert await closing_code(socket(raises(WebSocketException(4001, "try later")))) == (4001, "try later")
    assert len((await closing_code(socket(raises(WebSocketException(4001, "x" * 200)))))[1]) == 123


async def test_a_client_that_leaves_is_told_of_by_its_code() -> None:
    told: list[tuple[int, str]] = []

    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.receive_text()
        except WebSocketDisconnect as left:
            told.append((left.code, left.reason))
            with pytest.raises(WebSocketDisconnect):
                await websocket.send_text("too late")
            raise

    async with socket(handler) as client:
        async with client.websocket_connect("/") as websocket:
            await websocket.close(4002, "bye")
        async with client.websocket_connect("/") as websocket:
            await websocket.send({"type": "websocket.disconnect"})
    assert told == [(4002, "bye"), (1005, "")]


async def test_accepted_closes_at_the_end_of_its_block() -> None:
    async def handler(websocket: WebSocket) -> None:
        async with websocket.accepted() as ws:
            await ws.send_bytes(b"one")

    async with socket(handler) as client, client.websocket_connect("/") as websocket:
        assert await websocket.receive_bytes() == b"one"
        assert (await websocket.receive())["code"] == 1000


async def test_a_long_poll_waits_is_answered_and_misses_nothing() -> None:
    app = program(POLLING, 2).app
    async with AsyncTestClient(app) as client, anyio.create_task_group() as clients:
        answers: list[Any] = []

        async def poll() -> None:
            answers.append((await client.get("/events?after=0")).json())

        clients.start_soon(poll)
        await anyio.sleep(10)
        assert answers == []
        assert (await client.post("/events", content="first")).json() == {"number": 1}
        await anyio.wait_all_tasks_blocked()
        assert answers == [{"events": ["first"], "after": 1}]
        await client.post("/events", content="second")
        await client.post("/events", content="third")
        assert (await client.get("/events?after=1")).json() == {"events": ["second", "third"], "after": 3}
        assert (await client.get("/events?after=x")).status_code == 400


async def test_a_long_poll_ends_after_25_seconds_and_leaves_nothing_when_its_client_does() -> None:
    app = program(POLLING, 2).app
    async with AsyncTestClient(app) as client:
        began = anyio.current_time()
        assert (await client.get("/events?after=0")).status_code == 204
        assert anyio.current_time() - began == pytest.approx(25)
        async with anyio.create_task_group() as clients:
            for _ in range(200):
                clients.start_soon(client.get, "/events?after=0")
            await anyio.sleep(1)
            assert len(app.statistics().exchanges) == 200
            clients.cancel_scope.cancel()
        assert app.statistics().idle


async def test_a_long_poll_lets_go_of_a_server_that_stops() -> None:
    app = program(POLLING, 2).app
    async with AsyncTestClient(app) as client, anyio.create_task_group() as clients:

        async def poll() -> None:
            response = await client.get("/events?after=0")
            assert (response.status_code, response.headers["retry-after"]) == (204, "1")

        clients.start_soon(poll)
        await anyio.sleep(1)
        app.drain()
