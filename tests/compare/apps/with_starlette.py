"""The situations in Starlette."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.compare import work


@asynccontextmanager
async def lifespan(app: Any) -> AsyncGenerator[None]:
    if "FAIL" in os.environ:
        raise ValueError("the lifespan fails")
    yield


async def ping(request: Request) -> PlainTextResponse:
    return PlainTextResponse("pong")


async def slow(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await work.slow())


async def asks(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await work.asks(request.is_disconnected))


async def ticks(request: Request) -> StreamingResponse:
    return StreamingResponse(work.ticks())


async def silence(request: Request) -> StreamingResponse:
    return StreamingResponse(work.silence())


async def spin(request: Request) -> StreamingResponse:
    return StreamingResponse(work.spin())


async def blocking(request: Request) -> StreamingResponse:
    return StreamingResponse(work.blocking())


async def tasks(request: Request) -> PlainTextResponse:
    return PlainTextResponse(
        "ok", background=BackgroundTasks([BackgroundTask(work.fails), BackgroundTask(work.second)])
    )


async def late(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok", background=BackgroundTask(work.late))


async def missing() -> None:
    raise HTTPException(404)


async def group(request: Request) -> PlainTextResponse:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(missing)
    return PlainTextResponse("ok")


async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    await work.feed()


app = Starlette(
    routes=[
        Route("/ping", ping),
        Route("/slow", slow),
        Route("/asks", asks),
        Route("/ticks", ticks),
        Route("/silence", silence),
        Route("/spin", spin),
        Route("/blocking", blocking),
        Route("/tasks", tasks),
        Route("/late", late),
        Route("/group", group),
        WebSocketRoute("/feed", feed),
    ],
    lifespan=lifespan,
)
