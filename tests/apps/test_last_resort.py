"""What nobody handled: answered once by whoever is nearest, and raised to the server, plain."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ContinueRouting, HTTPException
from lilya.requests import Request
from lilya.responses import PlainText, Response
from lilya.routing import Include, Path, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, fail_talk
from tests.support.life import running
from tests.support.wire import GONE, http_scope, request

LIFESPANS = pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])


class NurseryLayer:
    """What is raised inside, it raises in a group."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(self.run, scope, receive, send)

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def broken() -> None:
    raise ValueError("v")


def alive(app: Lilya, lifespan: bool) -> Any:
    return running(app) if lifespan else nullcontext()


def answering(word: str) -> Any:
    async def handler(request: Request, exc: Exception) -> PlainText:
        return PlainText(f"{word}: {exc!r}", status_code=500)

    return handler


@LIFESPANS
async def test_an_error_out_of_a_nursery_in_a_middleware_of_the_app_is_plain_for_handler_and_server(
    lifespan: bool,
) -> None:
    app = Lilya(routes=[Path("/", broken)], middleware=[NurseryLayer], exception_handlers={Exception: answering("app")})
    async with alive(app, lifespan):
        answer = await fail(app)
    assert answer.text == "app: ValueError('v')"
    assert isinstance(answer.error, ValueError)


@LIFESPANS
async def test_several_errors_out_of_a_nursery_reach_handler_and_server_together(lifespan: bool) -> None:
    class Both(NurseryLayer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async with anyio.create_task_group() as nursery:
                nursery.start_soon(self.run, scope, receive, send)
                nursery.start_soon(self.also)

        async def also(self) -> None:
            await anyio.lowlevel.checkpoint()
            raise KeyError("k")

    async def slow() -> None:
        try:
            await anyio.sleep(10)
        finally:
            raise ValueError("v")

    app = Lilya(routes=[Path("/", slow)], middleware=[Both])
    async with alive(app, lifespan):
        answer = await fail(app)
    assert answer.status == 500
    assert isinstance(answer.error, ExceptionGroup)
    assert answer.error.subgroup(ValueError)
    assert answer.error.subgroup(KeyError)


@LIFESPANS
async def test_a_client_that_leaves_is_quiet_also_inside_a_nursery_of_a_middleware(
    lifespan: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def waits() -> None:
        await anyio.sleep(10)

    app = Lilya(routes=[Path("/", waits)], middleware=[NurseryLayer])
    wire = Answer(GONE)
    with caplog.at_level(logging.INFO):
        async with alive(app, lifespan):
            await app(http_scope(), wire.receive, wire.send)
    assert wire.sent == []
    assert caplog.records == []


async def test_declining_inside_a_nursery_of_a_layer_is_still_declining() -> None:
    async def declines() -> None:
        raise ContinueRouting

    async def second() -> str:
        return "second"

    app = Lilya(routes=[Path("/", declines, middleware=[NurseryLayer]), Path("/", second)])
    assert (await call(app)).json == "second"


# -- applications in applications -------------------------------------------------------------------------------------


async def test_a_child_answers_with_its_own_handlers_first() -> None:
    child = ChildLilya(routes=[Path("/x", broken)], exception_handlers={ValueError: answering("child")})
    app = Lilya(routes=[Include("/child", app=child)], exception_handlers={ValueError: answering("app")})
    assert (await call(app, "/child/x")).text == "child: ValueError('v')"


async def test_what_a_child_does_not_handle_is_its_parents() -> None:
    child = ChildLilya(routes=[Path("/x", broken)], exception_handlers={KeyError: answering("child")})
    app = Lilya(routes=[Include("/child", app=child)], exception_handlers={ValueError: answering("app")})
    assert (await call(app, "/child/x")).text == "app: ValueError('v')"


async def test_a_child_answers_its_own_404_and_405() -> None:
    child = ChildLilya(routes=[Path("/x", broken)], exception_handlers={404: answering("child")})
    app = Lilya(routes=[Include("/child", app=child)], exception_handlers={404: answering("app")})
    assert (await call(app, "/child/none")).text.startswith("child: HTTPException(status_code=404")
    assert (await call(app, "/none")).text.startswith("app: HTTPException(status_code=404")
    assert (await call(app, "/child/x", "POST")).status == 405


async def test_a_handler_of_last_resort_of_a_child_answers_and_the_error_goes_on_to_the_server() -> None:
    child = ChildLilya(routes=[Path("/x", broken)], exception_handlers={Exception: answering("child")})
    app = Lilya(routes=[Include("/child", app=child)])
    answer = await fail(app, "/child/x")
    assert answer.text == "child: ValueError('v')"
    assert isinstance(answer.error, ValueError)


async def test_a_handler_of_last_resort_of_a_child_is_given_a_request_of_the_child() -> None:
    apps: list[Any] = []

    async def handler(request: Request, exc: Exception) -> Response:
        apps.append((request.app, request.scope["root_path"]))
        return Response(status_code=500)

    child = ChildLilya(routes=[Path("/x", broken)], exception_handlers={500: handler})
    await fail(Lilya(routes=[Include("/child", app=child)]), "/child/x")
    assert apps == [(child, "/child")]


async def test_a_handler_of_last_resort_of_a_child_sends_through_the_middleware_above() -> None:
    class Marks:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def marking(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-marked", b"yes"))
                await send(message)

            await self.app(scope, receive, marking)

    child = ChildLilya(routes=[Path("/x", broken)], exception_handlers={500: answering("child")})
    answer = await fail(Lilya(routes=[Include("/child", app=child)], middleware=[Marks]), "/child/x")
    assert answer.headers["x-marked"] == "yes"


async def test_an_error_of_a_child_without_handlers_is_answered_once() -> None:
    app = Lilya(routes=[Include("/child", app=ChildLilya(routes=[Path("/x", broken)]))])
    answer = await fail(app, "/child/x")
    assert answer.types == ["http.response.start", "http.response.body"]
    assert answer.text == "Internal Server Error"


async def test_an_error_on_a_websocket_of_a_child_closes_it_once() -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("secret")

    choices: list[Any] = [{}, {Exception: answering("child")}]
    for handlers in choices:
        child = ChildLilya(routes=[WebSocketPath("/x", socket)], exception_handlers=handlers)
        answer = await fail_talk(Lilya(routes=[Include("/child", app=child)]), "/child/x")
        assert answer.types == ["websocket.accept", "websocket.close"]
        assert answer.closed == (1011, "internal error")


async def test_a_client_that_leaves_a_child_is_nobodys_error() -> None:
    calls: list[Exception] = []

    async def handler(request: Request, exc: Exception) -> None:
        calls.append(exc)

    async def waits() -> None:
        await anyio.sleep(10)

    child = ChildLilya(routes=[Path("/x", waits)], exception_handlers={Exception: handler})
    app = Lilya(routes=[Include("/child", app=child)], exception_handlers={Exception: handler})
    wire = Answer(GONE)
    await app(http_scope("/child/x"), wire.receive, wire.send)
    assert calls == []


async def test_in_another_framework_an_app_keeps_its_own_answers() -> None:
    app = Lilya(routes=[Path("/x", broken)], exception_handlers={404: answering("app")})
    foreign: dict[str, Any] = {"app": object(), "router": object(), "root_path": "/mount"}
    assert (await call(app, "/mount/none", **foreign)).text.startswith("app: HTTPException(status_code=404")
    answer = await fail(app, "/mount/x", **foreign)
    assert (answer.status, type(answer.error)) == (500, ValueError)


async def test_a_client_that_leaves_while_the_last_resort_answers_is_no_second_error() -> None:
    class Broken(Answer):
        async def send(self, message: Any) -> None:
            raise OSError("gone")

    wire = Broken(request())
    with pytest.raises(ValueError, match="v"):
        await Lilya(routes=[Path("/", broken)])(http_scope(), wire.receive, wire.send)


async def test_a_500_is_handled_as_a_status_where_it_is_raised_as_one() -> None:
    async def says_500() -> None:
        raise HTTPException(status_code=500, detail="known")

    app = Lilya(routes=[Path("/", says_500)], exception_handlers={500: answering("app")})
    assert (await call(app)).text.startswith("app: HTTPException(status_code=500")
