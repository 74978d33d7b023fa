"""`ServerErrorMiddleware` answers with 500 and raises on: in an application of ours, and around anybody's app."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.routing import Route

from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect, NotFound
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.middleware.server_error import ServerErrorMiddleware
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText
from lilya.routing import Path
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, fail_talk
from tests.support.wire import http_scope, request

DENIALS: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}


class Broken(Exception):
    """What the tests raise."""


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """An app of no framework."""
    secret_word = "swordfish"
    raise Broken(len(secret_word))


async def sorry(request: Request, exc: Exception) -> JSONResponse:
    return JSONResponse({"sorry": str(exc), "path": request.url.path}, status_code=500)


def blocking_sorry(request: Request, exc: Exception) -> JSONResponse:
    return JSONResponse({"sorry": str(exc), "path": request.url.path}, status_code=500)


def accepting(accept: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"example.org"), (b"accept", accept.encode())]


async def test_an_exception_is_answered_with_500_and_raised_on() -> None:
    answer = await fail(ServerErrorMiddleware(broken))
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert isinstance(answer.error, Broken)


async def test_who_prefers_problem_details_gets_them() -> None:
    answer = await fail(ServerErrorMiddleware(broken), headers=accepting("application/problem+json"))
    assert answer.json["status"] == 500


@pytest.mark.parametrize("handler", [sorry, blocking_sorry])
async def test_a_handler_makes_the_answer(handler: Any) -> None:
    answer = await fail(ServerErrorMiddleware(broken, handler), "/x")
    assert (answer.status, answer.json) == (500, {"sorry": "9", "path": "/x"})
    assert isinstance(answer.error, Broken)


@pytest.mark.parametrize("handler", [None, sorry])
async def test_with_debug_the_answer_is_a_page_or_text(handler: Any) -> None:
    app = ServerErrorMiddleware(broken, handler, debug=True)
    page = await fail(app, headers=accepting("text/html"))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Broken</h1>" in page.text
    assert "swordfish" not in page.text.replace("&quot;swordfish&quot;", "")  # but in the source
    text = await fail(app, headers=accepting("*/*"))
    assert text.text.startswith("Traceback (most recent call last)")
    assert text.text.endswith("GET / HTTP/1.1\n")


async def test_a_group_with_one_exception_is_that_exception() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ExceptionGroup("", [Broken("inner")])

    answer = await fail(ServerErrorMiddleware(app, sorry))
    assert answer.json["sorry"] == "inner"
    assert isinstance(answer.error, Broken)


async def test_once_the_response_has_started_nothing_is_sent_and_the_handler_is_still_called() -> None:
    called: list[Exception] = []

    async def begun(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Broken

    async def handler(request: Request, exc: Exception) -> PlainText:
        called.append(exc)
        return PlainText("late", status_code=500)

    answer = await fail(ServerErrorMiddleware(begun, handler))
    assert answer.types == ["http.response.start"]
    assert called == [answer.error]
    answer = await fail(ServerErrorMiddleware(begun, debug=True))
    assert answer.types == ["http.response.start"]


async def test_a_handler_that_fails_is_what_the_server_hears_of() -> None:
    async def handler(request: Request, exc: Exception) -> None:
        raise KeyError("in the handler")

    answer = await fail(ServerErrorMiddleware(broken, handler))
    assert isinstance(answer.error, KeyError)
    assert isinstance(answer.error.__context__, Broken)


async def test_a_client_that_left_is_nobodys_to_answer() -> None:
    async def left(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    answer = await fail(ServerErrorMiddleware(left, sorry))
    assert answer.sent == []


async def test_a_client_that_leaves_while_it_is_answered_ends_it_quietly() -> None:
    def gone(message: Any) -> None:
        raise OSError("gone")

    wire = Answer(request())
    wire.fail = gone
    with pytest.raises(Broken):
        await ServerErrorMiddleware(broken)(http_scope(), wire.receive, wire.send)
    assert wire.sent == []


async def test_a_response_of_the_app_passes_as_it_is() -> None:
    answer = await call(ServerErrorMiddleware(PlainText("fine"), sorry))
    assert (answer.status, answer.text) == (200, "fine")


async def test_cancellation_passes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(1) as scope:
        await call(ServerErrorMiddleware(app, sorry))
    assert scope.cancelled_caught


async def test_a_lifespan_passes_untouched() -> None:
    async def nothing(*args: Any) -> Any:
        raise AssertionError

    with pytest.raises(Broken):
        await ServerErrorMiddleware(broken, sorry)({"type": "lifespan"}, nothing, nothing)


# -- websockets -------------------------------------------------------------------------------------------------------


async def test_an_open_websocket_is_closed_with_1011_and_told_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await WebSocket(scope, receive, send).accept()
        raise Broken("secret")

    answer = await fail_talk(ServerErrorMiddleware(app, debug=True))
    assert answer.closed == (1011, "internal error")


async def test_a_handshake_is_refused_with_500() -> None:
    assert (await fail_talk(ServerErrorMiddleware(broken), **DENIALS)).status == 500
    assert (await fail_talk(ServerErrorMiddleware(broken))).closed == (1000, "")


async def test_of_a_websocket_that_is_over_nothing_is_told() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.close(4000, "over")
        raise Broken

    assert (await fail_talk(ServerErrorMiddleware(app))).closed == (4000, "over")


# -- where it stands --------------------------------------------------------------------------------------------------


class Layer:
    """A middleware that fails."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise Broken("layer")


async def test_in_an_application_it_answers_before_that_does() -> None:
    async def home() -> str:
        raise AssertionError

    app = Lilya(
        debug=True,
        routes=[Path("/", home)],
        middleware=[lambda app: ServerErrorMiddleware(app, sorry), Layer],
    )
    answer = await fail(app)
    assert answer.json["sorry"] == "layer"
    assert isinstance(answer.error, Broken)


async def test_around_an_application_it_answers_what_that_lets_through() -> None:
    async def home() -> str:
        raise Broken("home")

    answer = await fail(ServerErrorMiddleware(Lilya(routes=[Path("/", home)]), sorry))
    assert answer.json["sorry"] == "home"


async def test_both_layers_work_in_starlette() -> None:
    async def home(request: StarletteRequest) -> None:
        if "lost" in request.query_params:
            raise NotFound
        raise Broken("home")

    layers: list[Any] = [Middleware(ServerErrorMiddleware, debug=True), Middleware(ExceptionMiddleware)]
    app = Starlette(routes=[Route("/", home)], middleware=layers)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://example.org") as client:
        lost = await client.get("/?lost=1")
        assert (lost.status_code, lost.text) == (404, "The resource cannot be found.")
        page = await client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 500
        assert "Broken</h1>" in page.text
        assert "What else is going on" not in page.text
