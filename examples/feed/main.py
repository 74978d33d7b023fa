"""A live dashboard over server-sent events. See README.md.

python examples/feed/main.py
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path as FilePath

import anyio
from anyio.abc import TaskStatus

from lilya.apps import Lilya
from lilya.concurrency import Service
from lilya.pubsub import MemoryPubSub
from lilya.requests import Request
from lilya.responses import EventStreamResponse, HTMLResponse
from lilya.routing import Path
from lilya.servers import run

PAGE = (FilePath(__file__).parent / "page.html").read_text(encoding="utf-8")
EVERY = 0.5  # seconds between two samples
KEPT = 120  # samples: a minute

pubsub = MemoryPubSub(history=KEPT)


async def measure(*, task_status: TaskStatus[None]) -> None:
    """Publish what this process uses, and how late the event loop is, for as long as the server runs."""
    task_status.started()
    before, used = anyio.current_time(), time.process_time()
    while True:
        await anyio.sleep(EVERY)
        now, uses = anyio.current_time(), time.process_time()
        sample = {
            "at": time.time(),
            "cpu": round(100 * (uses - used) / (now - before), 1),
            "late": round(1000 * max(0.0, now - before - EVERY), 2),
            "load": round(os.getloadavg()[0], 2),
            "listeners": pubsub.statistics().subscribers,
        }
        before, used = now, uses
        await pubsub.publish("sample", sample)


async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


async def events(request: Request) -> EventStreamResponse:
    after = request.last_event_id
    subscription = pubsub.subscribe("sample", after="" if after is None else after, overflow="drop_oldest")
    return EventStreamResponse(subscription, retry=1000, send_timeout=30)


app = Lilya(
    routes=[Path("/", page), Path("/events", events)],
    services=[Service(measure, restart="on-failure")],
)

if __name__ == "__main__":
    run(app, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")  # hypercorn on trio
