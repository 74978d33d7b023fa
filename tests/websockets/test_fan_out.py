"""One message for many websockets; a client that is stuck is cut off in time; only codes that mean something close."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.concurrency.nursery import open_nursery
from lilya.controllers import WebSocketController
from lilya.exceptions import WebSocketDisconnect
from lilya.pubsub import Event, MemoryPubSub
from lilya.routing import WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, websocket_scope
from lilya.websockets import WebSocket, WebSocketClose
from tests.support.wire import CONNECT, Wire
from tests.support.wire import websocket_scope as wire_scope
from tests.websockets.talking import ACCEPT, alone

STUCK = ServerOptions(websocket_buffer=8)


# -- stuck clients ------------------------------------------------------------------------------------------------


async def test_a_client_that_does_not_take_a_message_in_time_counts_as_gone() -> None:
    seen: list[Any] = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept(send_timeout=3)
        try:
            while True:
                await websocket.send_text("x" * 10)
        except WebSocketDisconnect as left:
            seen.append((left.code, anyio.current_time(), str(left.__cause__)))
            with pytest.raises(WebSocketDisconnect):
                await websocket.send_text("more")
            await websocket.close()
            raise

    app = Lilya(routes=[WebSocketPath("/", feed)])
    async with MemoryServer(app, options=STUCK) as server:
        websocket = server.websocket(websocket_scope("/"))
        await websocket.connect()
        await anyio.sleep(10)
        assert seen == [(1006, 3, "the client did not take a message within 3 s")]
        assert app.statistics().idle
        await websocket.aclose()


async def test_so_is_a_handler_cancelled_that_does_something_else() -> None:
    ended: list[float] = []

    async def handler(websocket: WebSocket, task_group: Any) -> None:
        async with websocket.accepted(send_timeout=3) as ws:

            async def send() -> None:
                while True:
                    await ws.send_json(list(range(10)))

            task_group.start_soon(send)
            try:
                await anyio.sleep(60)
            finally:
                ended.append(anyio.current_time())

    async with MemoryServer(Lilya(routes=[WebSocketPath("/", handler)]), options=STUCK) as server:
        websocket = server.websocket(websocket_scope("/"))
        await websocket.connect()
        await anyio.sleep(10)
        assert ended == [3]
        await websocket.aclose()


async def test_a_client_that_reads_is_not_hurried_and_no_time_is_an_error() -> None:
    async def handler(websocket: WebSocket) -> None:
        with pytest.raises(ValueError, match="send_timeout is a number of seconds"):
            await websocket.accept(send_timeout=0)
        async with websocket.accepted(send_timeout=1) as ws:
            for number in range(5):
                await anyio.sleep(2)
                await ws.send_text(str(number))

    async with AsyncTestClient(Lilya(routes=[WebSocketPath("/", handler)])) as client:
        async with client.websocket_connect("/") as websocket:
            assert [await websocket.receive_text() for _ in range(5)] == list("01234")
            assert (await websocket.receive())["code"] == 1000


# -- fan-out ------------------------------------------------------------------------------------------------------


async def test_of_a_thousand_ten_never_read_and_the_others_have_every_message_at_once(backend: str) -> None:
    # The debug mode of asyncio takes a millisecond for each wake-up.
    everybody = 1000 if backend == "trio" else 50
    pubsub = MemoryPubSub()
    done: list[float] = []

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept(send_timeout=2)
        async with pubsub.subscribe("t", buffer=4) as events:
            async for event in events:
                await websocket.send_event(event)

    app = Lilya(routes=[WebSocketPath("/", feed)])
    async with MemoryServer(app, options=STUCK) as server, open_nursery() as nursery:

        async def read() -> None:
            websocket = server.websocket(websocket_scope("/"))
            await websocket.connect()
            for number in range(8):
                assert (await websocket.receive())["text"] == f'{{"number":{number}}}'
            done.append(anyio.current_time())
            await websocket.aclose()

        async def never_read() -> None:
            websocket = server.websocket(websocket_scope("/"))
            await websocket.connect()
            await anyio.sleep(30)
            await websocket.aclose()

        for number in range(everybody):
            nursery.start_soon(read if number >= 10 else never_read)
        await anyio.sleep(1)
        assert pubsub.statistics().subscribers == everybody
        for number in range(8):
            await pubsub.publish("t", {"number": number})
            await anyio.sleep(0.001)
        await anyio.sleep(0.001)
        assert len(done) == everybody - 10
        assert max(done) < 1.1
        assert pubsub.statistics().closed == 10
        await anyio.sleep(5)
        assert app.statistics().idle  # the ten were cut off


async def test_a_handler_that_was_too_slow_for_its_subscription_closes_with_1013() -> None:
    pubsub = MemoryPubSub()

    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        async with pubsub.subscribe("t", buffer=1) as events:
            async for event in events:
                await anyio.sleep(10)
                await websocket.send_event(event)

    async with AsyncTestClient(Lilya(routes=[WebSocketPath("/", feed)])) as client:
        async with client.websocket_connect("/") as websocket:
            await anyio.sleep(1)
            for number in range(4):
                await pubsub.publish("t", str(number))
                await anyio.sleep(0.1)
            assert [await websocket.receive_text(), await websocket.receive_text()] == ["0", "1"]
            with pytest.raises(WebSocketDisconnect) as closed:
                await websocket.receive_text()
            assert (closed.value.code, closed.value.reason) == (1013, "too slow")


async def test_an_event_is_encoded_once_for_all_websockets() -> None:
    event, text = Event("1", "t", {"a": [1]}), Event("2", "t", "as it is")

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_event(event)
        await websocket.send_event(text)

    one, other = (await alone(talk)).sent, (await alone(talk)).sent
    assert one == other == [ACCEPT, *({"type": "websocket.send", "text": each} for each in ('{"a":[1]}', "as it is"))]
    assert one[1]["text"] is other[1]["text"]


async def test_a_controller_fans_out_and_receives_at_once() -> None:
    pubsub = MemoryPubSub()

    class Chat(WebSocketController):
        encoding = "json"

        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept(send_timeout=5)

        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await pubsub.publish("said", data)

    async with AsyncTestClient(Lilya(routes=[WebSocketPath("/", Chat)])) as client:
        async with pubsub.subscribe("said") as events, client.websocket_connect("/") as websocket:
            await websocket.send_json({"a": 1})
            assert (await anext(events)).data == {"a": 1}


# -- close codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1013, 1014, 3000, 4999])
async def test_codes_that_a_close_frame_may_carry(code: int) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(code)

    assert (await alone(talk)).sent[1]["code"] == code
    assert WebSocketClose(code).code == code


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (500, r"500 is a status of HTTP and no close code; .* HTTPException\(500\), .* such as 4500"),
        (1005, "is never sent .*: it says that a close frame had no code"),
        (1006, "is never sent"),
        (1015, "is never sent"),
        (999, "1000 to 1014, or 3000 to 4999"),
        (2000, "1000 to 1014, or 3000 to 4999"),
        (5000, "1000 to 1014, or 3000 to 4999"),
        (True, "1000 to 1014, or 3000 to 4999"),
        ("1000", "1000 to 1014, or 3000 to 4999"),
    ],
)
async def test_other_codes_are_an_error_that_says_what_was_meant(code: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        WebSocketClose(code)
    wire = Wire(CONNECT)
    with pytest.raises(ValueError, match=complaint):
        await WebSocket(wire_scope(), wire.receive, wire.send).close(code)
    assert wire.sent == []
