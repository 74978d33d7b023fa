"""How a websocket ends: by a broken agreement, by the handler, by the client; and several tasks on one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect, WebSocketDisconnect, WebSocketRuntimeError
from lilya.routing import WebSocketPath
from lilya.types import Message
from lilya.websockets import FAREWELL_SECONDS, WebSocket, WebSocketClose, WebSocketState
from tests.support.life import running
from tests.support.wire import CONNECT, Wire, left, text, websocket_scope
from tests.websockets.talking import (
    ACCEPT,
    RECEIVED_ALL,
    Over,
    alone,
    binary,
    both,
    close,
    everywhere,
    served,
)

# -- the client breaks the agreement ------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize(
    ("receive", "message", "code", "reason"),
    [
        (WebSocket.receive_text, binary(b"a"), 1003, "text message expected"),
        (WebSocket.receive_text, both(data=b""), 1003, "text message expected"),
        (WebSocket.receive_bytes, text("a"), 1003, "binary message expected"),
        (WebSocket.receive_bytes, both(""), 1003, "binary message expected"),
        (WebSocket.receive_text, both(), 1003, "text message expected"),
        (WebSocket.receive_json, binary(b"{}"), 1003, "text message expected"),
        (WebSocket.receive_json, text("{"), 1007, "JSON expected"),
        (WebSocket.receive_json, text(""), 1007, "JSON expected"),
        (WebSocket.receive_json, text("[" * 100_000), 1007, "JSON expected"),
        (WebSocket.receive_json, text("9" * 5000), 1007, "JSON expected"),
        (lambda websocket: websocket.receive_json("binary"), binary(b"\xff"), 1007, "JSON expected"),
        (lambda websocket: websocket.receive_json("binary"), text("{}"), 1003, "binary message expected"),
    ],
)
async def test_a_message_that_is_not_what_was_agreed_closes_the_websocket(
    talk_over: Over, receive: Any, message: Message, code: int, reason: str
) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await receive(websocket)
        assert (caught.value.code, caught.value.reason) == (code, reason)
        assert websocket.application_state is WebSocketState.DISCONNECTED
        with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
            await receive(websocket)
        await websocket.close()  # nothing more to do

    assert (await talk_over(talk, message)).sent == [ACCEPT, close(code, reason)]


@everywhere
async def test_a_loop_ends_at_such_a_message_too(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        assert [message async for message in websocket.iter_text()] == ["a"]

    assert (await talk_over(talk, text("a"), binary(b"b"), text("c"))).sent == [
        ACCEPT,
        close(1003, "text message expected"),
    ]


# -- closing ------------------------------------------------------------------------------------------------------


@everywhere
async def test_closing_says_code_and_reason(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4000, "enough")

    assert (await talk_over(talk)).sent == [ACCEPT, close(4000, "enough")]


@everywhere
async def test_closing_before_accept_refuses_the_handshake(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.close(4003)

    assert (await talk_over(talk)).sent == [close(4003)]


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        (None, ""),
        ("x" * 123, "x" * 123),
        ("x" * 124, "x" * 123),
        ("ü" * 61 + "x", "ü" * 61 + "x"),
        ("ü" * 62, "ü" * 61),
        ("x" + "☃" * 41, "x" + "☃" * 40),
        ("😀" * 31, "😀" * 30),
        ("a\ud800b", "a?b"),  # a lone surrogate cannot be sent
    ],
)
async def test_a_reason_is_cut_to_what_a_close_frame_carries_at_a_character(reason: str | None, sent: str) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(1000, reason)

    assert (await alone(talk)).sent[1] == close(1000, sent)
    wire = Wire(CONNECT)
    await WebSocketClose(4000, reason)(websocket_scope(), wire.receive, wire.send)
    assert wire.sent == [close(4000, sent)]
    assert len(sent.encode()) <= 123


async def test_websocket_close_is_an_app_of_its_own() -> None:
    wire = Wire(CONNECT)
    app = Lilya(routes=[WebSocketPath("/", WebSocketClose(4001, "no"))])
    await app(websocket_scope(), wire.receive, wire.send)
    assert wire.sent == [close(4001, "no")]
    assert WebSocketClose().code == 1000


async def test_a_handler_that_returns_closes_with_1000_if_it_has_not_closed() -> None:
    async def accepts(websocket: WebSocket) -> None:
        await websocket.accept()

    async def nothing(websocket: WebSocket) -> None: ...

    assert (await served(accepts)).sent == [ACCEPT, close()]
    assert (await served(nothing)).sent == [close()]


async def test_a_handler_that_raises_a_disconnect_of_something_else_closes_too() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketDisconnect(1006)  # of another websocket, to another server

    assert (await served(talk)).sent == [ACCEPT, close()]


async def test_a_handler_that_fails_closes_with_1011_and_tells_the_client_nothing() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ZeroDivisionError("a secret")

    async def handler(websocket: WebSocket) -> None:
        await talk(websocket)

    wire = Wire(CONNECT)
    with pytest.raises(ZeroDivisionError, match="a secret"):
        await Lilya(routes=[WebSocketPath("/", handler)])(websocket_scope(), wire.receive, wire.send)
    assert wire.sent[-1]["code"] == 1011
    assert "secret" not in json.dumps(wire.sent[-1])


async def test_clean_up_runs_when_the_websocket_is_over_the_last_added_first() -> None:
    log: list[str] = []

    async def later() -> None:
        await anyio.sleep(0.1)
        log.append("async")

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        websocket.add_cleanup(lambda: log.append("first added"))
        websocket.add_cleanup(later)
        await websocket.receive_text()

    await served(talk, left())
    assert log == ["async", "first added"]


# -- several at once ----------------------------------------------------------------------------------------------


@everywhere
async def test_ten_tasks_may_send_at_once_and_each_message_is_whole(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

        async def send(n: int) -> None:
            for m in range(10):
                await websocket.send_text(f"{n}/{m}")

        async with anyio.create_task_group() as group:
            for n in range(10):
                group.start_soon(send, n)

    sent = [message["text"] for message in (await talk_over(talk)).sent if message["type"] == "websocket.send"]
    assert sorted(sent) == sorted(f"{n}/{m}" for n in range(10) for m in range(10))
    for n in range(10):
        assert [each for each in sent if each.startswith(f"{n}/")] == [f"{n}/{m}" for m in range(10)]


@everywhere
async def test_two_tasks_may_receive_at_once_and_each_message_goes_to_one(talk_over: Over) -> None:
    got: list[str] = []

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

        async def receive() -> None:
            async for message in websocket.iter_text():
                got.append(message)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(receive)
            group.start_soon(receive)

    wire = await talk_over(talk, *(text(str(n)) for n in range(20)), left())
    assert sorted(map(int, got)) == list(range(20))
    assert wire.most_readers == 1


async def test_two_tasks_told_at_once_end_the_handler_quietly() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        async with anyio.create_task_group() as group:
            group.start_soon(websocket.receive_text)
            group.start_soon(websocket.receive_bytes)

    assert (await served(talk, left())).sent == [ACCEPT]


@everywhere
async def test_a_cancelled_receive_loses_nothing(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with anyio.move_on_after(1) as scope:
            await websocket.receive_text()
        assert scope.cancelled_caught
        await websocket.send_text("ask")
        assert await websocket.receive_text() == "a"
        assert await websocket.receive_text() == "b"

    wire = Wire(CONNECT)

    async def client(message: Message) -> None:
        await wire.send(message)
        if message.get("text") == "ask":
            wire.put(text("a"), text("b"), left())

    if talk_over is alone:
        await talk(WebSocket(websocket_scope(), wire.receive, client))
    else:

        async def handler(websocket: WebSocket) -> None:
            await talk(websocket)

        app = Lilya(routes=[WebSocketPath("/", handler)])
        async with running(app):
            await app(websocket_scope(), wire.receive, client)


# -- the end, as the client makes it ------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (left(4000, "bye"), 4000, "bye"),
        ({"type": "websocket.disconnect", "code": 1001}, 1001, ""),
        ({"type": "websocket.disconnect", "code": 1000, "reason": None}, 1000, ""),
        ({"type": "websocket.disconnect"}, 1005, ""),
        ({"type": "websocket.disconnect", "code": None}, 1005, ""),
    ],
)
async def test_a_waiting_receive_is_told_with_code_and_reason_and_so_is_every_later_one(
    talk_over: Over, message: Message, code: int, reason: str
) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive_text()
        assert (caught.value.code, caught.value.reason) == (code, reason)
        assert isinstance(caught.value, ClientDisconnect)
        for receive in (websocket.receive_text, websocket.receive_bytes, websocket.receive_json, websocket.receive):
            with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
                await receive()

    await talk_over(talk, message)


@everywhere
async def test_a_send_after_the_disconnect_says_that_the_client_is_gone_and_closing_does_nothing(
    talk_over: Over,
) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive_text()
        sends: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: websocket.send_text("a"),
            lambda: websocket.send_bytes(b"a"),
            lambda: websocket.send_json({}),
            lambda: websocket.send({"type": "websocket.send", "text": "a"}),
        )
        for send in sends:
            with pytest.raises(WebSocketDisconnect) as caught:
                await send()
            assert (caught.value.code, caught.value.reason) == (4000, "bye")
        await websocket.close()
        await websocket.close()

    assert (await talk_over(talk, left(4000, "bye"))).sent == [ACCEPT]


@everywhere
async def test_a_send_that_breaks_says_that_the_client_is_lost(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        sends: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: websocket.send_text("a"),
            lambda: websocket.send_bytes(b"a"),
            lambda: websocket.send({"type": "websocket.send", "text": "a"}),
        )
        for send in sends:
            with pytest.raises(WebSocketDisconnect) as caught:
                await send()
            assert caught.value.code == 1006
        await websocket.close()

    def fail(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise anyio.BrokenResourceError

    wire = Wire(CONNECT)
    wire.fail = fail
    if talk_over is alone:
        await talk(WebSocket(websocket_scope(), wire.receive, wire.send))
    else:

        async def handler(websocket: WebSocket) -> None:
            await talk(websocket)

        await Lilya(routes=[WebSocketPath("/", handler)])(websocket_scope(), wire.receive, wire.send)
    assert wire.sent == [ACCEPT]


@pytest.mark.parametrize(("seconds", "said"), [(0.5, [close(1012)]), (5, [])])
async def test_a_goodbye_is_said_also_by_who_is_cancelled_but_not_for_ever(seconds: float, said: list[Message]) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        if message["type"] == "websocket.close":
            await anyio.sleep(seconds)  # as servers do, before the frame is out
        sent.append(message)

    async def talk(websocket: WebSocket, task_group: TaskGroup) -> None:
        await websocket.accept()
        task_group.cancel_scope.cancel()
        await websocket.close(1012)

    wire = Wire(CONNECT)
    app = Lilya(routes=[WebSocketPath("/", talk)])
    before = anyio.current_time()
    async with running(app):
        await app(websocket_scope(), wire.receive, send)
    assert sent == [ACCEPT, *said]
    assert anyio.current_time() - before <= FAREWELL_SECONDS


async def test_a_close_that_breaks_is_a_close_all_the_same() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    async def handler(websocket: WebSocket) -> None:
        await talk(websocket)

    def fail(message: Message) -> None:
        if message["type"] == "websocket.close":
            raise ConnectionResetError

    wire = Wire(CONNECT)
    wire.fail = fail
    await talk(WebSocket(websocket_scope(), wire.receive, wire.send))
    wire = Wire(CONNECT)
    wire.fail = fail
    await Lilya(routes=[WebSocketPath("/", handler)])(websocket_scope(), wire.receive, wire.send)


async def test_another_error_of_a_send_is_that_error() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(ZeroDivisionError):
            await websocket.send_text("a")

    def fail(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise ZeroDivisionError

    wire = Wire(CONNECT)
    wire.fail = fail
    await talk(WebSocket(websocket_scope(), wire.receive, wire.send))


@everywhere
async def test_accepting_a_client_that_has_left_already_says_so(talk_over: Over) -> None:
    async def talk(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.accept()
        assert caught.value.code == 1006

    wire = Wire({"type": "websocket.disconnect", "code": 1006})
    if talk_over is alone:
        await talk(WebSocket(websocket_scope(), wire.receive, wire.send))
    else:

        async def handler(websocket: WebSocket) -> None:
            await talk(websocket)

        await Lilya(routes=[WebSocketPath("/", handler, on_disconnect="ignore")])(
            websocket_scope(), wire.receive, wire.send
        )
    assert wire.sent == []


async def test_a_websocket_used_alone_has_nobody_who_watches_it_and_opens_nothing() -> None:
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(RuntimeError, match="nobody watches"):
            with websocket.cancel_on_disconnect():
                raise AssertionError("the block began")

    await alone(talk)
