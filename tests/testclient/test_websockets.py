from __future__ import annotations

from typing import Any, Literal

import anyio
import httpx
import pytest

from lilya.testclient import AsyncTestClient, TestClient, WebSocketDenialResponse, WebSocketDisconnect
from lilya.testing import ASGISpecViolation, ServerOptions
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.testing.asgi_apps import app_of, wait_disconnect

Backend = Literal["asyncio", "trio"]


class Boom(Exception):
    pass


def client_of(websocket: ASGIApp, **options: Any) -> TestClient:
    return TestClient(app_of(websocket=websocket), **options)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"a", b"b"), (b"set-cookie", b"kept=1; Path=/")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


@pytest.mark.parametrize("opened", [True, False])
def test_messages_go_both_ways(backend: Backend, opened: bool) -> None:
    client = client_of(echo, backend=backend)

    def talk() -> None:
        with client.websocket_connect("/") as session:
            session.send_text("text")
            assert session.receive_text() == "text"
            session.send_bytes(b"bytes")
            assert session.receive_bytes() == b"bytes"
            session.send_json({"a": [1]})
            assert session.receive_json() == {"a": [1]}
            session.send_json("ü", mode="binary")
            assert session.receive_json(mode="binary") == "ü"
            session.send({"type": "websocket.receive", "text": "raw"})
            assert session.receive() == {"type": "websocket.send", "text": "raw"}

    if opened:
        with client:
            talk()
    else:
        talk()


def test_the_handshake_is_that_of_a_browser(backend: Backend) -> None:
    seen: list[Scope] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"a", b"b")]})
        await wait_disconnect(receive)

    client = client_of(websocket, backend=backend, root_path="/root")
    client.authenticate("ann")
    urls = ("/path?q=1", "ws://testserver/path?q=1", "wss://testserver/path?q=1")
    for url in urls:
        with client.websocket_connect(url, ["chat", "soap"], headers={"x": "y"}, cookies={"c": "1"}) as session:
            assert session.accepted_subprotocol == "chat"
            assert session.extra_headers == [(b"a", b"b")]
            assert session.scope["path"] == "/path"
    scope = seen[0]
    headers = dict(scope["headers"])
    assert (scope["type"], scope["query_string"], scope["root_path"]) == ("websocket", b"q=1", "/root")
    assert (scope["subprotocols"], scope["user"], scope["client"]) == (["chat", "soap"], "ann", None)
    assert headers[b"connection"] == b"upgrade"
    assert headers[b"upgrade"] == b"websocket"
    assert headers[b"sec-websocket-version"] == b"13"
    assert headers[b"sec-websocket-protocol"] == b"chat, soap"
    assert (headers[b"x"], headers[b"cookie"]) == (b"y", b"c=1")
    assert [scope["scheme"] for scope in seen] == ["ws", "ws", "wss"]
    assert [scope["server"][1] for scope in seen] == [80, 80, 443]


def test_cookies_of_the_handshake_are_kept(backend: Backend) -> None:
    client = client_of(echo, backend=backend)
    with client.websocket_connect("/"):
        assert dict(client.cookies) == {"kept": "1"}


@pytest.mark.parametrize("how", ["leave", "close", "send"])
def test_the_handler_is_told_how_the_client_left(backend: Backend, how: str) -> None:
    seen: list[Message] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append(await receive())

    with client_of(websocket, backend=backend).websocket_connect("/") as session:
        if how == "close":
            session.close(4000, "bye")
        elif how == "send":
            session.send({"type": "websocket.disconnect"})
    code, reason = {"leave": (1000, ""), "close": (4000, "bye"), "send": (1005, "")}[how]
    assert seen == [{"type": "websocket.disconnect", "code": code, "reason": reason}]


def test_a_handler_that_does_not_listen_is_cancelled_and_awaited(backend: Backend) -> None:
    ended: list[bool] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    options = ServerOptions(disconnect_grace=0)
    with client_of(websocket, backend=backend, server_options=options).websocket_connect("/"):
        pass
    assert ended == [True]


def test_a_close_of_the_application_is_a_disconnect(backend: Backend) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "last"})
        await send({"type": "websocket.close", "code": 1001, "reason": "away"})

    with client_of(websocket, backend=backend).websocket_connect("/") as session:
        assert session.receive_text() == "last"
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
        assert (caught.value.code, caught.value.reason) == (1001, "away")
        assert session.receive()["type"] == "websocket.close"


def test_a_close_instead_of_an_accept_is_a_disconnect_on_entering(backend: Backend) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 4001})

    with pytest.raises(WebSocketDisconnect) as caught, client_of(websocket, backend=backend).websocket_connect("/"):
        raise AssertionError("entered")
    assert caught.value.code == 4001
    assert not isinstance(caught.value, WebSocketDenialResponse)


def test_a_denial_is_a_response_and_a_disconnect(backend: Backend) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"a", b"b"), (b"set-cookie", b"kept=1; Path=/")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b'{"detail": "no"}'})

    client = client_of(websocket, backend=backend)
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/"):
        raise AssertionError("entered")
    response = caught.value
    assert isinstance(response, WebSocketDenialResponse)
    assert isinstance(response, httpx.Response)
    assert (response.status_code, response.headers["a"], response.json()) == (401, "b", {"detail": "no"})
    assert response.code == 1006
    assert dict(client.cookies) == {"kept": "1"}


@pytest.mark.parametrize("when", ["handshake", "receive", "leave"])
def test_an_exception_of_the_handler_is_raised_as_itself(backend: Backend, when: str) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if when != "handshake":
            await send({"type": "websocket.accept"})
        if when == "leave":
            await receive()
        raise Boom

    def use() -> None:
        with client_of(websocket, backend=backend).websocket_connect("/") as session:
            if when == "receive":
                session.receive_text()

    with pytest.raises(Boom):
        use()


def test_a_violation_of_asgi_is_raised(backend: Backend) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": "never-offered"})

    with pytest.raises(ASGISpecViolation), client_of(websocket, backend=backend).websocket_connect("/"):
        raise AssertionError("entered")


def test_the_wrong_kind_of_message_is_named(backend: Backend) -> None:
    with client_of(echo, backend=backend).websocket_connect("/") as session:
        session.send_bytes(b"bytes")
        with pytest.raises(AssertionError, match="expected a message with 'text', got one with 'bytes': b'bytes'"):
            session.receive_text()
        with pytest.raises(ValueError, match="got 'yaml'"):
            session.receive_json(mode="yaml")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="got 'yaml'"):
            session.send_json({}, mode="yaml")  # type: ignore[arg-type]


def test_a_session_is_used_in_a_with_block() -> None:
    session = client_of(echo).websocket_connect("/")
    with pytest.raises(RuntimeError, match="with client"):
        session.send_text("too early")


async def test_an_async_session_is_used_in_an_async_with_block() -> None:
    session = AsyncTestClient(app_of(websocket=echo)).websocket_connect("/")
    with pytest.raises(RuntimeError, match="with client"):
        await session.send_text("too early")


def test_waiting_too_long_is_a_timeout(backend: Backend) -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/never":
            await anyio.sleep_forever()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/closes":
            await send({"type": "websocket.close"})
        await anyio.sleep_forever()

    options = ServerOptions(disconnect_grace=0)
    with client_of(websocket, backend=backend, timeout=0.05, server_options=options) as client:
        with pytest.raises(httpx.ReadTimeout, match="the handshake was not answered"):
            client.websocket_connect("/never").__enter__()
        with client.websocket_connect("/") as session:
            with pytest.raises(httpx.ReadTimeout, match="nothing was sent"):
                session.receive()
        closed = client.websocket_connect("/closes").__enter__()
        with pytest.raises(httpx.ReadTimeout, match="the handler did not end"):
            closed.__exit__(None, None, None)


@pytest.mark.parametrize("opened", [True, False])
async def test_an_async_session_does_the_same(opened: bool) -> None:
    client = AsyncTestClient(app_of(websocket=echo))

    async def talk() -> None:
        async with client.websocket_connect("/") as session:
            await session.send_json({"a": 1}, mode="binary")
            assert await session.receive_json(mode="binary") == {"a": 1}
            await session.send({"type": "websocket.receive", "text": "text"})
            assert await session.receive_text() == "text"
            await session.close(4000)
            with pytest.raises(WebSocketDisconnect):
                await session.receive_bytes()

    if opened:
        async with client:
            await talk()
    else:
        await talk()


async def test_a_cancelled_async_session_leaves_and_awaits_the_handler() -> None:
    seen: list[str] = []

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append((await receive())["type"])

    async with AsyncTestClient(app_of(websocket=websocket)) as client:
        with anyio.move_on_after(5) as scope:
            async with client.websocket_connect("/") as session:
                await session.receive()
        assert scope.cancelled_caught
        assert seen == ["websocket.disconnect"]


async def test_an_async_session_raises_what_the_handler_raised() -> None:
    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        raise Boom

    async with AsyncTestClient(app_of(websocket=websocket)) as client:
        with pytest.raises(Boom):
            async with client.websocket_connect("/"):
                pass
