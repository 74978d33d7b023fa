from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse as FastAPIStream
from litestar import Litestar, get, websocket
from litestar import WebSocket as LitestarWebSocket
from quart import Quart
from quart import websocket as quart_websocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from examples.longpoll import app as longpoll
from examples.quickstart import app as quickstart
from lilya.concurrency.nursery import open_nursery
from lilya.testclient import AsyncTestClient
from lilya.testing.exceptions import ASGISpecViolation
from lilya.testing.linting import lint
from lilya.testing.script import Disconnect, ScriptedExchange
from lilya.testing.server import http_scope, websocket_scope
from lilya.types import ASGIApp, Message, Receive, Scope, Send

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body", "body": b""}
REQUEST: dict[str, Any] = {"type": "http.request", "body": b"", "more_body": False}
CONNECT: dict[str, Any] = {"type": "websocket.connect"}
ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
CLOSE: dict[str, Any] = {"type": "websocket.close"}
UP: dict[str, Any] = {"type": "lifespan.startup.complete"}
DOWN: dict[str, Any] = {"type": "lifespan.shutdown.complete"}
STARTUP: dict[str, Any] = {"type": "lifespan.startup"}
SHUTDOWN: dict[str, Any] = {"type": "lifespan.shutdown"}

ASGI = {"version": "3.0", "spec_version": "2.5"}
HTTP: Scope = {**http_scope("GET", "/"), "asgi": ASGI, "extensions": {"http.response.trailers": {}}}
WEBSOCKET: Scope = {**websocket_scope("/", subprotocols=["chat"]), "asgi": ASGI}
LIFESPAN: Scope = {"type": "lifespan", "asgi": ASGI}

RECEIVE = object()  # the application receives a message


def http(**changes: Any) -> Scope:
    return {**HTTP, **changes}


def start(**changes: Any) -> dict[str, Any]:
    return {**START, **changes}


def playing(steps: list[Any]) -> ASGIApp:
    """An application that receives and sends just so."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for step in steps:
            if step is RECEIVE:
                await receive()
            else:
                await send(step)

    return app


# The scope, what the application does, what is wrong, and the section that says so.
APPLICATION_FAULTS: list[tuple[Scope, list[Any], str, str]] = [
    (HTTP, ["text"], "wants a dict", "Events"),
    (HTTP, [{"status": 200}], "'type' that is a str", "Events"),
    (HTTP, [{"type": "http.response.nonsense"}], "cannot be sent now", "Events"),
    (HTTP, [BODY], "expected 'http.response.start'", "Response Body"),
    (HTTP, [START, START], "expected 'http.response.body'", "Response Start"),
    (HTTP, [START, BODY, BODY], "expected nothing more", "Response Body"),
    (HTTP, [], "still owes 'http.response.start'", "Response Start"),
    (HTTP, [START], "still owes 'http.response.body'", "Response Body"),
    (HTTP, [START, {**BODY, "more_body": True}], "still owes", "Response Body"),
    (HTTP, [start(status="200")], "status of a response", "Response Start"),
    (HTTP, [start(status=99)], "status of a response", "Response Start"),
    (HTTP, [start(headers=[("a", "b")])], "names and values are bytes", "Response Start"),
    (HTTP, [start(headers=[b"a: b"])], "pairs", "Response Start"),
    (HTTP, [start(headers=[(b"X-A", b"b")])], "in lower case", "Response Start"),
    (HTTP, [start(headers=[(b"a b", b"c")])], "no header name", "Response Start"),
    (HTTP, [start(headers=[(b"a", b"b\r\nc: d")])], "line break", "Response Start"),
    (HTTP, [start(headers=[(b"content-length", b"-1")])], "digits", "Response Start"),
    (HTTP, [START, {**BODY, "body": "text"}], "'body' wants bytes", "Response Body"),
    (HTTP, [START, {**BODY, "more_body": 1}], "'more_body' wants bool", "Response Body"),
    (HTTP, [start(headers=[(b"content-length", b"1")]), BODY], "the body has 0", "Response Body"),
    (HTTP, [start(headers=[(b"content-length", b"0")]), {**BODY, "body": b"x"}], "the body has 1", "Response Body"),
    (HTTP, [{"type": "http.response.push", "path": "/", "headers": []}], "does not offer", "HTTP/2 Server Push"),
    (http(extensions={}), [start(trailers=True)], "does not offer", "Response Start"),
    (HTTP, [start(trailers=True), BODY], "still owes 'http.response.trailers'", "HTTP Trailers"),
    (WEBSOCKET, [{"type": "websocket.send", "text": "a"}], "expected 'websocket.accept'", "Send"),
    (WEBSOCKET, [ACCEPT, ACCEPT], "cannot be sent now", "Accept"),
    (WEBSOCKET, [{**ACCEPT, "subprotocol": "x"}], "the client offered ['chat']", "Accept"),
    (WEBSOCKET, [ACCEPT, {"type": "websocket.send"}], "got neither", "Send"),
    (WEBSOCKET, [ACCEPT, {"type": "websocket.send", "text": b"a"}], "'text' wants str", "Send"),
    (WEBSOCKET, [ACCEPT, {**CLOSE, "code": 1006}], "no close code", "Close"),
    (WEBSOCKET, [ACCEPT, {**CLOSE, "reason": "x" * 124}], "a close frame carries 123", "Close"),
    (WEBSOCKET, [ACCEPT, CLOSE, {"type": "websocket.send", "text": "a"}], "nothing more", "Send"),
    (WEBSOCKET, [RECEIVE], "still owes 'websocket.accept'", "Accept"),
    (LIFESPAN, [UP], "before it was asked for", "Startup Complete"),
    (LIFESPAN, [RECEIVE, UP, DOWN], "before it was asked for", "Shutdown Complete"),
    (LIFESPAN, [RECEIVE, UP, UP], "cannot be sent now", "Startup Complete"),
    (LIFESPAN, [RECEIVE], "still owes 'lifespan.startup.complete'", "Startup Complete"),
    (LIFESPAN, [RECEIVE, UP, RECEIVE], "still owes 'lifespan.shutdown.complete'", "Shutdown Complete"),
    (LIFESPAN, [RECEIVE, {"type": "lifespan.startup.failed", "message": Exception()}], "wants str", "Startup Failed"),
]

# The scope, what the server hands in, what is wrong, and the section that says so.
SERVER_FAULTS: list[tuple[Scope, list[Any], str, str]] = [
    (http(asgi=None), [], "'asgi' wants Mapping", "HTTP Connection Scope"),
    (http(asgi={}), [], "'asgi.version' wants str", "HTTP Connection Scope"),
    (http(method="get"), [], "upper case", "HTTP Connection Scope"),
    (http(http_version="1"), [], "'http_version'", "HTTP Connection Scope"),
    (http(scheme=""), [], "'scheme'", "HTTP Connection Scope"),
    (http(path=b"/"), [], "'path' wants str", "HTTP Connection Scope"),
    (http(raw_path=b"/?a=b"), [], "no query string", "HTTP Connection Scope"),
    (http(query_string="a=b"), [], "'query_string' wants bytes", "HTTP Connection Scope"),
    (http(root_path=None), [], "'root_path' wants str", "HTTP Connection Scope"),
    (http(headers=[("a", "b")]), [], "names and values are bytes", "HTTP Connection Scope"),
    (http(headers=[(b"Host", b"b")]), [], "in lower case", "HTTP Connection Scope"),
    (http(headers=[(b":authority", b"b")]), [], "no header name", "HTTP Connection Scope"),
    (http(client="127.0.0.1"), [], "'client' wants [host, port]", "HTTP Connection Scope"),
    (http(server=("testserver", "80")), [], "'server' wants [host, port]", "HTTP Connection Scope"),
    (http(state=[]), [], "'state' wants Mapping", "HTTP Connection Scope"),
    ({**WEBSOCKET, "subprotocols": [b"chat"]}, [], "'subprotocols' wants str", "Websocket Connection Scope"),
    (HTTP, [{**REQUEST, "body": "text"}], "'body' wants bytes", "Request"),
    (HTTP, [{**REQUEST, "more_body": None}], "'more_body' wants bool", "Request"),
    (HTTP, [REQUEST, REQUEST], "cannot be received now", "Request"),
    (HTTP, [CONNECT], "cannot be received now", "Connect"),
    (WEBSOCKET, [{"type": "websocket.receive", "text": "a"}], "expected 'websocket.connect'", "Receive"),
    (WEBSOCKET, [CONNECT, {"type": "websocket.receive", "text": "a"}], "before the application has acc", "Receive"),
    (WEBSOCKET, [CONNECT, {"type": "websocket.disconnect", "code": "1000"}], "'code' wants int", "Disconnect"),
    (LIFESPAN, [SHUTDOWN], "expected 'lifespan.startup'", "Shutdown"),
    (LIFESPAN, [STARTUP, SHUTDOWN], "before the application has answered", "Shutdown"),
]

GOOD = {"http": [REQUEST], "websocket": [CONNECT], "lifespan": [STARTUP, SHUTDOWN]}
FINE = {"http": [START, BODY], "websocket": [ACCEPT, CLOSE], "lifespan": [UP]}


@pytest.mark.parametrize("raised", [True, False])
@pytest.mark.parametrize(("scope", "steps", "fault", "section"), APPLICATION_FAULTS)
async def test_every_fault_of_an_application_is_found(
    scope: Scope, steps: list[Any], fault: str, section: str, raised: bool
) -> None:
    found: list[ASGISpecViolation] = []
    app = lint(playing(steps), record=None if raised else found)
    exchange = ScriptedExchange(app, scope, GOOD[scope["type"]])
    if raised:
        with pytest.raises(ASGISpecViolation) as caught:
            await exchange.run()
        found.append(caught.value)
    else:
        await exchange.run()
        assert [each.message for each in exchange.sent] == [step for step in steps if step is not RECEIVE]
    assert fault in found[0].fault
    assert found[0].section.endswith(section)
    assert found[0].culprit == "application"


@pytest.mark.parametrize("raised", [True, False])
@pytest.mark.parametrize(("scope", "messages", "fault", "section"), SERVER_FAULTS)
async def test_every_fault_of_a_server_is_found(
    scope: Scope, messages: list[Message], fault: str, section: str, raised: bool
) -> None:
    found: list[ASGISpecViolation] = []
    steps = [RECEIVE] * len(messages) + FINE[scope["type"]]
    exchange = ScriptedExchange(lint(playing(steps), record=None if raised else found), scope, messages)
    if raised:
        with pytest.raises(ASGISpecViolation) as caught:
            await exchange.run()
        found.append(caught.value)
    else:
        await exchange.run()
    assert fault in found[0].fault
    assert found[0].section.endswith(section)
    assert found[0].culprit == "server"


async def test_what_a_task_sends_after_the_call_is_found() -> None:
    found: list[ASGISpecViolation] = []
    async with open_nursery() as nursery:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await send(BODY)
            nursery.start_soon(late, send)

        async def late(send: Send) -> None:
            await send(BODY)

        await ScriptedExchange(lint(app, record=found), HTTP, []).run()
    assert [each.section for each in found] == ["ASGI, Extra Coroutines"]


async def test_a_fault_that_the_application_swallows_is_raised_all_the_same() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(BODY)
        except AssertionError:
            await send(START)
            await send(BODY)

    exchange = ScriptedExchange(lint(app), HTTP, [])
    with pytest.raises(ASGISpecViolation, match=re.escape("[ASGI HTTP, Response Body]")):
        await exchange.run()


@pytest.mark.parametrize("mode", ["ignore", "raise"])
async def test_an_application_whose_client_left_owes_nothing(mode: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        if mode == "ignore":
            await receive()
            return
        exchange.disconnect()
        try:
            await send({**BODY, "more_body": True})
        except OSError:
            return

    exchange = ScriptedExchange(lint(app), HTTP, [Disconnect()], send_after_disconnect=mode)
    await exchange.run()


async def test_connections_of_other_types_are_left_alone() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "telnet.prompt"})

    await ScriptedExchange(lint(app), {"type": "telnet"}, []).run()
    assert seen == [{"type": "telnet"}]


async def test_a_lifespan_that_is_not_known_owes_nothing() -> None:
    await ScriptedExchange(lint(playing([])), LIFESPAN, GOOD["lifespan"]).run()


def starlette_app() -> ASGIApp:
    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncGenerator[str]:
            for _ in range(3):
                yield "x"
                await anyio.sleep(0.01)

        return StreamingResponse(pieces())

    async def file(request: Request) -> FileResponse:
        return FileResponse(__file__)

    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    inner = Starlette(routes=[Route("/", home)])
    routes = [Route("/", home), Route("/stream", stream), Route("/file", file), Mount("/inner", inner)]
    app = Starlette(routes=[*routes, WebSocketRoute("/chat", chat)])
    return app


def fastapi_app() -> ASGIApp:
    app = FastAPI()

    @app.get("/")
    async def home(q: int = 1) -> dict[str, int]:
        return {"q": q}

    @app.get("/stream")
    async def stream() -> FastAPIStream:
        return FastAPIStream(iter([b"a", b"b"]))

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    return app


def litestar_app() -> ASGIApp:
    @get("/")
    async def home() -> dict[str, str]:
        return {"hello": "world"}

    @websocket("/chat")
    async def chat(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    return Litestar([home, chat], logging_config=None)  # type: ignore[return-value]


def quart_app() -> ASGIApp:
    app = Quart("quart")

    @app.route("/")
    async def home() -> str:
        return "hello"

    @app.route("/stream")
    async def stream() -> Any:
        async def pieces() -> AsyncGenerator[bytes]:
            yield b"a"
            yield b"b"

        return pieces(), 200

    @app.websocket("/chat")
    async def chat() -> None:
        await quart_websocket.accept()
        await quart_websocket.send(await quart_websocket.receive())

    return app  # type: ignore[return-value]


OTHERS = {"starlette": starlette_app, "fastapi": fastapi_app, "litestar": litestar_app, "quart": quart_app}


@pytest.mark.parametrize("name", OTHERS)
async def test_none_is_found_in_applications_of_other_frameworks(name: str, backend: str) -> None:
    if name == "quart" and backend == "trio":
        pytest.skip("Quart is for asyncio")
    found: list[ASGISpecViolation] = []
    async with AsyncTestClient(lint(OTHERS[name](), record=found)) as client:
        paths = ["/", "/?q=x", "/stream", "/file", "/nothing", "/inner", "/inner/"]
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            for path in paths:
                await client.request(method, path, content=b"body" if method == "POST" else None)
        async with client.websocket_connect("/chat") as socket:
            await socket.send_text("hello")
            assert await socket.receive_text() == "hello"
    assert found == []


async def test_none_is_found_in_our_examples() -> None:
    found: list[ASGISpecViolation] = []
    for app in (quickstart, longpoll):
        async with AsyncTestClient(lint(app, record=found), timeout=60) as client:
            for route in app.routes:
                path = str(getattr(route, "path", "/")).replace("{", "").replace("}", "")
                for method in ("HEAD", "POST", "OPTIONS"):
                    await client.request(method, path, content=json.dumps({}))
    assert found == []
