"""What is answered, what is too late to answer, and what nobody is there to be answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from lilya.apps import Lilya
from lilya.exceptions import (
    ClientDisconnect,
    HTTPException,
    ImproperlyConfigured,
    NotAuthorized,
    TemplateNotFound,
    ValidationError,
    WebSocketDisconnect,
    WebSocketException,
)
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, Response, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, fail_talk, talk
from tests.support.life import running
from tests.support.wire import CONNECT, GONE, http_scope, left, websocket_scope

DENIALS: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}


def raising(exc: Exception, method: str = "GET") -> Lilya:
    async def handler() -> None:
        raise exc

    return Lilya(routes=[Path("/", handler, methods=[method])])


# -- HTTP exceptions without a handler --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exc", "status", "body"),
    [
        (HTTPException(status_code=404), 404, "Not Found"),
        (HTTPException(status_code=418, detail="I brew"), 418, "I brew"),
        (HTTPException(status_code=799), 799, "Unknown Status"),
        (HTTPException("first argument", status_code=400), 400, "first argument"),
        (NotAuthorized(), 401, "Not Authorized."),
        (NotAuthorized("another text"), 401, "another text"),
        (HTTPException(status_code=204, detail="never sent"), 204, ""),
        (HTTPException(status_code=304), 304, ""),
        (ValidationError({"name": ["required"]}), 400, '{"name":["required"]}'),
        (ValidationError(["a", "b"]), 400, '["a","b"]'),
        (HTTPException(response=PlainText("as it is", status_code=402)), 402, "as it is"),
    ],
)
async def test_an_http_exception_is_answered_with_its_status_and_detail(
    exc: HTTPException, status: int, body: str
) -> None:
    answer = await call(raising(exc))
    assert (answer.status, answer.text) == (status, body)


@pytest.mark.parametrize("fault", [ImproperlyConfigured("secret"), TemplateNotFound(name="secret")])
async def test_a_fault_of_the_application_is_for_the_log_and_not_for_the_client(fault: HTTPException) -> None:
    answer = await fail(raising(fault))
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert answer.error is fault

    async def broken(websocket: WebSocket) -> None:
        await websocket.accept()
        raise fault

    answer = await fail_talk(Lilya(routes=[WebSocketPath("/", broken)]))
    assert answer.closed == (1011, "internal error")


async def test_with_debug_a_fault_of_the_application_is_told_as_any_other_is() -> None:
    app = Lilya(debug=True, routes=[Path("/", raising(ImproperlyConfigured("secret")).routes[0].handler)])  # type: ignore[attr-defined]
    assert "secret" in (await fail(app)).text


async def test_the_headers_of_an_http_exception_are_sent() -> None:
    answer = await call(raising(HTTPException(status_code=401, headers={"WWW-Authenticate": "Basic"})))
    assert answer.headers["www-authenticate"] == "Basic"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_details_with_parts_are_json() -> None:
    answer = await call(raising(ValidationError({"a": 1}, headers={"x-a": "b"})))
    assert (answer.headers["content-type"], answer.headers["x-a"]) == ("application/json", "b")


# -- nobody handles it ------------------------------------------------------------------------------------------------


async def test_what_nobody_handles_is_a_500_and_reaches_the_server_as_it_is() -> None:
    error = ValueError("secret")
    answer = await fail(raising(error))
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert answer.error is error
    assert error.__context__ is None


@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("sync", [False, True])
async def test_the_handler_of_last_resort_answers_and_the_error_still_reaches_the_server(key: Any, sync: bool) -> None:
    async def handler(request: Request, exc: Exception) -> PlainText:
        return PlainText(f"sorry: {exc}", status_code=500)

    def blocking(request: Request, exc: Exception) -> PlainText:
        return PlainText(f"sorry: {exc}", status_code=500)

    app = raising(ValueError("v"))
    app.add_exception_handler(key, blocking if sync else handler)
    answer = await fail(app)
    assert (answer.status, answer.text) == (500, "sorry: v")
    assert isinstance(answer.error, ValueError)


async def test_with_debug_the_answer_is_the_traceback() -> None:
    async def handler() -> None:
        raise ValueError("bad")

    answer = await fail(Lilya(debug=True, routes=[Path("/", handler)]))
    assert answer.status == 500
    assert answer.text.startswith("Traceback (most recent call last)")
    assert "ValueError: bad" in answer.text


async def test_a_handler_of_last_resort_that_fails_itself_is_what_the_server_hears_of() -> None:
    async def handler(request: Request, exc: Exception) -> None:
        raise KeyError("in the handler")

    app = raising(ValueError("v"))
    app.add_exception_handler(Exception, handler)
    answer = await fail(app)
    assert isinstance(answer.error, KeyError)
    assert isinstance(answer.error.__context__, ValueError)


async def test_a_value_that_cannot_be_answered_is_an_error() -> None:
    async def handler() -> object:
        return object()

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert answer.status == 500
    assert "Object of type 'object' is not JSON serializable." in str(answer.error)


# -- too late ---------------------------------------------------------------------------------------------------------


async def breaks_off() -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        yield "a"
        raise ValueError("in the body")

    return StreamingResponse(pieces())


async def sends_twice(request: Request) -> Response:
    await PlainText("whole")(request.scope, request.receive, request.send)
    raise HTTPException(status_code=404)


@pytest.mark.parametrize("level", ["path", "include", "app", "last resort"])
async def test_a_handler_called_too_late_is_called_for_its_side_effects_alone(level: str) -> None:
    calls: list[str] = []

    async def handler(request: Request, exc: Exception) -> PlainText:
        calls.append(f"{type(exc).__name__}: {exc}")
        return PlainText("never sent")

    at: dict[str, Any] = {level: {ValueError: handler}}
    route = Path("/", breaks_off, exception_handlers=at.get("path"))
    app = Lilya(
        routes=[Include("/", routes=[route], exception_handlers=at.get("include"))],
        exception_handlers={Exception: handler} if level == "last resort" else at.get("app"),
    )
    answer = await fail(app)
    assert calls == ["ValueError: in the body"]
    assert answer.types == ["http.response.start", "http.response.body"]
    assert answer.sent[-1]["more_body"]
    assert isinstance(answer.error, ValueError)


async def test_an_http_exception_after_the_response_is_not_answered_but_raised() -> None:
    answer = await fail(Lilya(routes=[Path("/", sends_twice)]))
    assert answer.types == ["http.response.start", "http.response.body"]
    assert isinstance(answer.error, HTTPException)


async def test_a_handler_that_sends_for_itself_has_answered() -> None:
    async def handler(request: Request, exc: Exception) -> None:
        await PlainText("by hand", status_code=418)(request.scope, request.receive, request.send)

    app = raising(ValueError("v"))
    app.add_exception_handler(ValueError, handler)
    assert (await call(app)).text == "by hand"


# -- nobody is there --------------------------------------------------------------------------------------------------


def counting(calls: list[Any]) -> dict[Any, Any]:
    async def handler(connection: Any, exc: Exception) -> PlainText:
        calls.append(exc)
        return PlainText("nobody reads this")

    return {Exception: handler, OSError: handler, ClientDisconnect: handler, WebSocketDisconnect: handler}


async def reads(request: Request) -> bytes:
    return await request.body()


async def sleeps() -> None:
    await anyio.sleep(10)


async def streams_on() -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        while True:
            yield "a"
            await anyio.sleep(1)

    return StreamingResponse(pieces())


async def hears_of_it(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive_text()


async def refuses_to_hear(websocket: WebSocket) -> None:
    await websocket.accept()
    await anyio.sleep(1)
    await websocket.send_text("a")


@pytest.mark.parametrize("lifespan", [True, False], ids=["with lifespan", "without"])
@pytest.mark.parametrize("handler", [reads, sleeps, streams_on])
async def test_no_handler_hears_of_a_client_that_left(
    handler: Any, lifespan: bool, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Any] = []
    route = Path("/", handler, exception_handlers=counting(calls))
    included = Include("/", routes=[route], exception_handlers=counting(calls))
    app = Lilya(routes=[included], exception_handlers=counting(calls))
    wire = Answer(GONE)
    with caplog.at_level(logging.WARNING), anyio.fail_after(60):
        if lifespan:
            async with running(app):
                await app(http_scope(), wire.receive, wire.send)
        else:
            await app(http_scope(), wire.receive, wire.send)
    assert calls == []
    assert caplog.records == []


@pytest.mark.parametrize("handler", [hears_of_it, refuses_to_hear])
async def test_no_handler_hears_of_a_websocket_whose_client_left(handler: Any) -> None:
    calls: list[Any] = []
    route = WebSocketPath("/", handler, exception_handlers=counting(calls))
    await talk(Lilya(routes=[route], exception_handlers=counting(calls)), "/", left())
    assert calls == []


# -- websockets -------------------------------------------------------------------------------------------------------


def socket(exc: Exception | None, accept: bool = False, **options: Any) -> Lilya:
    """An application whose websocket raises `exc`."""

    async def handler(websocket: WebSocket) -> None:
        if accept:
            await websocket.accept()
        if exc is not None:
            raise exc

    return Lilya(routes=[WebSocketPath("/", handler)], **options)


async def test_an_http_exception_before_accept_is_the_denial_response() -> None:
    answer = await talk(socket(HTTPException(status_code=403, detail="no")), **DENIALS)
    assert answer.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert (answer.status, answer.text) == (403, "no")


async def test_where_no_denial_response_can_be_sent_the_handshake_is_closed() -> None:
    answer = await talk(socket(HTTPException(status_code=403, detail="no")))
    assert answer.types == ["websocket.close"]


@pytest.mark.parametrize(("status", "code"), [(403, 1008), (404, 1008), (500, 1011), (503, 1011)])
async def test_an_http_exception_after_accept_closes_as_whose_fault_it_is(status: int, code: int) -> None:
    answer = await talk(socket(HTTPException(status_code=status, detail="why"), accept=True))
    assert answer.closed == (code, "why")


@pytest.mark.parametrize("accept", [False, True])
async def test_a_websocket_exception_closes_with_its_code_and_reason(accept: bool) -> None:
    answer = await talk(socket(WebSocketException(4001, "go"), accept=accept))
    assert answer.closed == (4001, "go")


async def test_a_reason_is_cut_to_what_a_close_frame_carries() -> None:
    answer = await talk(socket(WebSocketException(4001, "é" * 100), accept=True))
    assert answer.closed == (4001, "é" * 61)


async def test_an_unhandled_error_closes_with_1011_and_tells_nothing() -> None:
    answer = await fail_talk(socket(ValueError("secret"), accept=True))
    assert answer.closed == (1011, "internal error")
    assert isinstance(answer.error, ValueError)


async def test_an_unhandled_error_before_accept_refuses_the_handshake() -> None:
    answer = await fail_talk(socket(ValueError("secret")), **DENIALS)
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    answer = await fail_talk(socket(ValueError("secret")))
    assert answer.types == ["websocket.close"]


async def test_a_handler_that_returns_closes_with_1000() -> None:
    assert (await talk(socket(None, accept=True))).closed == (1000, "")


async def test_a_handler_that_never_accepts_is_refused() -> None:
    assert (await talk(socket(None))).types == ["websocket.close"]


@pytest.mark.parametrize("exc", [ValueError("v"), WebSocketException(4001), HTTPException(status_code=403)])
async def test_what_comes_after_the_close_is_raised_as_it_is(exc: Exception) -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4000)
        raise exc

    answer = await fail_talk(Lilya(routes=[WebSocketPath("/", handler)]))
    assert answer.error is exc
    assert answer.closed[0] == 4000


async def test_a_handlers_response_denies_the_handshake() -> None:
    async def handler(websocket: WebSocket, exc: Exception) -> JSONResponse:
        return JSONResponse({"error": str(exc)}, status_code=418)

    answer = await talk(socket(ValueError("v"), exception_handlers={ValueError: handler}), **DENIALS)
    assert (answer.status, answer.json) == (418, {"error": "v"})
    answer = await talk(socket(ValueError("v"), exception_handlers={ValueError: handler}))
    assert answer.types == ["websocket.close"]


async def test_a_handler_may_talk_and_close_for_itself() -> None:
    async def handler(websocket: WebSocket, exc: Exception) -> None:
        await websocket.send_text(str(exc))
        await websocket.close(4002)

    answer = await talk(socket(ValueError("v"), accept=True, exception_handlers={ValueError: handler}))
    assert answer.types == ["websocket.accept", "websocket.send", "websocket.close"]
    assert answer.closed == (4002, "")


@pytest.mark.parametrize("response", [None, PlainText("for requests only")])
@pytest.mark.parametrize(
    ("exc", "closed"),
    [
        (ValueError("secret"), (1011, "internal error")),
        (HTTPException(status_code=403, detail="no"), (1008, "no")),
        (WebSocketException(4001, "go"), (4001, "go")),
    ],
)
async def test_a_handler_that_leaves_the_websocket_open_does_not_leave_it_in_silence(
    response: Response | None, exc: Exception, closed: tuple[int, str]
) -> None:
    async def handler(websocket: WebSocket, exc: Exception) -> Response | None:
        return response

    answer = await talk(socket(exc, accept=True, exception_handlers={type(exc): handler}))
    assert answer.closed == closed


async def test_a_handler_that_says_nothing_before_accept_refuses_the_handshake() -> None:
    async def handler(websocket: WebSocket, exc: Exception) -> None: ...

    answer = await talk(socket(ValueError("v"), exception_handlers={ValueError: handler}))
    assert answer.types == ["websocket.close"]


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["no denials", "denials"])
async def test_an_unknown_websocket_path_is_never_met_with_silence(extensions: dict[str, Any]) -> None:
    answer = await talk(Lilya(), "/nowhere", extensions=extensions)
    if extensions:
        assert (answer.status, answer.text) == (404, "Not Found")
    else:
        assert answer.types == ["websocket.close"]


async def test_a_connection_of_a_server_that_names_no_extensions_is_refused_too() -> None:
    wire = Answer(CONNECT)
    scope = websocket_scope("/nowhere")
    del scope["extensions"]
    await Lilya()(scope, wire.receive, wire.send)
    assert wire.types == ["websocket.close"]
