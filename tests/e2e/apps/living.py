"""A Lilya application with a life: services, tasks, work that notices the end and work that does not. It says all."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator

import anyio
from anyio.abc import TaskStatus

from lilya.apps import Lilya
from lilya.background import Task
from lilya.concurrency import Service
from lilya.requests import Request
from lilya.responses import PlainText, Response, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.websockets import WebSocket

# What fails: "startup", "service start", "shutdown", or nothing until somebody asks for it.
FAIL = os.environ.get("FAIL", "")
A_WHILE = 0.3  # seconds


def say(*words: str) -> None:
    """Write a line to the log of the process."""
    sys.stdout.write(" ".join(words) + "\n")


async def database(*, task_status: TaskStatus[None]) -> None:
    if FAIL == "service start":
        raise RuntimeError("on purpose")
    say("database starts")
    task_status.started()
    try:
        await anyio.sleep_forever()
    finally:
        say("database stops")


async def worker() -> None:
    """A service that fails when it is asked to."""
    say("worker starts")
    try:
        await app.state.failing.wait()
        raise RuntimeError("on purpose")
    finally:
        say("worker stops")


async def work(name: str) -> None:
    """Something that takes a while and ends by itself."""
    say(name, "begins")
    await anyio.sleep(A_WHILE)
    say(name, "ends")


async def fail() -> None:
    raise RuntimeError("on purpose")


async def quick() -> str:
    await anyio.sleep(0.02)
    return "quick"


async def slow() -> PlainText:
    app.state.slow += 1
    await anyio.sleep(A_WHILE)
    say("slow ends")
    return PlainText("at last")


async def asked() -> int:
    return int(app.state.slow)


async def wait(request: Request) -> Response:
    """A long poll that ends when the server drains."""
    await request.wait_draining()
    return Response(status_code=204)


async def stream(request: Request) -> StreamingResponse:
    """A stream that says goodbye when the server drains."""

    async def pieces() -> AsyncIterator[str]:
        yield "first "
        await request.wait_draining()
        yield "last"

    return StreamingResponse(pieces())


async def start() -> PlainText:
    """Start a task of the application, and one in the background."""
    app.start_soon(work, "task")
    return PlainText("started", background=Task(work, "background"))


async def crash(thing: str) -> PlainText:
    if thing == "service":
        app.state.failing.set()
    elif thing == "nursery":
        app.task_group.start_soon(fail)
    else:
        app.start_soon(fail)
    return PlainText("as you wish")


async def chat(websocket: WebSocket) -> None:
    """A websocket that is closed when the server drains."""
    await websocket.accept()
    await websocket.wait_draining()
    await websocket.send_text("goodbye")
    await websocket.close(1012, "restarting")


@contextlib.asynccontextmanager
async def lifespan(app: Lilya) -> AsyncIterator[None]:
    say("lifespan begins")
    app.state.failing = anyio.Event()
    app.state.slow = 0
    if FAIL == "startup":
        raise RuntimeError("on purpose")
    try:
        yield
    finally:
        say("lifespan ends")
    if FAIL == "shutdown":
        raise RuntimeError("on purpose")


app = Lilya(
    lifespan=lifespan,
    services=[Service(database), Service(worker, depends_on=["database"])],
    routes=[
        Path("/quick", quick),
        Path("/slow", slow),
        Path("/asked", asked),
        Path("/wait", wait),
        Path("/stream", stream),
        Path("/start", start, methods=["POST"]),
        Path("/crash/{thing}", crash, methods=["POST"]),
        WebSocketPath("/chat", chat),
    ],
)
