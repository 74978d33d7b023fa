"""The nearest layer that has a handler answers, whoever raised the exception; a status comes before a class."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya._handling.errors import find_handler
from lilya.apps import Lilya
from lilya.exceptions import HTTPException, NotFound, PermissionDenied, WebSocketException
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, fail_talk, talk

LEVELS = ("path", "include", "app")
DENIALS: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}


class Broken(Exception):
    """What the tests raise is of this kind."""


class VeryBroken(Broken):
    """What they raise."""


class Unrelated(Exception):
    """What they do not."""


# -- who raises -------------------------------------------------------------------------------------------------------


async def function() -> None:
    raise VeryBroken


def sync_function() -> None:
    raise VeryBroken


async def own_nursery() -> None:
    async with anyio.create_task_group():
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(function)
            await anyio.sleep(1)


async def given_nursery(task_group: TaskGroup) -> None:
    task_group.start_soon(function)
    await anyio.sleep(1)


async def returned_app() -> ASGIApp:
    return App()


async def streamed() -> StreamingResponse:
    return StreamingResponse(sync_function)  # type: ignore[arg-type]


async def websocket_function(websocket: WebSocket) -> None:
    raise VeryBroken


def sync_websocket_function(websocket: WebSocket) -> None:
    raise VeryBroken


async def websocket_nursery(websocket: WebSocket) -> None:
    await own_nursery()


async def fine() -> str:
    return "fine"


async def unreached(websocket: WebSocket) -> None:
    raise AssertionError


class App:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise VeryBroken


class Awaited:
    """An ASGI class: its instances are awaited."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pass

    def __await__(self) -> Generator[Any, Any, None]:
        return function().__await__()


class Layer:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise VeryBroken


class NurseryLayer:
    """What is raised inside, it raises in a group."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(self.run, scope, receive, send)

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


RAISERS: Mapping[str, Callable[..., Path | WebSocketPath]] = {
    "async function": partial(Path, "/x", function),
    "sync function": partial(Path, "/x", sync_function),
    "a nursery of its own": partial(Path, "/x", own_nursery),
    "a nursery it asked for": partial(Path, "/x", given_nursery),
    "ASGI app": partial(Path, "/x", App()),
    "ASGI class": partial(Path, "/x", Awaited),
    "returned app": partial(Path, "/x", returned_app),
    "stream before it began": partial(Path, "/x", streamed),
    "middleware": partial(Path, "/x", fine, middleware=[Layer]),
    "permission": partial(Path, "/x", fine, permissions=[Layer]),
    "middleware with a nursery": partial(Path, "/x", function, middleware=[NurseryLayer]),
    "websocket function": partial(WebSocketPath, "/x", websocket_function),
    "sync websocket function": partial(WebSocketPath, "/x", sync_websocket_function),
    "websocket nursery": partial(WebSocketPath, "/x", websocket_nursery),
    "websocket app": partial(WebSocketPath, "/x", App()),
    "websocket middleware": partial(WebSocketPath, "/x", unreached, middleware=[Layer]),
    "websocket permission": partial(WebSocketPath, "/x", unreached, permissions=[Layer]),
}


def saying(word: str, sync: bool = False) -> Callable[..., Any]:
    """An exception handler whose answer is a word and the exception it was given."""

    async def handler(connection: Any, exc: Exception) -> PlainText:
        return PlainText(f"{word} {type(exc).__name__}", status_code=418)

    def blocking(connection: Any, exc: Exception) -> PlainText:
        return PlainText(f"{word} {type(exc).__name__}", status_code=418)

    return blocking if sync else handler


async def answered(raiser: str, handlers: Mapping[str, ExceptionHandlers]) -> Answer:
    """What a route is answered with that has handlers at these levels."""
    route = RAISERS[raiser](exception_handlers=handlers.get("path"))
    app = Lilya(
        routes=[Include("/in", routes=[route], exception_handlers=handlers.get("include"))],
        exception_handlers=handlers.get("app"),
    )
    if isinstance(route, WebSocketPath):
        return await talk(app, "/in/x", **DENIALS)
    return await call(app, "/in/x")


@pytest.mark.parametrize("sync", [False, True], ids=["async handler", "sync handler"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("raiser", RAISERS)
async def test_a_handler_at_any_level_answers_whoever_raises(raiser: str, level: str, sync: bool) -> None:
    answer = await answered(raiser, {level: {VeryBroken: saying(level, sync)}})
    assert (answer.status, answer.text) == (418, f"{level} VeryBroken")


@pytest.mark.parametrize("nearest", [0, 1], ids=["path before all", "include before app"])
@pytest.mark.parametrize("raiser", RAISERS)
async def test_the_nearest_level_wins_even_over_a_more_special_class_further_out(raiser: str, nearest: int) -> None:
    handlers: dict[str, ExceptionHandlers] = {level: {VeryBroken: saying(level)} for level in LEVELS[nearest:]}
    handlers[LEVELS[nearest]] = {Broken: saying(LEVELS[nearest])}
    answer = await answered(raiser, handlers)
    assert answer.text == f"{LEVELS[nearest]} VeryBroken"


async def test_a_level_without_a_fitting_handler_lets_the_exception_pass() -> None:
    handlers: dict[str, ExceptionHandlers] = {
        "path": {Unrelated: saying("path")},
        "include": {418: saying("include")},
        "app": {Broken: saying("app")},
    }
    assert (await answered("async function", handlers)).text == "app VeryBroken"


async def test_what_a_handler_raises_is_the_next_levels_affair() -> None:
    async def raising(request: Request, exc: Exception) -> None:
        raise Unrelated from exc

    handlers: dict[str, ExceptionHandlers] = {"path": {Broken: raising}, "app": {Unrelated: saying("app")}}
    assert (await answered("async function", handlers)).text == "app Unrelated"


# -- which handler ----------------------------------------------------------------------------------------------------


async def by_status(request: Any, exc: Any) -> None: ...


async def by_class(request: Any, exc: Any) -> None: ...


async def by_base(request: Any, exc: Any) -> None: ...


def test_a_status_comes_before_a_class_and_a_class_before_its_bases() -> None:
    assert find_handler(NotFound(), {404: by_status, NotFound: by_class, HTTPException: by_base}) is by_status
    assert find_handler(NotFound(), {403: by_status, NotFound: by_class, HTTPException: by_base}) is by_class
    assert find_handler(NotFound(), {PermissionDenied: by_class, HTTPException: by_base}) is by_base
    assert find_handler(NotFound(), {ValueError: by_base}) is by_base  # it is one, too
    assert find_handler(NotFound(), {PermissionDenied: by_class}) is None


def test_a_status_is_that_of_the_instance() -> None:
    assert find_handler(HTTPException(status_code=418), {418: by_status, 500: by_class}) is by_status


def test_a_status_means_http_exceptions_only() -> None:
    class Coded(Exception):
        status_code = 404

    assert find_handler(Coded(), {404: by_status}) is None


def group(*exceptions: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("several", [exceptions[0], ExceptionGroup("more", list(exceptions[1:]))])


def test_several_exceptions_are_handled_by_their_most_special_common_class() -> None:
    handlers: ExceptionHandlers = {LookupError: by_class, Exception: by_base}
    assert find_handler(group(KeyError(), KeyError(), IndexError()), handlers) is by_class
    assert find_handler(group(KeyError(), ValueError()), handlers) is by_base
    assert find_handler(group(KeyError(), ValueError()), {LookupError: by_class}) is None
    assert find_handler(group(VeryBroken(), VeryBroken()), {Broken: by_base, VeryBroken: by_class}) is by_class


def test_who_handles_groups_gets_all_of_them() -> None:
    handlers: ExceptionHandlers = {LookupError: by_class, ExceptionGroup: by_base}
    assert find_handler(group(KeyError(), KeyError()), handlers) is by_base


@pytest.mark.parametrize("level", LEVELS)
async def test_several_exceptions_reach_their_handler_whole(level: str) -> None:
    seen: list[BaseException] = []

    async def several() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(function)
            nursery.start_soon(function)

    async def handler(request: Request, exc: ExceptionGroup[Exception]) -> JSONResponse:
        seen.extend(exc.exceptions)
        return JSONResponse({"failures": len(exc.exceptions)}, status_code=500)

    handlers: dict[str, Any] = {level: {Broken: handler}}
    app = Lilya(
        routes=[
            Include("/", exception_handlers=handlers.get("include"), routes=[
                Path("/", several, exception_handlers=handlers.get("path")),
            ]),
        ],
        exception_handlers=handlers.get("app"),
    )  # fmt: skip
    assert (await call(app)).json == {"failures": 2}
    assert [type(each) for each in seen] == [VeryBroken, VeryBroken]


async def test_several_exceptions_nobody_handles_are_a_500_and_reach_the_server_whole() -> None:
    async def several() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(function)
            raise Unrelated

    answer = await fail(Lilya(routes=[Path("/", several)]))
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert isinstance(answer.error, ExceptionGroup)
    assert answer.error.subgroup(VeryBroken)
    assert answer.error.subgroup(Unrelated)


# -- how handlers are called ------------------------------------------------------------------------------------------

TRACE: ContextVar[str] = ContextVar("TRACE", default="")


async def test_a_sync_handler_runs_in_a_thread_and_its_context_comes_back() -> None:
    seen: list[object] = []

    def handler(request: Request, exc: Exception) -> PlainText:
        seen.extend([threading.current_thread() is threading.main_thread(), TRACE.get()])
        TRACE.set("handler")
        return PlainText("")

    class Tracing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            TRACE.set("middleware")
            await self.app(scope, receive, send)
            seen.append(TRACE.get())

    await call(Lilya(routes=[Path("/", function)], middleware=[Tracing], exception_handlers={Broken: handler}))
    assert seen == [False, "middleware", "handler"]


async def test_what_a_handler_returns_becomes_a_response_as_a_route_handlers_does() -> None:
    async def handler(request: Request, exc: Exception) -> dict[str, str]:
        return {"path": request.url.path}

    answer = await call(Lilya(routes=[Path("/x", function)], exception_handlers={Broken: handler}), "/x")
    assert (answer.status, answer.json) == (200, {"path": "/x"})


async def test_a_handler_that_answers_nothing_lets_the_exception_go_on_to_the_next_layer() -> None:
    seen: list[str] = []

    async def note(request: Request, exc: Exception) -> None:
        seen.append(repr(exc))

    route = Path("/", function, exception_handlers={Broken: note})
    app = Lilya(routes=[route], exception_handlers={Broken: saying("app")})
    assert (await call(app)).text == "app VeryBroken"
    answer = await fail(Lilya(routes=[route], exception_handlers={Exception: note}))
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert len(seen) == 3


async def test_a_last_resort_that_fails_is_told_to_the_server_and_the_client_gets_its_500() -> None:
    async def worse(request: Request, exc: Exception) -> None:
        raise LookupError("worse")

    answer = await fail(Lilya(routes=[Path("/", function)], exception_handlers={Exception: worse}))
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert isinstance(answer.error, LookupError)


@pytest.mark.parametrize("key", [500, Exception])
async def test_the_last_resort_is_called_for_websockets_for_what_else_it_does(key: Any) -> None:
    seen: list[Any] = []

    async def note(connection: Any, exc: Exception) -> None:
        seen.append((type(connection), exc))

    async def broken(websocket: WebSocket) -> None:
        await websocket.accept()
        raise VeryBroken

    answer = await fail_talk(Lilya(routes=[WebSocketPath("/", broken)], exception_handlers={key: note}))
    assert answer.closed == (1011, "internal error")
    assert seen == [(WebSocket, answer.error)]


async def test_a_handler_of_a_route_sees_its_path_parameters_and_can_read_the_body() -> None:
    async def handler(request: Request, exc: Exception) -> dict[str, object]:
        return {**request.path_params, "body": await request.text()}

    async def broken(request: Request, id: int) -> None:
        await request.body()
        raise VeryBroken

    route = Path("/{id:int}", broken, methods=["POST"], exception_handlers={Broken: handler})
    assert (await call(Lilya(routes=[route]), "/3", "POST", body=b"abc")).json == {"id": 3, "body": "abc"}


async def test_a_handler_may_be_added_once_the_application_has_started() -> None:
    app = Lilya(routes=[Path("/", function)])
    assert (await fail(app)).status == 500
    app.add_exception_handler(Broken, saying("added"))
    assert (await call(app)).text == "added VeryBroken"


@pytest.mark.parametrize("code", [500, 1006, 0])
async def test_a_close_code_that_no_frame_may_carry_is_an_error_of_the_application(code: int) -> None:
    async def closes(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(code, "secret")

    answer = await fail_talk(Lilya(routes=[WebSocketPath("/", closes)]), "/")
    assert answer.closed == (1011, "internal error")
    assert isinstance(answer.error, ValueError)
    assert str(code) in str(answer.error)
    assert isinstance(answer.error.__cause__ or answer.error.__context__, WebSocketException)
