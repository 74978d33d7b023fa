"""The situations in Quart-Trio."""

from __future__ import annotations

import os
from typing import Any

import anyio
from quart import abort, websocket
from quart_trio import QuartTrio

from tests.compare import work


async def start() -> None:
    if "FAIL" in os.environ:
        raise ValueError("the lifespan fails")


async def ping() -> str:
    return "pong"


async def slow() -> str:
    return await work.slow()


async def ticks() -> Any:
    return work.ticks()


async def silence() -> Any:
    return work.silence()


async def spin() -> Any:
    return work.spin()


async def blocking() -> Any:
    return work.blocking()


async def tasks() -> str:
    app.add_background_task(work.fails)
    app.add_background_task(work.second)
    return "ok"


async def late() -> str:
    app.add_background_task(work.late)
    return "ok"


async def missing() -> None:
    abort(404)


async def group() -> str:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(missing)
    return "ok"


async def feed() -> None:
    await websocket.accept()
    await work.feed()


app = QuartTrio(__name__)
app.config["RESPONSE_TIMEOUT"] = None
app.before_serving(start)
for handler in (ping, slow, ticks, silence, spin, blocking, tasks, late, group):
    app.route(f"/{handler.__name__}")(handler)
app.websocket("/feed")(feed)
