from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.exceptions import WebSocketDisconnect
from lilya.testing.exceptions import ASGISpecViolation, HandshakeDenied
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, websocket_scope
from lilya.testing.websocket import MemoryWebSocket
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, wait_disconnect

ACCEPT: dict[str, Any] = {"type": "websocket.accept"}


class Boom(Exception):
    pass


def serve(websocket: ASGIApp, **options: Any) -> MemoryServer:
    return MemoryServer(app_of(websocket=websocket), options=ServerOptions(**options))


async def open_websocket(server: MemoryServer) -> MemoryWebSocket:
    websocket = server.websocket(websocket_scope("/", subprotocols=["chat"]))
    await websocket.connect()
    return websocket


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({**ACCEPT, "subprotocol": "chat", "headers": [(b"a", b"b")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def test_messages_go_both_ways() -> None:
    async with serve(echo) as server:
        websocket = await open_websocket(server)
        assert (websocket.subprotocol, websocket.headers) == ("chat", [(b"a", b"b")])
        await websocket.send({"type": "websocket.receive", "text": "hello"})
        assert await websocket.receive() == {"type": "websocket.send", "text": "hello"}
        await websocket.aclose()
    assert websocket.scope["type"] == "websocket"
    assert set(websocket.scope["extensions"]) == {"websocket.http.response", "lilya.background"}


@pytest.mark.parametrize("how", ["close", "vanish"])
async def test_leaving_is_a_disconnect_with_the_clients_code(how: str) -> None:
    seen: list[Message] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        seen.extend([await receive(), await receive(), await receive()])

    async with serve(websocket) as server:
        client = await open_websocket(server)
        await client.send({"type": "websocket.receive", "text": "last"})
        if how == "close":
            client.close(4001, "bye")
            client.close(4002, "too late")
            assert await client.receive() == {"type": "websocket.close", "code": 4001, "reason": "bye"}
        await client.aclose()
    code, reason = (4001, "bye") if how == "close" else (1006, "")
    goodbye = {"type": "websocket.disconnect", "code": code, "reason": reason}
    assert seen == [{"type": "websocket.receive", "text": "last"}, goodbye, goodbye]


async def test_an_application_that_closes_is_told_of_its_own_close() -> None:
    seen: list[Message] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.send", "bytes": b"last"})
        await send({"type": "websocket.close", "code": 1001, "reason": "away"})
        seen.append(await receive())

    async with serve(websocket) as server:
        client = await open_websocket(server)
        await client.send({"type": "websocket.receive", "text": "unread"})
        assert await client.receive() == {"type": "websocket.send", "bytes": b"last"}
        closed = {"type": "websocket.close", "code": 1001, "reason": "away"}
        assert [await client.receive(), await client.receive()] == [closed, closed]
        await client.send({"type": "websocket.receive", "text": "too late"})
        client.close()
        await client.aclose()
    assert seen == [{"type": "websocket.receive", "text": "unread"}] or seen[0]["code"] == 1001


async def test_a_handler_that_does_not_listen_is_cancelled_after_a_grace() -> None:
    ended: list[float] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(anyio.current_time())

    async with serve(websocket, disconnect_grace=2.0) as server:
        client = await open_websocket(server)
        began = anyio.current_time()
        client.close()
        await client.aclose()
    assert ended == [pytest.approx(began + 2)]


async def test_messages_wait_while_the_buffer_is_full() -> None:
    sent: list[int] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        for number in range(6):
            await send({"type": "websocket.send", "text": "x"})
            sent.append(number)
        await wait_disconnect(receive)

    async with serve(websocket, websocket_buffer=10) as server:
        client = await open_websocket(server)
        await anyio.wait_all_tasks_blocked()
        assert sent == [0, 1, 2]
        for _ in range(6):
            await client.receive()
        async with open_nursery() as nursery:
            nursery.start_soon(client.send, {"type": "websocket.receive", "bytes": b"x" * 20})
            nursery.start_soon(client.send, {"type": "websocket.receive", "text": ""})
        await client.aclose()


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4003, "no")])
async def test_a_close_instead_of_an_accept_is_raised_with_its_code(code: int, reason: str) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": code, "reason": reason})

    async with serve(websocket) as server:
        with pytest.raises(WebSocketDisconnect) as caught:
            await open_websocket(server)
    assert (caught.value.code, caught.value.reason) == (code, reason)


async def test_a_denial_response_is_raised_whole() -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"a", b"b")]})
        await send({"type": "websocket.http.response.body", "body": b"no", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"body"})

    async with serve(websocket) as server:
        with pytest.raises(HandshakeDenied) as caught:
            await open_websocket(server)
    assert (caught.value.status, caught.value.headers, caught.value.body) == (401, [(b"a", b"b")], b"nobody")
    assert caught.value.code == 1006


@pytest.mark.parametrize("when", ["before the answer", "in a denial", "after the accept"])
async def test_an_exception_of_the_application_reaches_the_client_as_itself(when: str) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if when == "in a denial":
            await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        elif when == "after the accept":
            await send(ACCEPT)
        raise Boom

    async with serve(websocket) as server:
        client = server.websocket(websocket_scope("/"))
        if when == "after the accept":
            await client.connect()
            with pytest.raises(Boom):
                await client.receive()
        else:
            with pytest.raises(Boom):
                await client.connect()
        await client.aclose()


@pytest.mark.parametrize("when", ["before the answer", "in a denial", "after the accept"])
async def test_failures_can_be_answered_as_servers_do(when: str) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        if when == "in a denial":
            await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        elif when == "after the accept":
            await send(ACCEPT)
        raise Boom

    async with serve(websocket, raise_app_exceptions=False) as server:
        client = server.websocket(websocket_scope("/"))
        if when == "after the accept":
            await client.connect()
            assert await client.receive() == {"type": "websocket.close", "code": 1011, "reason": ""}
        else:
            with pytest.raises(HandshakeDenied) as caught:
                await client.connect()
            assert caught.value.status == (401 if when == "in a denial" else 500)


async def test_an_application_that_just_returns_closes_with_1011() -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)

    async with serve(websocket) as server:
        client = await open_websocket(server)
        assert (await client.receive())["code"] == 1011
        await client.aclose()


async def test_an_unanswered_handshake_is_a_violation() -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async with serve(websocket) as server:
        with pytest.raises(ASGISpecViolation):
            await open_websocket(server)


async def test_a_cancelled_handshake_is_a_client_that_leaves() -> None:
    seen: list[str] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])

    async with serve(websocket) as server:
        with anyio.move_on_after(1) as scope:
            await open_websocket(server)
    assert scope.cancelled_caught
    assert seen == ["websocket.connect", "websocket.disconnect"]


async def test_a_disconnect_that_the_handler_lets_through_is_quiet() -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await wait_disconnect(receive)
        raise WebSocketDisconnect(1000)

    async with serve(websocket) as server:
        client = await open_websocket(server)
        await client.aclose()
