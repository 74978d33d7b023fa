"""Every kind of exchange: a route, and what its client sends. What they begin and end they write into a log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup

from lilya.background import Task
from lilya.controllers import WebSocketController
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.types import Message, Scope
from lilya.websockets import WebSocket
from tests.support.wire import CONNECT, GONE, http_scope, left, request, text, websocket_scope

__all__ = ["KINDS", "Kind", "Log"]

Log = list[str]


class Kind:
    """One kind of exchange: a route, and what the client sends."""

    def __init__(self, route: Callable[[Log], Any], scope: Callable[[], Scope], *messages: Message) -> None:
        self.route = route
        self.scope = scope
        self.messages = messages

    @property
    def gone(self) -> Message:
        return GONE if self.scope()["type"] == "http" else left()


@contextmanager
def entered(log: Log, name: str) -> Iterator[None]:
    log.append(f"enter {name}")
    try:
        yield
    finally:
        log.append(f"leave {name}")


def answers_at_once(log: Log) -> Any:
    async def handler() -> PlainText:
        with entered(log, "handler"):
            return PlainText("hello")

    return Path("/", handler)


def waits(log: Log) -> Any:
    async def handler() -> dict[str, int]:
        with entered(log, "handler"):
            await anyio.sleep(1)
            await anyio.sleep(1)
        return {"a": 1}

    return Path("/", handler)


def cleans_up_slowly(log: Log) -> Any:
    async def handler(request: Request) -> PlainText:
        async def close() -> None:
            with entered(log, "cleanup"):
                await anyio.sleep(0.1)

        request.add_cleanup(close)
        with entered(log, "handler"):
            try:
                await anyio.sleep(1)
            finally:
                with anyio.CancelScope(shield=True), entered(log, "handler's own"):
                    await anyio.sleep(0.1)
        return PlainText("done")

    return Path("/", handler)


def reads_the_body(log: Log) -> Any:
    async def handler(request: Request) -> JSONResponse:
        with entered(log, "handler"):
            body = await request.body()
        return JSONResponse(len(body))

    return Path("/", handler, methods=["POST"])


def asks_and_reads(log: Log) -> Any:
    async def handler(request: Request) -> PlainText:
        with entered(log, "handler"):
            for _ in range(3):
                if await request.is_disconnected():
                    return PlainText("gone")
                await anyio.sleep(0.1)
            return PlainText(str(len(await request.body())))

    return Path("/", handler, methods=["POST"])


def streams(log: Log) -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        with entered(log, "generator"):
            for n in range(3):
                yield b"%d" % n
                await anyio.sleep(0.1)

    async def handler() -> StreamingResponse:
        return StreamingResponse(pieces())

    return Path("/", handler)


def streams_fast(log: Log) -> Any:
    async def pieces() -> AsyncIterator[str]:
        log.append("enter generator")
        try:
            for n in range(3):
                yield str(n)
        finally:
            log.append("leave generator")

    async def handler() -> StreamingResponse:
        return StreamingResponse(pieces)

    return Path("/", handler)


def streams_from_a_nursery(log: Log) -> Any:
    async def pieces() -> AsyncIterator[str]:
        send, receive = anyio.create_memory_object_stream[int](1)

        async def produce() -> None:
            with entered(log, "producer"), send:
                for n in range(3):
                    await send.send(n)
                    await anyio.sleep(0.1)

        with entered(log, "generator"):
            async with anyio.create_task_group() as group:
                group.start_soon(produce)
                with receive:
                    async for n in receive:
                        yield str(n)

    async def handler() -> StreamingResponse:
        return StreamingResponse(pieces())

    return Path("/", handler)


def streams_a_context(log: Log) -> Any:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncIterator[str]]:
        async def pieces() -> AsyncIterator[str]:
            yield "a"
            await anyio.sleep(0.1)
            yield "b"

        with entered(log, "context"):
            yield pieces()

    async def handler() -> StreamingResponse:
        return StreamingResponse(opened())

    return Path("/", handler)


def streams_from_a_thread(log: Log) -> Any:
    def pieces() -> Iterator[str]:
        with entered(log, "iterator"):
            yield "a"
            yield "b"

    async def handler() -> StreamingResponse:
        return StreamingResponse(pieces())

    return Path("/", handler)


def echoes_the_body(log: Log) -> Any:
    async def handler(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            with entered(log, "generator"):
                async for piece in request.stream():
                    yield piece

        return StreamingResponse(pieces())

    return Path("/", handler, methods=["POST"])


def runs_a_task_behind(log: Log) -> Any:
    async def work() -> None:
        with entered(log, "task"):
            await anyio.sleep(1)

    async def handler() -> PlainText:
        return PlainText("accepted", background=Task(work))

    return Path("/", handler)


def runs_in_a_thread(log: Log) -> Any:
    def handler() -> PlainText:
        with entered(log, "handler"):
            return PlainText("thread")

    return Path("/", handler)


def has_a_nursery(log: Log) -> Any:
    async def child() -> None:
        with entered(log, "child"):
            await anyio.sleep(0.5)

    async def handler(task_group: TaskGroup) -> PlainText:
        with entered(log, "handler"):
            task_group.start_soon(child)
            await anyio.sleep(0.2)
        return PlainText("nursery")

    return Path("/", handler)


def reads_the_body_in_a_child(log: Log) -> Any:
    async def handler(request: Request, task_group: TaskGroup) -> PlainText:
        async def read() -> None:
            with entered(log, "reader"):
                await request.body()

        async def work() -> None:
            with entered(log, "worker"):
                await anyio.sleep(0.5)

        task_group.start_soon(read)
        task_group.start_soon(work)
        return PlainText("accepted")

    return Path("/", handler, methods=["POST"])


def guards_a_part(log: Log) -> Any:
    async def handler(request: Request) -> PlainText:
        with entered(log, "handler"):
            with request.cancel_on_disconnect():
                await anyio.sleep(0.5)
            return PlainText("whole")

    return Path("/", handler, methods=["POST"])


def behind_layers(log: Log) -> Any:
    class Layer:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
            with entered(log, "layer"):
                await Request(scope, receive).body()
                await self.app(scope, receive, send)

    async def handler(request: Request) -> PlainText:
        with entered(log, "handler"):
            await anyio.sleep(0.1)
            return PlainText(await request.text())

    return Include("/", routes=[Path("/", handler, methods=["POST"])], middleware=[Layer])


def echoes(log: Log) -> Any:
    async def handler(websocket: WebSocket) -> None:
        with entered(log, "handler"):
            await websocket.accept()
            async for message in websocket.iter_text():
                await websocket.send_text(message)

    return WebSocketPath("/", handler)


def feeds(log: Log) -> Any:
    async def handler(websocket: WebSocket) -> None:
        with entered(log, "handler"):
            await websocket.accept()
            for n in range(3):
                await websocket.send_json(n)
                await anyio.sleep(0.1)

    return WebSocketPath("/", handler)


def reads_and_feeds(log: Log) -> Any:
    async def handler(websocket: WebSocket, task_group: TaskGroup) -> None:
        async def feed() -> None:
            with entered(log, "feed"):
                for n in range(3):
                    await websocket.send_json(n)
                    await anyio.sleep(0.1)

        with entered(log, "handler"):
            await websocket.accept()
            task_group.start_soon(feed)
            async for _ in websocket.iter_text():
                pass

    return WebSocketPath("/", handler)


def reads_and_feeds_in_children(log: Log) -> Any:
    async def handler(websocket: WebSocket, task_group: TaskGroup) -> None:
        async def read() -> None:
            with entered(log, "reader"):
                while True:
                    await websocket.receive_text()

        async def feed() -> None:
            with entered(log, "feed"):
                while True:
                    await websocket.send_text("tick")
                    await anyio.sleep(0.1)

        await websocket.accept()
        task_group.start_soon(read)
        task_group.start_soon(feed)

    return WebSocketPath("/", handler)


def has_a_controller(log: Log) -> Any:
    class Talk(WebSocketController):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()

        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            async def read() -> None:
                with entered(log, "reader"):
                    while True:
                        await websocket.receive_text()

            with entered(log, "talk"):
                async with anyio.create_task_group() as group:
                    group.start_soon(read)
                    while True:
                        await websocket.send_text("tick")
                        await anyio.sleep(0.1)

    return WebSocketPath("/", Talk)


def refuses(log: Log) -> Any:
    async def handler(websocket: WebSocket) -> None:
        with entered(log, "handler"):
            await websocket.close(4003)

    return WebSocketPath("/", handler)


GET, POST = http_scope, lambda: http_scope(method="POST")
BODY = (request(b"abc", True), request(b"def", True), request(b"ghi"))
TALK = (CONNECT, text("a"), text("b"))

KINDS = {
    "answers at once": Kind(answers_at_once, GET, request()),
    "waits": Kind(waits, GET, request()),
    "cleans up slowly": Kind(cleans_up_slowly, GET, request()),
    "reads the body": Kind(reads_the_body, POST, *BODY),
    "asks and reads": Kind(asks_and_reads, POST, *BODY),
    "streams": Kind(streams, GET, request()),
    "streams fast": Kind(streams_fast, GET, request()),
    "streams from a nursery": Kind(streams_from_a_nursery, GET, request()),
    "streams a context": Kind(streams_a_context, GET, request()),
    "streams from a thread": Kind(streams_from_a_thread, GET, request()),
    "echoes the body": Kind(echoes_the_body, POST, *BODY),
    "runs a task behind": Kind(runs_a_task_behind, GET, request()),
    "runs in a thread": Kind(runs_in_a_thread, GET, request()),
    "has a nursery": Kind(has_a_nursery, GET, request()),
    "reads the body in a child": Kind(reads_the_body_in_a_child, POST, *BODY),
    "guards a part": Kind(guards_a_part, POST, *BODY),
    "behind layers": Kind(behind_layers, POST, *BODY),
    "echoes": Kind(echoes, websocket_scope, *TALK),
    "feeds": Kind(feeds, websocket_scope, CONNECT),
    "reads and feeds": Kind(reads_and_feeds, websocket_scope, *TALK),
    "reads and feeds in children": Kind(reads_and_feeds_in_children, websocket_scope, *TALK),
    "has a controller": Kind(has_a_controller, websocket_scope, *TALK),
    "refuses": Kind(refuses, websocket_scope, CONNECT),
}
