"""The situations in Lilya."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from lilya.apps import Lilya
from lilya.background import Task, Tasks
from lilya.exceptions import NotFound
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.servers import run
from lilya.websockets import WebSocket
from tests.compare import work


@asynccontextmanager
async def lifespan(app: Any) -> AsyncGenerator[None]:
    if "FAIL" in os.environ:
        raise ValueError("the lifespan fails")
    yield


async def ping() -> PlainText:
    return PlainText("pong")


async def slow() -> PlainText:
    return PlainText(await work.slow())


async def asks(request: Request) -> PlainText:
    return PlainText(await work.asks(request.is_disconnected))


async def ticks() -> StreamingResponse:
    return StreamingResponse(work.ticks())


async def silence() -> StreamingResponse:
    return StreamingResponse(work.silence())


async def spin() -> StreamingResponse:
    return StreamingResponse(work.spin())


async def blocking() -> StreamingResponse:
    return StreamingResponse(work.blocking())


async def tasks() -> PlainText:
    return PlainText("ok", background=Tasks([Task(work.fails), Task(work.second)]))


async def late() -> PlainText:
    return PlainText("ok", background=Task(work.late))


async def missing() -> None:
    raise NotFound


async def group() -> PlainText:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(missing)
    return PlainText("ok")


async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    await work.feed()


app = Lilya(
    routes=[
        Path("/ping", ping),
        Path("/slow", slow),
        Path("/asks", asks),
        Path("/ticks", ticks),
        Path("/silence", silence),
        Path("/spin", spin),
        Path("/blocking", blocking),
        Path("/tasks", tasks),
        Path("/late", late),
        Path("/group", group),
        WebSocketPath("/feed", feed),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    run(app, "127.0.0.1:0", drain_timeout=3)
