"""An application calls a handler by itself where nothing is around it. Nobody can tell: all ways in answer alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya._paths.tree import PathTree
from lilya.apps import Lilya
from lilya.background import Task
from lilya.exceptions import ContinueRouting, HTTPException
from lilya.middleware import DefineMiddleware
from lilya.requests import Request
from lilya.responses import PlainText, Response, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, talk
from tests.support.life import running
from tests.support.wire import Wire, http_scope, request


class Through:
    """A middleware that does nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Teapot(Exception):
    """What the handlers here raise, and the application handles."""


class Telling(Response):
    """A response that answers with what it is called with."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = scope["path_params"], scope.get("root_path"), scope["path"], scope["route_path_template"]
        await PlainText(repr(told))(scope, receive, send)


async def plain() -> PlainText:
    return PlainText("plain")


async def data(id: int) -> dict[str, int]:
    return {"id": id}


async def telling() -> Telling:
    return Telling()


async def telling_item(id: int) -> Telling:
    return Telling()


async def an_app() -> Any:
    return telling_app


async def telling_app(scope: Scope, receive: Receive, send: Send) -> None:
    await Telling()(scope, receive, send)


async def passing() -> None:
    raise ContinueRouting


async def refusing() -> None:
    raise HTTPException(status_code=418, detail="no coffee")


async def failing(request: Request) -> None:
    raise Teapot


async def failing_in_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(raise_teapot)


async def raise_teapot() -> None:
    await anyio.lowlevel.checkpoint()
    raise Teapot


async def waiting(request: Request) -> str:
    await anyio.lowlevel.checkpoint()
    return f"{request.path_params['name']} below {request.scope['root_path']}"


async def no_content() -> Response:
    return Response("not sent", status_code=204)


async def awaited() -> Response:
    async def content() -> str:
        await anyio.lowlevel.checkpoint()
        return "awaited"

    return Response(content(), media_type="text/plain")


async def streamed() -> StreamingResponse:
    return StreamingResponse(["one", "two"], headers={"x-kind": "stream"})


async def changed() -> PlainText:
    response = PlainText("changed", headers={"x-one": "1"})
    response.headers["x-two"] = "2"
    response.set_cookie("who", "ada")
    return response


async def by_hand(request: Request) -> PlainText:
    await PlainText("by hand")(request.scope, request.receive, request.send)
    return PlainText("too late")


async def unknown() -> Any:
    return object()


async def handle(request: Request, exc: Exception) -> PlainText:
    return PlainText(f"{type(exc).__name__} at {request.scope.get('route_path_template')}", status_code=418)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.path_params)


def routes() -> list[Any]:
    return [
        Path("/", plain),
        Path("/items/{id:int}", data),
        Path("/telling", telling),
        Path("/telling/{id:int}", telling_item),
        Path("/app", an_app),
        Path("/passing", passing),
        Path("/refusing", refusing),
        Path("/failing", failing),
        Path("/group", failing_in_group),
        Path("/two", passing),
        Path("/two", plain),
        Path("/both", telling),
        Path("/both", passing, methods=["PUT"]),
        Path("/both", plain, methods=["POST"]),
        Path("/both/{id:int}", data),
        Path("/both/{id:int}", telling_item, methods=["POST"]),
        Path("/no-content", no_content),
        Path("/awaited", awaited),
        Path("/streamed", streamed),
        Path("/changed", changed),
        WebSocketPath("/", echo),
        WebSocketPath("/telling", echo),
        Include(
            "/api",
            routes=[
                Path("/", telling),
                Path("/items/{id:int}", telling_item),
                Include("/{name}", routes=[Path("/waiting", waiting), Path("/telling", telling)]),
            ],
        ),
    ]


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("/", "GET", {}),
    ("/", "HEAD", {}),
    ("/", "POST", {}),
    ("/items/3", "GET", {}),
    ("/items/x", "GET", {}),
    ("/items/3", "DELETE", {}),
    ("/telling", "GET", {}),
    ("/telling", "GET", {"root_path": "/root"}),
    ("/root/telling", "GET", {"root_path": "/root"}),
    ("/telling/3", "GET", {}),
    ("/app", "GET", {}),
    ("/passing", "GET", {}),
    ("/refusing", "GET", {}),
    ("/failing", "GET", {}),
    ("/group", "GET", {}),
    ("/two", "GET", {}),
    *(("/both", method, {}) for method in ("GET", "HEAD", "POST", "PUT", "DELETE")),
    *(("/both/3", method, {}) for method in ("GET", "POST", "DELETE")),
    ("/no-content", "GET", {}),
    ("/awaited", "GET", {}),
    ("/awaited", "HEAD", {}),
    ("/streamed", "GET", {}),
    ("/changed", "GET", {}),
    ("/changed", "HEAD", {}),
    ("/api", "GET", {}),
    ("/api/", "GET", {}),
    ("/api/items/3", "GET", {}),
    ("/root/api/items/3", "GET", {"root_path": "/root/"}),
    ("/api/ada/waiting", "GET", {}),
    ("/api/ada/telling", "GET", {}),
    ("/nowhere", "GET", {}),
]

Around = Callable[[Lilya], AbstractAsyncContextManager[Any]]

WAYS: dict[str, tuple[list[Any], Around]] = {
    "by itself": ([], running),
    "by the dispatcher": ([], lambda app: nullcontext()),
    "inside a layer": ([DefineMiddleware(Through)], running),
}


async def answers(middleware: list[Any], around: Around) -> list[Any]:
    app = Lilya(routes=routes(), middleware=middleware, exception_handlers={Teapot: handle})
    given: list[Any] = []
    async with around(app):
        for _ in range(2):  # what was kept the first time says the same
            for path, method, more in CALLS:
                answer: Answer = await call(app, path, method, **more)
                given.append((path, method, answer.sent[0]["status"], answer.headers, answer.text))
        websocket = await talk(app, "/telling")
        given.append(websocket.sent)
    return given


@pytest.mark.parametrize("way", list(WAYS)[1:])
async def test_all_ways_in_answer_alike(way: str) -> None:
    expected = await answers(*WAYS["by itself"])
    assert await answers(*WAYS[way]) == expected
    half = len(CALLS)
    assert expected[:half] == expected[half : 2 * half]


@pytest.mark.parametrize("way", list(WAYS))
async def test_a_route_that_is_added_later_takes_part_at_once(way: str) -> None:
    middleware, around = WAYS[way]
    app = Lilya(routes=[Path("/two", passing)], middleware=middleware)
    async with around(app):
        for _ in range(2):
            assert (await call(app, "/two")).sent[0]["status"] == 404
        app.add_route("/two", plain)
        for _ in range(2):
            assert (await call(app, "/two")).text == "plain"


@pytest.mark.parametrize("way", list(WAYS))
async def test_what_a_handler_raises_is_raised_to_the_server(way: str) -> None:
    middleware, around = WAYS[way]
    app = Lilya(routes=[Path("/", failing), Path("/group", failing_in_group)], middleware=middleware)
    async with around(app):
        for path in ("/", "/group", "/"):
            answer = await fail(app, path)
            assert isinstance(answer.error, Teapot)
            assert answer.sent[0]["status"] == 500


@pytest.mark.parametrize("way", list(WAYS))
async def test_an_answer_behind_another_one_is_a_fault_and_so_is_one_of_nobody_knows_what(way: str) -> None:
    middleware, around = WAYS[way]
    app = Lilya(routes=[Path("/by-hand", by_hand), Path("/unknown", unknown)], middleware=middleware)
    async with around(app):
        answer = await fail(app, "/by-hand")
        assert answer.text == "by hand"
        assert (
            str(answer.error) == "Unexpected ASGI message 'http.response.start' sent after the response was complete."
        )
        answer = await fail(app, "/unknown")
        assert isinstance(answer.error, ValueError)
        assert answer.sent[0]["status"] == 500


@pytest.mark.parametrize("breaks", [0, 1])
@pytest.mark.parametrize("way", list(WAYS))
async def test_a_client_that_is_lost_while_it_is_answered_is_no_failure_and_what_comes_after_is_done(
    way: str, breaks: int
) -> None:
    async def answers() -> PlainText:
        return PlainText("plain")

    async def answers_and_works() -> PlainText:
        return PlainText("plain", background=Task(done.append, "work"))

    async def send(message: Message) -> None:
        if len(sent) == breaks:
            raise BrokenPipeError("the client has left")
        sent.append(message)

    middleware, around = WAYS[way]
    done: list[str] = []
    app = Lilya(routes=[Path("/", answers), Path("/work", answers_and_works)], middleware=middleware)
    async with around(app):
        for path in ("/", "/", "/work"):
            sent: list[Message] = []
            await app(http_scope(path), Wire(request()).receive, send)
            assert len(sent) == breaks
    assert done == ["work"]


async def test_parameters_of_one_request_are_no_other_ones() -> None:
    async def spoils(request: Request) -> str:
        seen = repr(request.path_params)
        request.scope["path_params"]["more"] = 1
        return seen

    app = Lilya(routes=[Path("/", spoils), Path("/{id}", spoils), Path("/one", spoils, methods=["POST"])])
    async with running(app):
        assert [(await call(app, "/")).json for _ in range(3)] == ["{}"] * 3
        assert [(await call(app, "/x")).json for _ in range(3)] == ["{'id': 'x'}"] * 3
        assert [(await call(app, "/one")).json for _ in range(3)] == ["{'id': 'one'}"] * 3


@pytest.mark.parametrize("more", [{}, {"exception_handlers": {404: handle}}])
@pytest.mark.parametrize("way", list(WAYS))
async def test_a_path_that_leads_nowhere_is_looked_up_once(
    way: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(tree: PathTree[Any], path: str) -> Any:
        asked.append(path)
        return found_by(tree, path)

    asked: list[str] = []
    found_by = PathTree.find
    monkeypatch.setattr(PathTree, "find", find)
    middleware, around = WAYS[way]
    app = Lilya(routes=[Path("/here", plain)], middleware=middleware, **more)
    async with around(app):
        assert (await call(app, "/nowhere")).sent[0]["status"] == (418 if more else 404)
    assert asked == ["/nowhere"]


async def test_another_stack_that_is_put_in_is_called() -> None:
    app = Lilya(routes=[Path("/", plain)])
    async with running(app):
        assert (await call(app)).text == "plain"
        app.middleware_stack = telling_app
        with pytest.raises(KeyError, match="path_params"):
            await call(app)
