"""The situations in Litestar."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from litestar import Litestar, Response, WebSocket, get, websocket
from litestar.background_tasks import BackgroundTask, BackgroundTasks
from litestar.exceptions import NotFoundException
from litestar.response import Stream

from tests.compare import work


@asynccontextmanager
async def lifespan(app: Any) -> AsyncGenerator[None]:
    if "FAIL" in os.environ:
        raise ValueError("the lifespan fails")
    yield


@get("/ping")
async def ping() -> str:
    return "pong"


@get("/slow")
async def slow() -> str:
    return await work.slow()


@get("/ticks")
async def ticks() -> Stream:
    return Stream(work.ticks())


@get("/silence")
async def silence() -> Stream:
    return Stream(work.silence())


@get("/spin")
async def spin() -> Stream:
    return Stream(work.spin())


@get("/blocking")
async def blocking() -> Stream:
    return Stream(work.blocking())


@get("/tasks")
async def tasks() -> Response[str]:
    return Response("ok", background=BackgroundTasks([BackgroundTask(work.fails), BackgroundTask(work.second)]))


@get("/late")
async def late() -> Response[str]:
    return Response("ok", background=BackgroundTask(work.late))


async def missing() -> None:
    raise NotFoundException


@get("/group")
async def group() -> str:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(missing)
    return "ok"


@websocket("/feed")
async def feed(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await work.feed()


app = Litestar(
    [ping, slow, ticks, silence, spin, blocking, tasks, late, group, feed],
    lifespan=[lifespan],
)
