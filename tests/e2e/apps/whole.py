"""A Lilya application with one path for each thing the servers are asked about.

What happens it says in its log, one line each: what, the `id` the client gave, and when (`time.monotonic`, which all
processes of a machine share). Work that must not end by itself waits until somebody posts to `/release`.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.authentication import BasicAuthBackend
from lilya.background import Task, Tasks
from lilya.exceptions import WebSocketDisconnect
from lilya.middleware import DefineMiddleware
from lilya.middleware.authentication import AuthenticationMiddleware
from lilya.middleware.capacity import CapacityMiddleware
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.compression import CompressionMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.deadline import DeadlineMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware
from lilya.middleware.lilya_exception import LilyaExceptionMiddleware
from lilya.middleware.ratelimit import RateLimitMiddleware
from lilya.middleware.security import SecurityMiddleware
from lilya.middleware.session_fixing import SessionFixingMiddleware
from lilya.middleware.sessions import MemorySessionStore, SessionMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.requests import Request
from lilya.responses import EventStreamResponse, JSONResponse, PlainText, RedirectResponse, Response, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.websockets import WebSocket

PIECE = b"x" * 65536


def say(what: str, who: Request | WebSocket | str, *more: object) -> None:
    """Write a line to the log of the process."""
    name = who if isinstance(who, str) else who.query_params.get("id", "-")
    sys.stdout.write(" ".join(map(str, (what, name, time.monotonic(), *more))) + "\n")


@contextlib.contextmanager
def told(what: str, who: Request | WebSocket) -> Iterator[None]:
    """Say "began" and, however it ends, "left" and by what."""
    say("began", who, what)
    try:
        yield
    except BaseException as exc:
        say("left", who, type(exc).__name__)
        raise
    else:
        say("left", who, "returned")


# -- plain answers ----------------------------------------------------------------------------------------------------


async def home() -> dict[str, Any]:
    return {"hello": "world", "é": [1, 2.5, None, True]}


async def item(id: int) -> dict[str, int]:
    return {"id": id}


async def add(request: Request) -> JSONResponse:
    return JSONResponse({"got": await request.json()}, status_code=201)


async def file(path: str) -> PlainText:
    return PlainText(path)


async def old() -> RedirectResponse:
    return RedirectResponse("/items/7")


async def text(request: Request) -> PlainText:
    return PlainText(await request.text())


async def form(request: Request) -> dict[str, int]:
    return {"fields": len(await request.form())}


async def everything(request: Request) -> dict[str, Any]:
    """Look at all a request has."""
    return {
        "url": str(request.url),
        "query": list(request.query_params.multi_items()),
        "headers": len(request.headers),
        "cookies": request.cookies,
        "type": request.content_type,
        "path": request.path_params,
    }


async def length(request: Request) -> dict[str, int]:
    with told("reading", request):
        return {"length": len(await request.body())}


async def large() -> PlainText:
    """More than buffers hold."""
    return PlainText("x" * 1_000_000)


def blocking() -> PlainText:
    """A sync handler: it runs in a thread."""
    time.sleep(0.05)
    return PlainText("done")


# -- the state of the process -----------------------------------------------------------------------------------------


async def statistics(request: Request) -> dict[str, Any]:
    found = app.statistics()
    return {
        "exchanges": len(found.exchanges) - 1,  # this one
        "tasks": [task.name for task in found.tasks],
        "threads": found.threads,
        "waiting": app.state.waiting,
        "produced": app.state.produced,
    }


async def memory() -> int:
    """How many blocks of memory are in use."""
    gc.collect()
    return sys.getallocatedblocks()


async def release(request: Request) -> Response:
    app.state.released.set()
    app.state.released = anyio.Event()
    return Response(status_code=204)


# -- streams ----------------------------------------------------------------------------------------------------------


async def two(request: Request) -> StreamingResponse:
    """Two pieces; the second one is made when it is released."""

    async def pieces() -> AsyncIterator[str]:
        yield "one\n"
        await app.state.released.wait()
        yield "two\n"

    return StreamingResponse(pieces(), media_type="text/plain")


async def endless(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        with told("stream", request):
            while True:
                yield "more\n"
                await anyio.sleep(0.01)

    return StreamingResponse(pieces())


async def idle(request: Request) -> StreamingResponse:
    """One piece, then nothing for ever."""

    async def pieces() -> AsyncIterator[str]:
        with told("stream", request):
            yield "one\n"
            say("idle", request)
            await anyio.sleep_forever()

    return StreamingResponse(pieces())


async def events(request: Request) -> EventStreamResponse:
    """Two events, the second one when it is released; then nothing for ever. The session knows who came."""
    request.session["user"] = request.user.display_name

    async def pieces() -> AsyncIterator[dict[str, str]]:
        with told("stream", request):
            released = app.state.released  # that of now: the client may be faster than this generator
            yield {"data": "one"}
            await released.wait()
            yield {"data": "two"}
            say("idle", request)
            await anyio.sleep_forever()

    return EventStreamResponse(pieces())


async def flood(request: Request) -> StreamingResponse:
    """As much as the client takes, and never a pause."""

    async def pieces() -> AsyncIterator[bytes]:
        with told("stream", request):
            while True:
                app.state.produced += len(PIECE)
                yield PIECE

    return StreamingResponse(pieces())


async def nursery(request: Request) -> StreamingResponse:
    """A generator that holds a nursery across its `yield`."""

    async def pieces() -> AsyncIterator[str]:
        send, receive = anyio.create_memory_object_stream[str](0)

        async def produce() -> None:
            try:
                while True:
                    await send.send("more\n")
                    await anyio.sleep(0.01)
            finally:
                send.close()
                say("producer", request)

        task = anyio.get_current_task().id
        with told("stream", request):
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(produce)
                    async with receive:
                        async for piece in receive:
                            yield piece
            finally:
                say("in", request, "the same task" if task == anyio.get_current_task().id else "another task")

    return StreamingResponse(pieces())


async def broken(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        yield "one\n"
        raise RuntimeError("in the middle")

    return StreamingResponse(pieces())


# -- handlers that wait -----------------------------------------------------------------------------------------------


async def sleep(request: Request) -> None:
    with told("sleeping", request):
        await anyio.sleep_forever()


async def poll(request: Request) -> None:
    with told("polling", request):
        while not await request.is_disconnected():  # noqa: ASYNC110 (asking again and again is the point)
            await anyio.sleep(0.005)


async def wait(request: Request) -> Response:
    """A long poll; counted, and not said."""
    app.state.waiting += 1
    try:
        await app.state.released.wait()
    finally:
        app.state.waiting -= 1
    return Response(status_code=204)


async def helped(request: Request, task_group: TaskGroup) -> None:
    """A handler with a nursery of its own."""

    async def help() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            say("helper", request)

    task_group.start_soon(help)
    with told("sleeping", request):
        await anyio.sleep_forever()


# -- background -------------------------------------------------------------------------------------------------------


async def work(id: str) -> None:
    say("working", id)
    await app.state.released.wait()
    say("worked", id)


async def fail(id: str) -> None:
    raise RuntimeError(f"background {id}")


async def later(request: Request) -> PlainText:
    return PlainText("at once", background=Task(work, request.query_params["id"]))


async def detached(request: Request) -> PlainText:
    return PlainText("at once", background=Task(work, request.query_params["id"], detached=True))


async def mixed(request: Request) -> PlainText:
    id = request.query_params["id"]
    return PlainText("at once", background=Tasks([Task(fail, id), Task(work, id)], as_group=True))


# -- websockets -------------------------------------------------------------------------------------------------------


async def echo(websocket: WebSocket) -> None:
    with told("websocket", websocket):
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect as exc:
            say("code", websocket, exc.code)


async def feed(websocket: WebSocket) -> None:
    """Only sends."""
    with told("websocket", websocket):
        await websocket.accept()
        while True:
            await websocket.send_text("news")
            await anyio.sleep(0.01)


async def mute(websocket: WebSocket) -> None:
    """Neither sends nor receives."""
    with told("websocket", websocket):
        await websocket.accept()
        await anyio.sleep_forever()


async def farewell(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close(4001, "the server says so")


async def brief(websocket: WebSocket) -> None:
    await websocket.accept()


async def boom(websocket: WebSocket) -> None:
    await websocket.accept()
    raise RuntimeError("a secret")


async def refuse(websocket: WebSocket) -> None:
    await websocket.close()


# -- the application --------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def lifespan(app: Lilya) -> AsyncIterator[None]:
    app.state.released = anyio.Event()
    app.state.waiting = app.state.produced = 0
    yield


GUARDS: list[Any] = [
    DefineMiddleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"]),
    DefineMiddleware(ClientIPMiddleware, trusted_proxies=["*"]),
    DefineMiddleware(TrustedReferrerMiddleware),
    DefineMiddleware(SecurityMiddleware, "default-src 'self'"),
    DefineMiddleware(XFrameOptionsMiddleware),
    DefineMiddleware(CORSMiddleware, allow_origins=["*"]),
    DefineMiddleware(RateLimitMiddleware, 1000, 60),
    DefineMiddleware(SessionMiddleware, "a key", store=MemorySessionStore()),
    DefineMiddleware(SessionFixingMiddleware),
    DefineMiddleware(CSRFMiddleware, "a key"),
    DefineMiddleware(AuthenticationMiddleware, BasicAuthBackend({"ada": "lovelace"})),
    DefineMiddleware(CapacityMiddleware, 100),
    DefineMiddleware(DeadlineMiddleware, 60),
    DefineMiddleware(LilyaExceptionMiddleware),
    DefineMiddleware(GlobalContextMiddleware),
    DefineMiddleware(CompressionMiddleware),
]

app = Lilya(
    lifespan=lifespan,
    routes=[
        Path("/", home),
        Path("/items/{id:int}", item),
        Path("/items", add, methods=["POST"]),
        Path("/files/{path:path}", file),
        Include("/under", routes=[Path("/", home, name="under"), Path("/{name}", everything)]),
        Path("/old", old),
        Path("/text", text, methods=["POST"]),
        Path("/form", form, methods=["POST"]),
        Path("/everything", everything),
        Path("/length", length, methods=["POST"]),
        Path("/large", large),
        Path("/blocking", blocking),
        Path("/statistics", statistics),
        Path("/memory", memory),
        Path("/release", release, methods=["POST"]),
        Path("/two", two),
        Path("/endless", endless),
        Path("/idle", idle),
        Include("/guarded", routes=[Path("/events", events)], middleware=GUARDS),
        Path("/flood", flood),
        Path("/nursery", nursery),
        Path("/broken", broken),
        Path("/sleep", sleep),
        Path("/sleep", sleep, methods=["POST"], on_disconnect="cancel"),
        Path("/poll", poll, methods=["GET", "POST"]),
        Path("/wait", wait),
        Path("/helped", helped),
        Path("/later", later, methods=["POST"]),
        Path("/detached", detached, methods=["POST"]),
        Path("/mixed", mixed, methods=["POST"]),
        WebSocketPath("/echo", echo),
        WebSocketPath("/feed", feed),
        WebSocketPath("/mute", mute),
        WebSocketPath("/farewell", farewell),
        WebSocketPath("/brief", brief),
        WebSocketPath("/boom", boom),
        WebSocketPath("/refuse", refuse),
    ],
)
