"""How handlers are called: functions of every kind, in threads where they block, with nurseries of their own."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import pytest
import trio
from anyio.abc import TaskGroup

from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.responses import PlainText, Response, StreamingResponse
from lilya.routing import Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail, fail_to_start, talk
from tests.support.life import running
from tests.support.wire import text

# -- every kind of handler --------------------------------------------------------------------------------------------


async def function(request: Request) -> str:
    return request.url.path


def sync_function(request: Request) -> str:
    return request.url.path


async def with_word(word: str, request: Request) -> str:
    assert word == "given"
    return request.url.path


class Owner:
    async def method(self, request: Request) -> str:
        return request.url.path

    def sync_method(self, request: Request) -> str:
        return request.url.path

    @classmethod
    async def of_class(cls, request: Request) -> str:
        return request.url.path

    @staticmethod
    async def static(request: Request) -> str:
        return request.url.path


class App:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(f'"{scope["path"]}"')(scope, receive, send)


class Awaited:
    """An ASGI class: its instances are awaited."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.run = partial(App(), scope, receive, send)

    def __await__(self) -> Generator[Any, Any, None]:
        return self.run().__await__()


HANDLERS: dict[str, Any] = {
    "async function": function,
    "sync function": sync_function,
    "partial": partial(with_word, "given"),
    "partial of a partial": partial(partial(with_word, word="given")),
    "bound method": Owner().method,
    "sync bound method": Owner().sync_method,
    "partial of a bound method": partial(Owner().method),
    "class method": Owner.of_class,
    "static method": Owner.static,
    "lambda": lambda request: request.url.path,
    "ASGI app": App(),
    "ASGI class": Awaited,
    "partial of an ASGI app": partial(App()),
    "response": Response('"/here"'),
    "dotted path": "tests.handling.dotted.handler",
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=list(HANDLERS))
async def test_every_kind_of_handler_answers(handler: Any) -> None:
    answer = await call(Lilya(routes=[Path("/here", handler)]), "/here")
    assert (answer.status, answer.json) == (200, "/here")


@pytest.mark.parametrize("handler", ["ASGI app", "ASGI class", "response"])
async def test_an_asgi_app_answers_to_any_method(handler: str) -> None:
    for method in ("GET", "POST", "BREW"):
        assert (await call(Lilya(routes=[Path("/here", HANDLERS[handler])]), "/here", method)).status == 200


def test_what_is_neither_function_nor_asgi_app_is_refused_when_the_app_is_built() -> None:
    class Sync:
        def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"Path\(path='/x'.*neither a function nor an ASGI app"):
        Lilya(routes=[Path("/x", Sync())])


# -- threads ----------------------------------------------------------------------------------------------------------

WORD: ContextVar[str] = ContextVar("WORD", default="")


def in_thread(seen: list[Any]) -> Callable[..., str]:
    def handler() -> str:
        seen.append((WORD.get(), threading.current_thread() is threading.main_thread()))
        WORD.set("handler")
        return "done"

    return handler


class Words:
    """Sets the variable before, and notes it after."""

    def __init__(self, app: ASGIApp, seen: list[Any]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        WORD.set("middleware")
        await self.app(scope, receive, send)
        self.seen.append(WORD.get())


async def test_a_sync_handler_runs_in_a_thread_and_its_context_travels_there_and_back() -> None:
    seen: list[Any] = []
    app = Lilya(routes=[Path("/", in_thread(seen), middleware=[partial(Words, seen=seen)])])
    assert (await call(app)).json == "done"
    assert seen == [("middleware", False), "handler"]


async def test_the_context_of_an_async_handler_flows_up() -> None:
    async def handler() -> None:
        WORD.set("async")

    seen: list[Any] = []
    await call(Lilya(routes=[Path("/", handler, middleware=[partial(Words, seen=seen)])]))
    assert seen == ["async"]


async def test_a_sync_websocket_handler_runs_in_a_thread_and_may_come_back_to_the_loop() -> None:
    def handler(websocket: WebSocket) -> None:
        anyio.from_thread.run(websocket.accept)
        anyio.from_thread.run(websocket.send_text, str(threading.current_thread() is threading.main_thread()))

    answer = await talk(Lilya(routes=[WebSocketPath("/", handler)]))
    assert answer.sent[1]["text"] == "False"
    assert answer.closed == (1000, "")


# -- what they return -------------------------------------------------------------------------------------------------


@dataclass
class Point:
    x: int
    y: int


def counts() -> Iterator[int]:
    yield from (1, 2)


VALUES: list[tuple[Any, Any]] = [
    (None, None),
    ("text", "text"),
    ("", ""),
    (0, 0),
    (True, True),
    ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    ([1, "2"], [1, "2"]),
    ((1, 2), [1, 2]),
    (Point(1, 2), {"x": 1, "y": 2}),
    ([Point(1, 2)], [{"x": 1, "y": 2}]),
    ({"a": b"ab"}, {"a": "YWI="}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
@pytest.mark.parametrize("sync", [False, True])
async def test_a_value_is_answered_as_json_with_200(value: Any, expected: Any, sync: bool) -> None:
    async def handler() -> Any:
        return value

    answer = await call(Lilya(routes=[Path("/", (lambda: value) if sync else handler)]))
    assert (answer.status, answer.json) == (200, expected)
    assert answer.headers["content-type"] == "application/json"


async def test_a_generator_is_answered_as_a_list_and_never_runs_on_the_loop() -> None:
    on_the_loop: list[bool] = []

    def numbers() -> Iterator[int]:
        for n in range(3):
            on_the_loop.append(threading.current_thread() is threading.main_thread())
            yield n

    async def handler() -> Iterator[int]:
        return numbers()

    assert (await call(Lilya(routes=[Path("/", handler)]))).json == [0, 1, 2]
    assert (await call(Lilya(routes=[Path("/", numbers)]))).json == [0, 1, 2]
    assert on_the_loop == [False] * 6


async def test_responses_and_asgi_apps_are_answered_as_they_are() -> None:
    async def response() -> Response:
        return PlainText("plain", status_code=201)

    async def app() -> ASGIApp:
        return App()

    assert (await call(Lilya(routes=[Path("/", response)]))).status == 201
    assert (await call(Lilya(routes=[Path("/x", app)]), "/x")).json == "/x"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_head_is_answered_with_the_headers_of_get_and_no_body(method: str) -> None:
    async def handler() -> str:
        return "four"

    answer = await call(Lilya(routes=[Path("/", handler)]), "/", method)
    assert answer.headers["content-length"] == "6"
    assert answer.body == (b'"four"' if method == "GET" else b"")


# -- nurseries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["ignore", "cancel"])
async def test_an_error_out_of_a_handlers_own_nursery_is_plain_whether_or_not_it_can_be_cancelled(option: Any) -> None:
    async def breaks() -> None:
        raise ValueError("in a task")

    async def handler() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(breaks)

    for method in ("GET", "POST"):
        answer = await fail(Lilya(routes=[Path("/", handler, methods=[method], on_disconnect=option)]), "/", method)
        assert type(answer.error) is ValueError


async def test_the_tasks_of_a_request_end_before_its_answer_is_complete_for_the_server() -> None:
    log: list[str] = []

    async def work() -> None:
        await anyio.sleep(1)
        log.append("task")

    async def handler(task_group: TaskGroup) -> str:
        task_group.start_soon(work)
        return "answered"

    answer = await call(Lilya(routes=[Path("/", handler)]))
    assert (answer.json, log) == ("answered", ["task"])


async def test_a_streaming_body_lives_off_the_tasks_of_its_request() -> None:
    async def handler(task_group: TaskGroup) -> StreamingResponse:
        sending, receiving = anyio.create_memory_object_stream[str](0)

        async def produce() -> None:
            with sending:
                for piece in "abc":
                    await sending.send(piece)

        task_group.start_soon(produce)
        return StreamingResponse(receiving)

    assert (await call(Lilya(routes=[Path("/", handler)]))).text == "abc"


async def test_a_failing_task_cancels_the_handler_and_is_what_is_answered() -> None:
    log: list[str] = []

    async def breaks() -> None:
        raise ValueError("in a task")

    async def handler(task_group: TaskGroup) -> None:
        task_group.start_soon(breaks)
        try:
            await anyio.sleep(10)
        finally:
            log.append("left")

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert (answer.status, str(answer.error), log) == (500, "in a task", ["left"])


@pytest.mark.parametrize("kind", ["GET", "POST", "websocket"])
async def test_a_handler_that_cancels_its_nursery_when_it_is_done_is_answered_all_the_same(kind: str) -> None:
    async def handler(task_group: TaskGroup) -> dict[str, int]:
        task_group.start_soon(anyio.sleep_forever)
        task_group.cancel_scope.cancel()
        return {"a": 1}

    async def socket(websocket: WebSocket, task_group: TaskGroup) -> None:
        await websocket.accept()
        task_group.start_soon(anyio.sleep_forever)
        task_group.cancel_scope.cancel()

    app = Lilya(routes=[Path("/", handler, methods=["GET", "POST"]), WebSocketPath("/", socket)])
    if kind == "websocket":
        assert (await talk(app)).closed == (1000, "")
    else:
        assert (await call(app, "/", kind)).json == {"a": 1}


async def test_a_handler_that_cancels_its_nursery_and_so_itself_is_an_error_that_says_so() -> None:
    async def handler(task_group: TaskGroup) -> str:
        task_group.cancel_scope.cancel()
        await anyio.sleep(1)
        return "never"

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert answer.status == 500
    assert "cancelled its own nursery before it returned" in str(answer.error)


async def test_a_handler_that_opens_and_cancels_a_nursery_of_its_own_is_answered() -> None:
    async def handler() -> str:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(anyio.sleep_forever)
            nursery.cancel_scope.cancel()
        return "done"

    assert (await call(Lilya(routes=[Path("/", handler)]))).json == "done"


async def wants_nursery(nursery: Any) -> str:
    return type(nursery).__module__.partition(".")[0]


async def socket_wants_nursery(websocket: WebSocket, it: trio.Nursery) -> None:
    await websocket.accept()
    await websocket.send_text(type(it).__module__.partition(".")[0])


async def test_a_real_trio_nursery_is_given_where_there_is_trio(backend: str) -> None:
    app = Lilya(routes=[Path("/", wants_nursery), WebSocketPath("/", socket_wants_nursery)])
    if backend == "trio":
        async with running(app):
            assert (await call(app)).json == "trio"
            assert (await talk(app)).sent[1]["text"] == "trio"


@pytest.mark.parametrize("nested", ["flat", "include", "router", "child", "websocket"])
async def test_asking_for_a_trio_nursery_on_asyncio_fails_at_start_up_wherever_the_handler_is(
    nested: str, backend: str
) -> None:
    route = Path("/", wants_nursery)
    app = {
        "flat": lambda: Lilya(routes=[route]),
        "include": lambda: Lilya(routes=[Include("/a", routes=[route])]),
        "router": lambda: Lilya(routes=[Include("/a", app=Router([route]))]),
        "child": lambda: Lilya(routes=[Include("/a", app=ChildLilya(routes=[route]))]),
        "websocket": lambda: Lilya(routes=[WebSocketPath("/", socket_wants_nursery)]),
    }[nested]()
    if backend == "asyncio":
        sent, error = await fail_to_start(app)
        assert isinstance(error, ImproperlyConfigured)
        assert "Path(path='/'" in sent[-1]["message"]
        assert "ask for `task_group`" in sent[-1]["message"]
    else:
        async with running(app):
            pass


async def test_path_parameters_reach_websocket_functions() -> None:
    async def handler(sock: WebSocket, room: str, number: int = 7) -> None:
        await sock.accept()
        await sock.send_json([room, number, await sock.receive_text()])

    app = Lilya(routes=[WebSocketPath("/{room}", handler), WebSocketPath("/{room}/{number:int}", handler)])
    assert (await talk(app, "/lobby", text("hi"))).sent[1]["text"] == '["lobby",7,"hi"]'
    assert (await talk(app, "/lobby/3", text("hi"))).sent[1]["text"] == '["lobby",3,"hi"]'


async def test_an_async_generator_is_no_answer() -> None:
    async def handler() -> AsyncIterator[int]:
        yield 1

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert isinstance(answer.error, ValueError)
