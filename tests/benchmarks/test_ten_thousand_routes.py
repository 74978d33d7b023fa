"""Ten thousand routes: each is found as fast as any other, and building them takes ten times as long as a thousand.

Ratios of CPU time, with a margin: what walks a list is a hundred times off, and what rebuilds it as much.
"""

from __future__ import annotations

import gc
import inspect
import sys
import time
from types import FrameType
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.routing import Path
from lilya.serializers import StandardSerializerConfig
from lilya.types import Message
from tests.benchmarks.curves import uncollected
from tests.benchmarks.test_marks import is_traced
from tests.support.life import running
from tests.support.wire import http_scope, request

pytestmark = [pytest.mark.skipif(is_traced(), reason="the lines are being counted")]

MANY = 10_000
# The mark is 1.3; the rest is for a machine that does something else meanwhile.
FLAT = 1.6
LINEAR = 2.0
ROUNDS = 15
CALLS = 100
ATTEMPTS = 3
OBJECTS = 26
LOOKS = 25.0
REFUSED = 1.3
WANTS_JSON = b"text/html,application/json;q=0.9,*/*;q=0.8"
BROWSER = (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8")


async def handler(n: int = 0) -> None: ...


async def receive() -> Message:
    return request()


async def send(message: Message) -> None: ...


def routes(count: int) -> list[Any]:
    half = count // 2
    return [Path(f"/{n}/x", handler) for n in range(half)] + [Path(f"/p{n}/{{n:int}}", handler) for n in range(half)]


async def times(*calls: tuple[Any, ...]) -> list[float]:
    """The least CPU time of some calls of each, taken in turns."""
    found: list[list[float]] = [[] for _ in calls]
    with uncollected():
        for _ in range(ROUNDS):
            for taken, (app, path, *headers) in zip(found, calls, strict=True):
                begin = time.thread_time()
                for _ in range(CALLS):
                    await app(http_scope(path, headers=headers), receive, send)
                taken.append(time.thread_time() - begin)
    return [min(taken) for taken in found]


async def calls(app: Lilya, path: str, method: str = "GET", *headers: tuple[bytes, bytes]) -> int:
    """How many functions an answer calls, those of the interpreter included: work without a clock."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    scope = http_scope(path, method, headers=headers)
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        await app(scope, receive, send)
    finally:
        sys.setprofile(before)
    return count


def building(count: int) -> float:
    """CPU seconds for one route, of an application that has so many."""
    with uncollected():
        begin = time.thread_time()
        Lilya(routes=routes(count))
        return (time.thread_time() - begin) / count


@pytest.fixture(scope="module")
def large() -> Lilya:
    return Lilya(routes=routes(MANY))


@pytest.mark.parametrize(
    "paths", [("/0/x", "/2500/x", "/4999/x"), ("/p0/5", "/p2500/5", "/p4999/5")], ids=["literal", "parameter"]
)
async def test_first_middle_and_last_are_found_alike(large: Lilya, paths: tuple[str, ...]) -> None:
    spreads = []
    for _ in range(ATTEMPTS):
        taken = await times(*((large, path) for path in paths))
        spreads.append(max(taken) / min(taken))
        if spreads[-1] < FLAT:
            return
    pytest.fail(f"the slowest takes {spreads} times as long as the fastest")


async def test_a_miss_takes_what_it_takes_among_ten_routes(large: Lilya) -> None:
    small = Lilya(routes=routes(10))
    spreads = []
    for _ in range(ATTEMPTS):
        few, many = await times((small, "/none/x"), (large, "/none/x"))
        spreads.append(many / few)
        if spreads[-1] < FLAT:
            return
    pytest.fail(f"a miss takes {spreads} times as long")


async def test_a_miss_takes_what_it_takes_to_be_answered(large: Lilya) -> None:
    """Among ten thousand routes a 404 costs what a hit does; as text, for a browser, and as JSON."""
    spreads = []
    async with running(large):
        for _ in range(ATTEMPTS):
            hit, *missed = await times(
                (large, "/p4999/5"),
                (large, "/none/x"),
                (large, "/none/x", BROWSER),
                (large, "/none/x", (b"accept", WANTS_JSON)),
            )
            spreads.append(tuple(miss / hit for miss in missed))
            if max(spreads[-1]) < FLAT:
                return
    pytest.fail(f"a miss takes {spreads} times as long as a hit")


async def test_a_refusal_is_ready_made_in_every_form(large: Lilya) -> None:
    """No exception, no mapping of headers, no JSON to be written: no more is called than for a hit, or little."""
    Lilya(serializer_config=StandardSerializerConfig(indent=1))  # what another application has is that one's alone
    asked = [[], *([(b"accept", each)] for each in (b"*/*", BROWSER[1], WANTS_JSON, b"application/problem+json"))]
    async with running(large):
        hit = await calls(large, "/p4999/5")
        for path, method in (("/none/x", "GET"), ("/0/none", "GET"), ("/0/x", "POST")):
            for headers in asked:
                await calls(large, path, method, *headers)  # the first time it is made
                assert await calls(large, path, method, *headers) <= hit * REFUSED, (path, method, headers)


def test_a_route_leaves_few_objects_for_the_collector_to_look_through() -> None:
    """Half the time of building ten thousand is the collector's, where there are many."""
    gc.collect()
    before = len(gc.get_objects())
    app = Lilya(routes=routes(MANY // 10))
    gc.collect()
    assert (len(gc.get_objects()) - before) / len(app.routes) < OBJECTS


def test_building_a_route_takes_a_few_times_as_long_as_looking_at_its_handler() -> None:
    """With the collector on, as users have it: ten thousand in less than a second."""
    spreads = []
    for _ in range(ATTEMPTS):
        begin = time.thread_time()
        for _ in range(MANY):
            inspect.signature(handler)
        looked = time.thread_time()
        Lilya(routes=routes(MANY))
        spreads.append((time.thread_time() - looked) / (looked - begin))
        if spreads[-1] < LOOKS:
            return
    pytest.fail(f"a route takes {spreads} times as long to build as its handler's signature takes to read")


def test_ten_times_as_many_routes_are_built_in_ten_times_the_time() -> None:
    spreads = []
    for _ in range(ATTEMPTS):
        spreads.append(building(MANY) / building(MANY // 10))
        if spreads[-1] < LINEAR:
            return
    pytest.fail(f"a route of {MANY} takes {spreads} times as long to build as one of {MANY // 10}")
