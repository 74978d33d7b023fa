"""The cost of finding a route depends on its path, not on how many others there are; counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.routing import Include, Path
from lilya.routing._router import Router
from tests.support.wire import Wire, http_scope, request

MANY = 10_000


async def handler(n: int = 0) -> None: ...


@contextmanager
def counting() -> Iterator[Callable[[], int]]:
    """Counts the calls of functions, of Python and of C, in the block."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(before)


async def cost(app: Any, path: str, method: str = "GET") -> int:
    """How many calls a request makes, once what is made at the first time is made."""
    costs: list[int] = []
    for _ in range(5):
        wire = Wire(request())
        with counting() as calls:
            await app(http_scope(path, method), wire.receive, wire.send)
        costs.append(calls())
    return min(costs)


async def costs_of(app: Any, *paths: str) -> set[int]:
    """What these requests cost, all made at the same depth: a coroutine that is resumed counts every frame above it."""
    costs = set()
    for path in paths:
        costs.add(await cost(app, path))
    return costs


SHAPES: dict[str, Callable[[int], list[Any]]] = {
    "flat": lambda count: [Path(f"/{n}/x", handler) for n in range(count)],
    "in includes": lambda count: [
        Include(f"/{n}", routes=[Path(f"/{i}", handler) for i in range(100)]) for n in range(count // 100)
    ],
    "parameter behind": lambda count: [Path(f"/{n}/{{n:int}}", handler) for n in range(count)],
}


def few(shape: str) -> Lilya:
    return Lilya(routes=SHAPES[shape](200))


@pytest.fixture(scope="module")
def flat() -> Lilya:
    return Lilya(routes=SHAPES["flat"](MANY))


@pytest.fixture(scope="module")
def included() -> Lilya:
    return Lilya(routes=SHAPES["in includes"](MANY))


async def test_of_ten_thousand_routes_each_costs_what_one_of_two_hundred_does(flat: Lilya) -> None:
    costs = await costs_of(flat, "/0/x", "/5000/x", "/9999/x")
    assert len(costs) == 1
    assert costs == await costs_of(few("flat"), "/0/x")


async def test_in_a_hundred_includes_of_a_hundred_routes_too(included: Lilya) -> None:
    costs = await costs_of(included, "/0/0", "/50/50", "/99/99")
    assert len(costs) == 1
    assert costs == await costs_of(few("in includes"), "/0/0")


async def test_a_miss_looks_at_no_more_routes_than_a_hit(flat: Lilya, included: Lilya) -> None:
    assert await cost(flat, "/none/x") == await cost(few("flat"), "/none/x")
    assert await cost(included, "/0/none") == await cost(few("in includes"), "/0/none")


async def test_a_405_looks_at_the_routes_of_its_path_alone(flat: Lilya) -> None:
    small = few("flat")
    await costs_of(flat, "/9999/x")  # what is kept of a path that was met is looked at
    await costs_of(small, "/99/x")
    assert await cost(flat, "/9999/x", "POST") == await cost(small, "/99/x", "POST")


@pytest.mark.parametrize("shape", SHAPES)
def test_building_costs_as_much_for_each_route_however_many_there_are(shape: str) -> None:
    def building(count: int) -> float:
        routes = SHAPES[shape](count)
        with counting() as calls:
            Router(routes).compile()
        return calls() / count

    assert building(1000) == pytest.approx(building(100), rel=0.1)


def test_a_route_more_costs_as_much_as_any_other_however_many_there_are(flat: Lilya) -> None:
    def adding(app: Lilya) -> int:
        with counting() as calls:
            app.add_route("/one/more", handler)
        return calls()

    smaller = few("flat")
    # The least of some: the collector may run in between.
    assert min(adding(flat) for _ in range(5)) == min(adding(smaller) for _ in range(5))
