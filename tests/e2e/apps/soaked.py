"""What is soaked by `test_soak.py`: every kind of work, all of it on purpose cut short now and then.

`/measure` says what the process holds: tasks, threads, files, bytes. `?since=start` begins a comparison of the bytes.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.background import Task
from lilya.concurrency import Service, open_nursery
from lilya.protocols import Observer, Outcome
from lilya.requests import Request
from lilya.responses import EventStreamResponse, JSONResponse, PlainText, Response, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.types import Scope
from lilya.websockets import WebSocket

PIECE = b"x" * 65536


class OneLine(logging.Formatter):
    """One line for each record, an exception included: a test reads them all."""

    def format(self, record: logging.LogRecord) -> str:
        why = f" <- {record.exc_info[1]!r}" if record.exc_info else ""
        return f"{record.levelname} {record.name}: {record.getMessage()}{why}"


handler = logging.StreamHandler()
handler.setFormatter(OneLine())
logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Ends(Observer):
    """Counts how exchanges end: as many begin as end."""

    def __init__(self) -> None:
        self.open = 0
        self.outcomes: dict[str, int] = {}

    def exchange_started(self, scope: Scope) -> None:
        self.open += 1

    def exchange_ended(self, scope: Scope, outcome: Outcome, status: int | None, seconds: float) -> None:
        self.open -= 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


ends = Ends()
start: list[tracemalloc.Snapshot] = []


async def plain() -> dict[str, str]:
    return {"it": "is plain"}


async def poll(request: Request) -> Response:
    with anyio.move_on_after(0.3):
        await request.wait_draining()
    return Response(status_code=204)


async def waits() -> None:
    await anyio.sleep_forever()


async def group(task_group: TaskGroup) -> dict[str, int]:
    async def part(inner: TaskGroup) -> None:
        await anyio.sleep(random.uniform(0, 0.1))
        if random.random() < 0.3:
            inner.cancel_scope.cancel()

    async with open_nursery() as inner:
        for _ in range(5):
            task_group.start_soon(anyio.sleep, random.uniform(0, 0.1))
            inner.start_soon(part, inner)
        await anyio.sleep(random.uniform(0, 0.1))
    return {"parts": 5}


async def upload(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


async def form(request: Request) -> dict[str, int]:
    return {"fields": len(await request.form())}


async def flood() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    return StreamingResponse(pieces())


async def ticks() -> EventStreamResponse:
    async def events() -> AsyncIterator[str]:
        while True:
            yield "tick"
            await anyio.sleep(0.01)

    return EventStreamResponse(events(), ping_interval=0.02)


def blocking() -> str:
    time.sleep(0.02)
    return "done"


async def follow_up(request: Request) -> PlainText:
    async def work() -> None:
        await anyio.sleep(0.05)

    return PlainText("", background=Task(work, detached="detached" in request.query_params))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text("news")
        await anyio.sleep(0.01)


async def flaky() -> None:
    await anyio.sleep(random.uniform(0, 1))
    raise RuntimeError("on purpose")


async def measure(request: Request) -> JSONResponse:
    statistics = request.app.statistics()
    if "idle" in request.query_params:  # asked again and again
        return JSONResponse(len(statistics.exchanges) == 1 and not statistics.tasks and not statistics.threads)
    for _ in range(3):
        gc.collect()
    others = tracemalloc.Filter(False, tracemalloc.__file__)  # what it keeps for itself is none of our growth
    snapshot = tracemalloc.take_snapshot().filter_traces([others])
    grown: list[str] = []
    if "since" in request.query_params:
        start[:] = [snapshot]
    elif start:
        grown = [str(each) for each in snapshot.compare_to(start[0], "lineno")[:10]]
    restarts = sum(each.restarts for each in statistics.services)
    return JSONResponse(
        {
            "tasks": sorted(str(each.name) for each in anyio.get_running_tasks()),
            "threads": threading.active_count(),
            "files": len(os.listdir("/proc/self/fd")),
            "bytes": sum(each.size for each in snapshot.traces),
            "grown": grown,
            "restarts": restarts,
            "outcomes": ends.outcomes,
            "open": ends.open,
        }
    )


routes: dict[str, Callable[..., Any]] = {
    "/plain": plain,
    "/poll": poll,
    "/waits": waits,
    "/group": group,
    "/flood": flood,
    "/ticks": ticks,
    "/blocking": blocking,
    "/follow-up": follow_up,
    "/measure": measure,
}

app = Lilya(
    routes=[
        *(Path(path, function) for path, function in routes.items()),
        Path("/upload", upload, methods=["POST"]),
        Path("/form", form, methods=["POST"]),
        WebSocketPath("/echo", echo),
        WebSocketPath("/feed", feed),
    ],
    services=[
        Service(waits, name="steady"),
        Service(flaky, restart="always", max_restarts=10_000, backoff=(0.05, 0.1), depends_on=["steady"]),
    ],
    observers=[ends],
)

tracemalloc.start()
