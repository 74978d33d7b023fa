"""Long polling done whole: no event lost between two polls, polite on shutdown, nothing left when clients vanish.

    python examples/longpoll.py
    curl 'http://127.0.0.1:8000/events?after=0'         # waits; answers {"events": [...], "after": 1}
    curl -X POST http://127.0.0.1:8000/events -d 'first'

A client asks for what came after the last event it saw, and gets it at once if there is any. Otherwise it waits: until
something happens, until 25 s are over (204: ask again), or until the server drains (204 at once, with `Retry-After`).
When it leaves, its handler is cancelled; `finally` is where to count it out.

What it leaves out: more than one process (the events live in this one), and authentication.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from lilya.apps import Lilya
from lilya.exceptions import BadRequest
from lilya.requests import Request
from lilya.responses import JSONResponse, Response
from lilya.routing import Path
from lilya.servers import run

HISTORY = 1000  # events kept for those who come late
PATIENCE = 25.0  # seconds; shorter than the minute after which proxies give up


class Events:
    """A numbered, bounded history, and an event that says it grew."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: deque[tuple[int, str]] = deque(maxlen=HISTORY)
        self.grown = anyio.Event()
        self.waiting = 0

    def add(self, text: str) -> int:
        self.count += 1
        self.kept.append((self.count, text))
        self.grown.set()
        self.grown = anyio.Event()
        return self.count

    def after(self, number: int) -> list[tuple[int, str]]:
        return [event for event in self.kept if event[0] > number]


async def publish(request: Request) -> Response:
    return JSONResponse({"number": request.app.state.events.add(await request.text())}, status_code=201)


async def poll(request: Request) -> Response:
    events: Events = request.app.state.events
    after = request.query_params.get("after", "0")
    if not after.isascii() or not after.isdigit():
        raise BadRequest(f"'after' is the number of the last event you saw, not {after!r}")
    events.waiting += 1
    try:
        with anyio.move_on_after(PATIENCE):
            while not events.after(int(after)) and not request.draining:
                await first_of(events.grown.wait, request.wait_draining)
    finally:
        events.waiting -= 1  # also when the client has left: the handler was cancelled
    news = events.after(int(after))
    if not news:
        return Response(status_code=204, headers={"retry-after": "1"} if request.draining else None)
    return JSONResponse({"events": [text for _, text in news], "after": news[-1][0]})


async def first_of(*waits: Callable[[], Awaitable[object]]) -> None:
    """Wait until one of them is done; the others are cancelled."""
    async with anyio.create_task_group() as race:

        async def run_one(wait: Callable[[], Awaitable[object]]) -> None:
            await wait()
            race.cancel_scope.cancel()

        for wait in waits:
            race.start_soon(run_one, wait)


async def status(request: Request) -> dict[str, int]:
    events: Events = request.app.state.events
    return {"waiting": events.waiting, "events": events.count}


app = Lilya(
    routes=[
        Path("/events", poll),
        Path("/events", publish, methods=["POST"]),
        Path("/status", status),
    ]
)


@app.on_event("startup")
async def prepare() -> None:
    app.state.events = Events()


if __name__ == "__main__":
    run(app, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")  # hypercorn on trio
