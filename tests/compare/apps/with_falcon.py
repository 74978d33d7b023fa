"""The situations in Falcon, which streams no sync iterables: that one is left out."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import falcon
import falcon.asgi

from tests.compare import work


class Starts:
    """A middleware that lives with the application."""

    async def process_startup(self, scope: Any, event: Any) -> None:
        if "FAIL" in os.environ:
            raise ValueError("the lifespan fails")


class Answer:
    """A resource that answers what a function says."""

    def __init__(self, function: Callable[[], Awaitable[str]], *background: Callable[[], Awaitable[None]]) -> None:
        self.function = function
        self.background = background

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.text = await self.function()
        for task in self.background:
            resp.schedule(task)


class Streams:
    """A resource that streams what a function yields."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.stream = self.function()


class Feed:
    """A resource for a websocket."""

    async def on_websocket(self, req: Any, ws: Any) -> None:
        await ws.accept()
        await work.feed()


async def ping() -> str:
    return "pong"


async def ok() -> str:
    return "ok"


async def missing() -> None:
    raise falcon.HTTPNotFound


async def group() -> str:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(missing)
    return "ok"


app = falcon.asgi.App(middleware=[Starts()])
app.add_route("/ping", Answer(ping))
app.add_route("/slow", Answer(work.slow))
app.add_route("/ticks", Streams(work.ticks))
app.add_route("/silence", Streams(work.silence))
app.add_route("/spin", Streams(work.spin))
app.add_route("/tasks", Answer(ok, work.fails, work.second))
app.add_route("/late", Answer(ok, work.late))
app.add_route("/group", Answer(group))
app.add_route("/feed", Feed())
