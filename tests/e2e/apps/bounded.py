"""An application with deadlines, limits and a nursery that feeds a body. It says how its work ends."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator

import anyio
from anyio.abc import TaskGroup

from lilya._define import DefineMiddleware
from lilya.apps import Lilya
from lilya.middleware.deadline import DeadlineMiddleware
from lilya.requests import Request
from lilya.responses import StreamingResponse
from lilya.routing import Path


def say(words: str) -> None:
    """Write a line to the log of the process."""
    sys.stdout.write(f"{words}\n")


async def slow() -> None:
    """Never answer."""
    try:
        await anyio.sleep_forever()
    finally:
        say("slow ended")


async def ticks() -> StreamingResponse:
    """A stream without an end."""

    async def body() -> AsyncGenerator[str]:
        try:
            while True:
                yield "tick "
                await anyio.sleep(0.1)
        finally:
            say("ticks ended")

    return StreamingResponse(body())


async def fed(task_group: TaskGroup) -> StreamingResponse:
    """A stream without an end, fed by a task of the request."""
    to_body, body = anyio.create_memory_object_stream[bytes](0)

    async def feed() -> None:
        try:
            async with to_body:
                while True:
                    await to_body.send(b"piece ")
        finally:
            say("feeder ended")

    task_group.start_soon(feed)
    return StreamingResponse(body)


async def few() -> str:
    """Take a moment."""
    await anyio.sleep(0.2)
    return "done"


async def left(request: Request) -> float:
    """How many seconds are left."""
    return request.deadline


app = Lilya(
    routes=[
        Path("/slow", slow, methods=["GET", "POST"], timeout=0.3),
        Path("/ticks", ticks, timeout=0.5),
        Path("/fed", fed, methods=["GET", "POST"]),
        Path("/few", few, limiter=2),
        Path("/left", left),
    ],
    middleware=[DefineMiddleware(DeadlineMiddleware, 60, header="Request-Timeout")],
)
