"""`ExceptionMiddleware` answers what the app inside raises: in an application of ours, and around anybody's app."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect, HTTPException, NotFound, WebSocketException
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText
from lilya.routing import Path
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, fail_talk, talk

DENIALS: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}


class Broken(Exception):
    """What the tests raise."""


def raising(exc: BaseException) -> ASGIApp:
    """An app of no framework."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise exc

    return app


def around(exc: BaseException, handlers: ExceptionHandlers | None = None) -> ExceptionMiddleware:
    return ExceptionMiddleware(raising(exc), handlers)


async def teapot(request: Request, exc: Exception) -> PlainText:
    return PlainText(f"{type(exc).__name__} at {request.url.path}", status_code=418)


def blocking_teapot(request: Request, exc: Exception) -> PlainText:
    return PlainText(f"{type(exc).__name__} at {request.url.path}", status_code=418)


async def test_an_http_exception_is_answered_as_it_says() -> None:
    answer = await call(around(HTTPException(status_code=403, detail="no", headers={"x": "1"})))
    assert (answer.status, answer.text, answer.headers["x"]) == (403, "no", "1")
    answer = await call(around(NotFound()), headers=[(b"accept", b"application/problem+json")])
    assert answer.json["title"] == "Not Found"


@pytest.mark.parametrize("handler", [teapot, blocking_teapot])
@pytest.mark.parametrize("key", [Broken, Exception])
async def test_a_class_finds_its_handler(key: type[Exception], handler: Any) -> None:
    answer = await call(around(Broken(), {key: handler}), "/x")
    assert (answer.status, answer.text) == (418, "Broken at /x")


async def test_a_status_comes_before_a_class() -> None:
    async def by_status(request: Request, exc: Exception) -> JSONResponse:
        return JSONResponse("by status", status_code=404)

    assert (await call(around(NotFound(), {HTTPException: teapot, 404: by_status}))).json == "by status"


async def test_a_handler_may_be_added_later() -> None:
    app = around(Broken())
    assert app.handlers == {}
    app.add_exception_handler(Broken, teapot)
    assert (await call(app)).status == 418


async def test_what_nobody_handles_is_raised_as_it_is() -> None:
    error = Broken("unhandled")
    answer = await fail(around(error, {KeyError: teapot}))
    assert answer.error is error
    assert answer.sent == []


async def test_a_group_with_one_exception_is_that_exception() -> None:
    assert (await call(around(ExceptionGroup("", [Broken()]), {Broken: teapot}))).text == "Broken at /"


async def test_too_late_a_handler_is_called_and_the_exception_goes_on() -> None:
    called: list[Exception] = []

    async def begun(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Broken

    async def handler(request: Request, exc: Exception) -> PlainText:
        called.append(exc)
        return PlainText("late", status_code=500)

    answer = await fail(ExceptionMiddleware(begun, {Broken: handler}))
    assert answer.types == ["http.response.start"]
    assert called == [answer.error]


async def test_a_client_that_left_is_nobodys_to_answer() -> None:
    with pytest.raises(ClientDisconnect):
        await call(around(ClientDisconnect(), {Exception: teapot}))


async def test_a_response_of_the_app_passes_as_it_is() -> None:
    answer = await call(ExceptionMiddleware(PlainText("fine"), {Exception: teapot}))
    assert (answer.status, answer.text) == (200, "fine")


async def test_cancellation_passes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(1) as scope:
        await call(ExceptionMiddleware(app, {Exception: teapot}))
    assert scope.cancelled_caught


async def test_a_lifespan_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*args: Any) -> Any:
        raise AssertionError

    await ExceptionMiddleware(app)({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"]


# -- websockets -------------------------------------------------------------------------------------------------------


async def test_a_websocket_exception_closes_with_its_code() -> None:
    assert (await talk(around(WebSocketException(4001, "go away")))).closed == (4001, "go away")


async def test_an_http_exception_refuses_a_handshake() -> None:
    assert (await talk(around(HTTPException(status_code=403)), **DENIALS)).status == 403


async def test_a_handler_may_answer_on_a_websocket() -> None:
    async def handler(websocket: WebSocket, exc: Exception) -> None:
        await websocket.accept()
        await websocket.close(4002, "handled")

    assert (await talk(around(Broken(), {Broken: handler}))).closed == (4002, "handled")


async def test_what_nobody_handles_on_a_websocket_is_raised() -> None:
    assert isinstance((await fail_talk(around(Broken()))).error, Broken)


# -- where it stands --------------------------------------------------------------------------------------------------


class Outer:
    """A middleware of the application: what it raises nobody but a layer outside of it sees."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise Broken


async def test_in_an_application_it_answers_what_middleware_inside_of_it_raises() -> None:
    async def home() -> str:
        raise AssertionError

    app = Lilya(
        routes=[Path("/", home)],
        middleware=[lambda app: ExceptionMiddleware(app, {Broken: teapot}), Outer],
    )
    assert (await call(app)).text == "Broken at /"


async def test_around_an_application_it_answers_what_that_lets_through() -> None:
    async def home() -> str:
        raise Broken

    answer: Answer = await call(ExceptionMiddleware(Outer(Lilya(routes=[Path("/", home)])), {Broken: teapot}))
    assert answer.text == "Broken at /"


def test_debug_is_kept() -> None:
    assert ExceptionMiddleware(raising(Broken()), debug=True).debug
    assert not ExceptionMiddleware(raising(Broken())).debug
