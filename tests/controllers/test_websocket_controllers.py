"""A websocket's controller is told of all that happens to it, and in the end that it is over, however that came."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import anyio
import pytest

from lilya._asgi.exchange import CLEANUP_SECONDS
from lilya.apps import Lilya
from lilya.controllers import WebSocketController
from lilya.exceptions import ImproperlyConfigured, PermissionDenied, WebSocketException, WebSocketRuntimeError
from lilya.routing import Path, Router, WebSocketPath
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail_talk
from tests.support.life import running
from tests.support.wire import CONNECT, left, text, websocket_scope


class Logged(WebSocketController):
    """Notes what happens on the connection's own scope."""

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        websocket.scope["log"].append(data)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        websocket.scope["log"].append(close_code)


def data(raw: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": raw}


async def converse(app: ASGIApp, *messages: Message) -> tuple[list[Any], Answer]:
    """Open a websocket, send messages one by one, and see what was noted; raises what the app raises."""
    log: list[Any] = []
    wire = Answer(CONNECT)

    async def serve() -> None:
        await app(websocket_scope("/", log=log), wire.receive, wire.send)

    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        for message in messages:
            await anyio.sleep(1)
            wire.put(message)
    return log, wire


def serve(controller: type[WebSocketController], **options: Any) -> Lilya:
    return Lilya(routes=[WebSocketPath("/", controller, **options)])


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_by_default_it_accepts_and_takes_messages_as_they_come() -> None:
    log, wire = await converse(serve(Logged), text("a"), data(b"b"), text(""), left(4000))
    assert log == ["a", b"b", "", 4000]
    assert wire.types == ["websocket.accept"]


@pytest.mark.parametrize(
    ("encoding", "message", "received"),
    [
        ("text", text("a"), "a"),
        ("bytes", data(b"a"), b"a"),
        ("json", text('{"a": 1}'), {"a": 1}),
        ("json", data(b"[1]"), [1]),
    ],
)
async def test_messages_come_as_its_encoding_says(encoding: Any, message: Message, received: Any) -> None:
    controller = type("Encoded", (Logged,), {"encoding": encoding})
    assert (await converse(serve(controller), message, left(1000)))[0] == [received, 1000]


@pytest.mark.parametrize(
    ("encoding", "message", "complaint", "code"),
    [
        ("text", data(b"a"), "Expected text messages, but got bytes", 1003),
        ("bytes", text("a"), "Expected bytes messages, but got text", 1003),
        ("json", text("{"), "Malformed JSON data received.", 1007),
        ("json", data(b"\xff"), "Malformed JSON data received.", 1007),
        ("json", text(""), "Malformed JSON data received.", 1007),
        ("json", text("[" * 100_000), "Malformed JSON data received.", 1007),
        ("json", {"type": "websocket.receive"}, "Malformed JSON data received.", 1007),
    ],
)
async def test_a_message_of_another_kind_closes_it(encoding: Any, message: Message, complaint: str, code: int) -> None:
    log: list[Any] = []
    controller = type("Encoded", (Logged,), {"encoding": encoding})
    answer = await fail_talk(serve(controller), "/", message, log=log)
    assert isinstance(answer.error, RuntimeError)
    assert str(answer.error) == complaint
    assert answer.closed[0] == code
    assert log == [1011]


async def test_it_answers_through_the_websocket_it_is_given() -> None:
    class Echo(WebSocketController):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.send_text(f"{websocket.path_params['room']}: {data}")

    app = Lilya(routes=[WebSocketPath("/{room}", Echo)])
    wire = Answer(CONNECT, text("hi"))
    async with anyio.create_task_group() as group:
        group.start_soon(app, websocket_scope("/lobby"), wire.receive, wire.send)
        await anyio.sleep(1)
        wire.put(left())
    assert wire.sent[1]["text"] == "lobby: hi"


async def test_every_connection_has_an_instance_of_its_own() -> None:
    class Counting(Logged):
        def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
            super().__init__(scope, receive, send)
            self.seen = 0

        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            self.seen += 1
            self.scope["log"].append(self.seen)

    app = serve(Counting, middleware=[Passing], permissions=[Passing])
    assert (await converse(app, text("a"), text("b"), left(1000)))[0] == [1, 2, 1000]
    assert (await converse(app, text("a"), left(1000)))[0] == [1, 1000]


# -- connecting --------------------------------------------------------------------------------------------------------


async def test_a_handshake_it_refuses_is_over_and_nothing_was_disconnected() -> None:
    class Refusing(Logged):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.close(4001)

    log, wire = await converse(serve(Refusing))
    assert (log, wire.closed[0], wire.types) == ([], 4001, ["websocket.close"])


async def test_it_may_accept_and_close_at_once_so_that_a_browser_learns_the_code() -> None:
    class Refusing(Logged):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close(4001, "not you")

    log, wire = await converse(serve(Refusing))
    assert (log, wire.closed) == ([4001], (4001, "not you"))


async def test_a_handshake_it_leaves_open_is_an_error_that_says_what_to_do() -> None:
    class Undecided(Logged):
        async def on_connect(self, websocket: WebSocket) -> None:
            pass

    answer = await fail_talk(serve(Undecided), log=[])
    assert isinstance(answer.error, WebSocketRuntimeError)
    assert "Undecided.on_connect has neither accepted the websocket nor closed it" in str(answer.error)


async def test_a_client_that_leaves_before_it_is_accepted_ends_it_quietly() -> None:
    log: list[Any] = []
    wire = Answer(left(1006))
    await serve(Logged)(websocket_scope(log=log), wire.receive, wire.send)
    assert log == []


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_when_it_closes_itself_it_is_over_with_that_code() -> None:
    class Closing(Logged):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.close(4002, "enough")

    log, wire = await converse(serve(Closing), text("a"))
    assert (log, wire.closed) == ([4002], (4002, "enough"))


async def test_a_disconnect_without_a_code_is_1005() -> None:
    assert (await converse(serve(Logged), {"type": "websocket.disconnect"}))[0] == [1005]


class Failing(Logged):
    """Raises what is set on the class."""

    error: ClassVar[Exception] = KeyError("a bug")

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        raise self.error


async def test_an_exception_reaches_the_server_after_it_was_told_1011_and_closes_with_that() -> None:
    log: list[Any] = []
    answer = await fail_talk(serve(Failing), "/", text("a"), log=log)
    assert isinstance(answer.error, KeyError)
    assert log == [1011]
    assert answer.closed == (1011, "internal error")


async def test_an_exception_in_a_nursery_of_its_own_comes_plain() -> None:
    class Nursing(Logged):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(self.fail)
                await anyio.sleep_forever()

        async def fail(self) -> None:
            raise KeyError("a bug")

    log: list[Any] = []
    assert isinstance((await fail_talk(serve(Nursing), "/", text("a"), log=log)).error, KeyError)
    assert log == [1011]


async def test_a_disconnect_out_of_a_nursery_of_its_own_is_the_end_and_no_error() -> None:
    class Nursing(Logged):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            async with anyio.create_task_group() as group:
                group.start_soon(websocket.receive_text)
                group.start_soon(websocket.receive_text)

    assert (await converse(serve(Nursing), left(4003)))[0] == [4003]


async def test_a_websocket_exception_closes_with_its_code() -> None:
    controller = type("Stopping", (Failing,), {"error": WebSocketException(4004, "stop")})
    log, wire = await converse(serve(controller), text("a"))
    assert (log, wire.closed) == ([4004], (4004, "stop"))


async def test_exception_handlers_of_the_class_are_asked() -> None:
    async def handle(websocket: WebSocket, exc: Exception) -> None:
        await websocket.close(4005, "handled")

    controller = type("Handling", (Failing,), {"exception_handlers": {KeyError: handle}})
    log, wire = await converse(serve(controller), text("a"))
    assert (log, wire.closed) == ([1011], (4005, "handled"))


async def test_a_client_that_leaves_cancels_a_hook_at_work_and_it_is_told_the_code() -> None:
    class Busy(Logged):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            try:
                await anyio.sleep(100)
            finally:
                self.scope["log"].append("cut")

    app = serve(Busy)
    async with running(app):
        assert (await converse(app, text("a"), left(4006)))[0] == ["cut", 4006]


async def test_unless_it_is_to_run_on() -> None:
    class Busy(Logged):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await anyio.sleep(100)
            self.scope["log"].append("whole")

    app = serve(Busy, on_disconnect="ignore")
    async with running(app):
        assert (await converse(app, text("a"), left(4007)))[0] == ["whole", 4007]


async def test_sending_to_a_client_that_is_gone_is_the_end_and_no_error() -> None:
    class Sending(Logged):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await anyio.sleep(5)
            await websocket.send_text("still there?")

    app = serve(Sending, on_disconnect="ignore")
    async with running(app):
        assert (await converse(app, text("a"), left(4008)))[0] == [4008]


async def test_when_the_server_stops_it_is_told_1001_and_may_await() -> None:
    class Waiting(Logged):
        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            await anyio.sleep(1)
            websocket.scope["log"].append(close_code)

    log: list[Any] = []
    wire = Answer(CONNECT)
    with anyio.move_on_after(3):
        await serve(Waiting)(websocket_scope("/", log=log), wire.receive, wire.send)
    assert log == [1001]


async def test_a_goodbye_that_takes_too_long_is_cut_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Logged):
        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            await anyio.sleep(CLEANUP_SECONDS + 1)
            websocket.scope["log"].append(close_code)

    with caplog.at_level(logging.ERROR, "lilya.controllers"):
        assert (await converse(serve(Slow), left(1000)))[0] == []
    assert caplog.messages == [f"Slow.on_disconnect took more than {CLEANUP_SECONDS} s and was cut"]


# -- used alone --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "app", [Logged, Router([WebSocketPath("/", Logged)]), WebSocketPath("/", Logged)], ids=["class", "router", "path"]
)
async def test_it_works_outside_of_an_application(app: Any) -> None:
    assert (await converse(app, text("a"), left(4000)))[0] == ["a", 4000]


async def test_it_may_be_awaited_inside_one_by_hand() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Logged(scope, receive, send)

    class ASGI:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)

    assert (await converse(Lilya(routes=[WebSocketPath("/", ASGI())]), text("a"), left(4000)))[0] == ["a", 4000]


# -- layers ------------------------------------------------------------------------------------------------------------


class Passing:
    """A plain ASGI layer, which does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Denying(Passing):
    """A permission nobody has."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise PermissionDenied


async def test_its_permissions_guard_it() -> None:
    controller = type("Guarded", (Logged,), {"permissions": [Denying], "middleware": [Passing]})
    log, wire = await converse(serve(controller))
    assert (log, wire.types) == ([], ["websocket.close"])


# -- refused when the class, or the app, is built ----------------------------------------------------------------------


def test_an_encoding_nobody_knows_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Odd\.encoding is 'text', 'bytes', 'json' or None, not 'yaml'"):
        type("Odd", (WebSocketController,), {"encoding": "yaml"})


@pytest.mark.parametrize("name", ["on_connect", "on_receive", "on_disconnect"])
def test_a_sync_hook_is_refused(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"Blocking\.{name} must be async"):
        type("Blocking", (WebSocketController,), {name: lambda self, *args: None})


async def test_on_a_path_it_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="Logged is for websockets: give it to WebSocketPath"):
        await call(Lilya(routes=[Path("/", Logged)]))
