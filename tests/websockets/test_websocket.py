"""The websocket as a handler sees it: messages, states and misuse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.exceptions import WebSocketDisconnect, WebSocketRuntimeError
from lilya.routing import WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket, WebSocketState
from tests.support.wire import CONNECT, Wire, http_scope, left, text, websocket_scope
from tests.websockets.talking import (
    ACCEPT,
    BAD_MODE,
    CLOSED,
    NOT_CONNECTED,
    RECEIVED_ALL,
    Over,
    alone,
    binary,
    both,
    close,
    everywhere,
)

# -- messages -----------------------------------------------------------------------------------------------------


@everywhere
async def test_text_bytes_and_json_are_received_and_sent(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        assert await websocket.receive_text() == "grüße"
        assert await websocket.receive_text() == ""
        assert await websocket.receive_bytes() == b"\xff"
        assert await websocket.receive_bytes() == b""
        assert await websocket.receive_json() == {"a": 1}
        assert await websocket.receive_json(mode="binary") == [1.5, None]
        await websocket.send_text("grüße")
        await websocket.send_bytes(b"\xff")
        await websocket.send_json({"ä": [1, 2]})
        await websocket.send_json({"ä": [1, 2]}, mode="binary")
        await websocket.close()

    wire = await talk_over(
        talk, both("grüße"), text(""), both(data=b"\xff"), binary(b""), text('{"a": 1}'), binary(b"[1.5, null]")
    )
    assert wire.sent == [
        ACCEPT,
        {"type": "websocket.send", "text": "grüße"},
        {"type": "websocket.send", "bytes": b"\xff"},
        {"type": "websocket.send", "text": '{"ä":[1,2]}'},
        {"type": "websocket.send", "bytes": '{"ä":[1,2]}'.encode()},
        close(),
    ]


@everywhere
async def test_raw_messages_are_received_and_sent_too(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        assert await websocket.receive() == CONNECT
        await websocket.send(ACCEPT)
        assert await websocket.receive() == text("a")
        await websocket.send({"type": "websocket.send", "text": "b"})
        assert await websocket.receive() == left(4000, "bye")
        with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
            await websocket.receive()

    wire = await talk_over(talk, text("a"), left(4000, "bye"))
    assert wire.types == ["websocket.accept", "websocket.send"]


@everywhere
async def test_iterating_gives_the_messages_until_the_client_leaves(talk_over: Over) -> None:
    got: list[Any] = []

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            got.append(message)
            if message == "bytes":
                break
        async for piece in websocket.iter_bytes():
            got.append(piece)
            if piece == b"json":
                break
        async for value in websocket.iter_json():
            got.append(value)
            if value == "binary":
                break
        got.extend([value async for value in websocket.iter_json(mode="binary")])
        got.append("over")

    await talk_over(
        talk, text("a"), text("bytes"), binary(b"b"), binary(b"json"), text("1"), text('"binary"'), binary(b"2"), left()
    )
    assert got == ["a", "bytes", b"b", b"json", 1, "binary", 2, "over"]


@everywhere
async def test_accepting_names_a_subprotocol_and_headers(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept("chat", headers=[("X-A", "1"), ("x-a", "2")])

    (accept, *_) = (await talk_over(talk)).sent
    assert accept == {
        "type": "websocket.accept",
        "subprotocol": "chat",
        "headers": [(b"x-a", b"1"), (b"x-a", b"2")],
    }


async def test_headers_of_the_handshake_can_smuggle_nothing() -> None:
    async def talk(websocket: WebSocket) -> None:
        with pytest.raises(ValueError, match="control characters"):
            await websocket.accept(headers={"x-a": "a\r\nx-evil: 1"})

    assert (await alone(talk)).sent == []


@everywhere
async def test_the_accepted_block_accepts_and_closes_and_ends_quietly_when_the_client_leaves(talk_over: Over) -> None:
    log: list[str] = []

    async def talk(websocket: WebSocket) -> None:
        async with websocket.accepted("chat") as same:
            assert same is websocket
            log.append(await websocket.receive_text())
            if log[-1] == "close":
                await websocket.close(4001)
            if log[-1] == "wait":
                await websocket.receive_text()
                log.append("never")

    assert (await talk_over(talk, text("return"))).sent[1:] == [close()]
    assert (await talk_over(talk, text("close"))).sent[1:] == [close(4001)]
    assert (await talk_over(talk, text("wait"), left())).sent[1:] == []
    assert log == ["return", "close", "wait"]


async def test_an_error_in_the_accepted_block_goes_on_as_it_is() -> None:
    async def talk(websocket: WebSocket) -> None:
        async with websocket.accepted():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await alone(talk)


# -- states -------------------------------------------------------------------------------------------------------


async def test_states_follow_what_was_sent_and_received() -> None:
    def states() -> tuple[str, str]:
        return (websocket.client_state.name, websocket.application_state.name)

    wire = Wire(CONNECT, left())
    websocket = WebSocket(websocket_scope("/chat"), wire.receive, wire.send)
    assert states() == ("CONNECTING", "CONNECTING")
    await websocket.receive()
    assert states() == ("CONNECTED", "CONNECTING")
    assert repr(websocket) == "WebSocket('/chat', CONNECTING)"
    await websocket.accept()
    assert states() == ("CONNECTED", "CONNECTED")
    with pytest.raises(WebSocketDisconnect):
        await websocket.receive_text()
    assert states() == ("DISCONNECTED", "CONNECTED")

    wire = Wire(CONNECT)
    websocket = WebSocket(websocket_scope(), wire.receive, wire.send)
    await websocket.accept()
    await websocket.close()
    assert states() == ("CONNECTED", "DISCONNECTED")
    assert repr(websocket) == "WebSocket('/', DISCONNECTED)"


def test_states_are_the_documented_numbers() -> None:
    assert [(state.name, state.value) for state in WebSocketState] == [
        ("CONNECTING", 0),
        ("CONNECTED", 1),
        ("DISCONNECTED", 2),
    ]


async def test_all_websockets_of_a_connection_know_its_state() -> None:
    seen: list[str] = []

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            outer = WebSocket(scope, receive, send)
            await outer.receive()  # the connect message
            await self.app(scope, receive, send)
            seen.append(outer.application_state.name)

    async def handler(websocket: WebSocket) -> None:
        assert websocket.client_state is WebSocketState.CONNECTED
        await websocket.accept()
        await websocket.close()

    wire = Wire(CONNECT)
    await Lilya(routes=[WebSocketPath("/", handler, middleware=[Layer])])(websocket_scope(), wire.receive, wire.send)
    assert wire.types == ["websocket.accept", "websocket.close"]
    assert seen == ["DISCONNECTED"]


# -- misuse -------------------------------------------------------------------------------------------------------


def test_a_websocket_is_made_of_a_websocket_only() -> None:
    with pytest.raises(AssertionError, match="'websocket', not 'http'"):
        WebSocket(http_scope(), Wire().receive, Wire().send)


@everywhere
async def test_before_accept_nothing_can_be_received_or_sent(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        for misuse in (
            websocket.receive_text,
            websocket.receive_bytes,
            websocket.receive_json,
            lambda: websocket.send_text("a"),
            lambda: websocket.send_bytes(b"a"),
            lambda: websocket.send_json({}),
            lambda: websocket.send({"type": "websocket.send", "text": "a"}),
        ):
            with pytest.raises(WebSocketRuntimeError, match=NOT_CONNECTED):
                await misuse()
        await websocket.accept()  # and nothing is spoilt

    assert (await talk_over(talk)).sent[0] == ACCEPT


@everywhere
async def test_after_closing_nothing_can_be_received_or_sent(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()
        for receiving in (websocket.receive_text, websocket.receive_bytes, websocket.receive_json):
            with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
                await receiving()
        misuses: list[Callable[[], Awaitable[None]]] = [
            lambda: websocket.send_text("a"),
            lambda: websocket.send_bytes(b"a"),
            lambda: websocket.send_json({}),
            lambda: websocket.send(ACCEPT),
            websocket.close,
        ]
        for misuse in misuses:
            with pytest.raises(WebSocketRuntimeError, match=CLOSED):
                await misuse()

    assert (await talk_over(talk, text("unread"))).sent == [ACCEPT, close()]


@everywhere
async def test_messages_out_of_turn_are_named_with_what_was_expected(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketRuntimeError, match=r"'websocket.http.response.start'.*, but got 'http.nonsense'"):
            await websocket.send({"type": "http.nonsense"})
        await websocket.accept()
        with pytest.raises(
            WebSocketRuntimeError,
            match=r"^Expected ASGI message 'websocket.send' or 'websocket.close', but got 'websocket.accept'.$",
        ):
            await websocket.accept()

    await talk_over(talk)


async def test_a_server_that_breaks_the_protocol_is_an_error_that_says_so() -> None:
    wire = Wire(text("too early"))
    with pytest.raises(
        WebSocketRuntimeError,
        match=r"^Expected ASGI message 'websocket.connect' or 'websocket.disconnect', but got 'websocket.receive'.$",
    ):
        await WebSocket(websocket_scope(), wire.receive, wire.send).accept()

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(
            WebSocketRuntimeError,
            match=r"^Expected ASGI message 'websocket.receive' or 'websocket.disconnect', but got 'http.request'.$",
        ):
            await websocket.receive_text()
        with pytest.raises(WebSocketRuntimeError, match=r"but got 'websocket\.connect'"):
            await websocket.receive()

    await alone(talk, {"type": "http.request"}, CONNECT)


@everywhere
async def test_a_wrong_mode_is_named_before_anything_is_received_or_sent(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketRuntimeError, match=BAD_MODE):
            await websocket.receive_json(mode="json")
        with pytest.raises(WebSocketRuntimeError, match=BAD_MODE):
            await websocket.send_json({}, mode="bytes")
        with pytest.raises(WebSocketRuntimeError, match=BAD_MODE):
            async for _ in websocket.iter_json(mode=""):
                pass
        assert await websocket.receive_text() == "a"

    assert (await talk_over(talk, text("a"), left())).types[:1] == ["websocket.accept"]
