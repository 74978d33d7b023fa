"""A guard against what makes Lilya slow by half, not against what makes it slow by a little: the margins are wide.

The marks themselves are for `python -m tests.benchmarks`, on a machine that has time for it.
"""

from __future__ import annotations

import sys
from functools import partial

import pytest

from tests.benchmarks import ours, raw
from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.measure import measure, measure_all

# Of the mark, that is enough here; and so often it is measured before it is too little.
ENOUGH = 0.6
ATTEMPTS = 3
# In CPU time, of the last of many routes by the first. Where a list is walked through it is a hundred.
FLAT = 2.0
# What each middleware may take that only passes on, in the cost of a raw call with its answer.
MOST_OF_A_LAYER = 0.5

CASE = {case.name: case for case in CASES}
# What cases without a mark, or far above theirs, reach as a rule: no promise, but what is half of it is looked at, too.
AS_A_RULE = {
    "plaintext, one route": 0.36,
    "multipart, 1 MiB": 0.85,
    "multipart, 32 MiB": 0.9,
    "a handler that waits": 0.3,
    "sync handler": 0.7,
    "background task": 0.25,
    "stream of 1000 chunks": 0.65,
    "100 routes, middle": 0.34,
    "1000 routes, last": 0.34,
    "1000 routes, last static": 0.37,
    "1000 routes, none": 0.2,
}
# Ten thousand routes take a second to build: a thousand say the same.
MARKED = {case.name: case.mark for case in CASES if case.mark is not None and not case.name.startswith("10000")}
WANTED = MARKED | AS_A_RULE


def is_traced() -> bool:
    """Whether each line of Lilya, and none of the floor, is slowed down by somebody who counts them."""
    coverage = sys.modules.get("coverage")
    return coverage is not None and coverage.Coverage.current() is not None


pytestmark = [pytest.mark.skipif(is_traced(), reason="the lines are being counted")]


@pytest.mark.parametrize(("name", "mark"), WANTED.items(), ids=list(WANTED))
def test_it_costs_no_more_than_the_wide_margin(name: str, mark: float, backend: str) -> None:
    enough = ENOUGH * mark
    ratios = []
    for attempt in range(ATTEMPTS):
        ratios.append(measure(CASE[name], backend, rounds=5 + 4 * attempt, seconds=0.015).ratio())
        if ratios[-1] >= enough:
            return
    pytest.fail(f"{name}: {', '.join(f'{ratio:.2f}' for ratio in ratios)} of raw ASGI, wanted {enough:.2f}")


def test_the_last_of_a_thousand_routes_costs_what_the_first_does(backend: str) -> None:
    times = []
    for _ in range(ATTEMPTS):
        first, last = (
            measure(CASE[f"1000 routes, {which}"], backend, rounds=5, seconds=0.01) for which in ("first", "last")
        )
        times.append(last.microseconds("lilya") / first.microseconds("lilya"))
        if times[-1] < FLAT:
            return
    pytest.fail(f"the last route takes {times} times as long as the first")


def test_a_middleware_that_passes_everything_costs_at_most_half_a_raw_call(backend: str) -> None:
    layers = 5
    case = Case("middlewares")
    makers: raw.Makers = {
        "raw": lambda: raw.site,
        "lilya": partial(ours.layered, layers),
        "without": partial(ours.layered, 0),
    }
    costs = []
    for attempt in range(ATTEMPTS):
        result = measure(case, backend, rounds=9 + 4 * attempt, seconds=0.015, makers=makers)
        each = (result.microseconds("lilya") - result.microseconds("without")) / layers
        costs.append(each / result.microseconds("raw"))
        if costs[-1] <= MOST_OF_A_LAYER:
            return
    pytest.fail(f"a middleware takes {', '.join(f'{cost:.2f}' for cost in costs)} of a raw call")


def test_every_case_is_answered_alike_by_all(backend: str) -> None:
    """The largest ones aside: what they ask for differs from others in their size alone."""
    cases = [case for case in CASES if not case.name.startswith(("10000 routes", "multipart, 32"))]
    for result in measure_all(cases, backend, rounds=1, seconds=0.001):
        assert set(result.seconds) == {"raw", "lilya", *(name for name, _ in result.case.variants)}
