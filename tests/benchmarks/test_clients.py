"""What the test clients cost: a ratio to what they stand on, in CPU time and in turns, never a time."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from lilya.apps import Lilya
from lilya.routing import Path
from lilya.testclient import AsyncTestClient, TestClient
from tests.benchmarks.test_marks import is_traced

# A GET of ours, by one of httpx's own transport, which runs the application in the client's task and watches nothing.
MOST_OF_A_GET = 1.5
# Opening and closing a sync client, by doing so with the thread and the event loop it stands on.
MOST_OF_A_START = 6.0
ATTEMPTS = 3
CALLS, ROUNDS = 40, 9

pytestmark = [pytest.mark.skipif(is_traced(), reason="the lines are being counted")]


async def home() -> str:
    return "hello"


async def get_ratio() -> float:
    """The median, over the rounds, of our time by theirs."""
    app: Any = Lilya(routes=[Path("/", home)])
    transport = httpx.ASGITransport(app)
    ratios = []
    async with AsyncTestClient(app) as ours, httpx.AsyncClient(transport=transport, base_url="http://test") as theirs:
        for number in range(ROUNDS + 1):
            taken = {}
            for client in (ours, theirs) if number % 2 else (theirs, ours):
                gc.collect()
                before = time.thread_time()
                for _ in range(CALLS):
                    assert (await client.get("/")).status_code == 200
                taken[client] = time.thread_time() - before
            ratios.append(taken[ours] / taken[theirs])
    return statistics.median(ratios[1:])  # the first warms up


def test_a_get_costs_little_more_than_with_the_transport_of_httpx(backend: str) -> None:
    ratios = []
    for _ in range(ATTEMPTS):
        ratios.append(anyio.run(get_ratio, backend=backend))
        if ratios[-1] <= MOST_OF_A_GET:
            return
    pytest.fail(f"{', '.join(f'{ratio:.2f}' for ratio in ratios)} times httpx.ASGITransport, at most {MOST_OF_A_GET}")


def cpu_seconds(use: Callable[[], None]) -> float:
    """The least of some, of the process: it takes a thread."""
    taken = []
    for _ in range(ROUNDS):
        before = time.process_time()
        use()
        taken.append(time.process_time() - before)
    return min(taken)


def test_a_sync_client_starts_and_stops_fast(backend: Any) -> None:
    app = Lilya(routes=[Path("/", home)])

    def portal() -> None:
        with start_blocking_portal(backend):
            pass

    def client() -> None:
        with TestClient(app, backend=backend):
            pass

    ratios = []
    for _ in range(ATTEMPTS):
        ratios.append(cpu_seconds(client) / cpu_seconds(portal))
        if ratios[-1] <= MOST_OF_A_START:
            return
    pytest.fail(f"{', '.join(f'{ratio:.1f}' for ratio in ratios)} times an empty event loop, at most {MOST_OF_A_START}")
