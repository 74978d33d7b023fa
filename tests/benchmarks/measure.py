"""How it is measured: in turns, in one process and event loop, in CPU time.

An application is called directly, with a fresh scope and a `receive` and `send` that cost next to nothing: what is
timed is the application and not a server. Slices of some milliseconds go round between the contenders, in alternating
order, so that whatever slows the machine down slows all of them down; the ratio is that of one round, its median
that of all rounds. CPU time of the thread, for the machine has others to serve; that of the process, where threads take
part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import anyio

from lilya.types import ASGIApp
from tests.benchmarks import ours, raw
from tests.benchmarks.cases import Case
from tests.benchmarks.figures import Quartiles, quartiles, ratios
from tests.benchmarks.play import calls_for, check, running, slice_of

__all__ = ["ROUNDS", "SECONDS", "Result", "measure", "measure_all"]

ROUNDS: Final = 15
SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """What one case took. `seconds`: CPU seconds of one call, for each contender and round."""

    case: Case
    seconds: Mapping[str, Sequence[float]]

    def microseconds(self, contender: str) -> float:
        """The median of a call, in microseconds."""
        return quartiles(self.seconds[contender]).median * 1e6

    def quartiles(self, contender: str = "lilya") -> Quartiles:
        """The floor's time by the contender's, round by round: 1 is as fast as raw ASGI."""
        return quartiles(ratios(self.seconds["raw"], self.seconds[contender]))

    def ratio(self, contender: str = "lilya") -> float:
        """The median of the ratios."""
        return self.quartiles(contender).median


async def compete(case: Case, apps: Mapping[str, ASGIApp], rounds: int, seconds: float) -> Result:
    """One case, with applications that run."""
    scopes = {name: case.scope(name) for name in apps}
    await check(apps, case)
    calls = {name: await calls_for(app, case, scopes[name], seconds) for name, app in apps.items()}
    taken: dict[str, list[float]] = {name: [] for name in apps}
    for number in range(rounds):
        order = list(apps) if number % 2 else [*apps][::-1]
        for name in order:
            taken[name].append(await slice_of(apps[name], case, scopes[name], calls[name]))
    return Result(case, taken)


async def run(cases: Sequence[Case], makers: raw.Makers, rounds: int, seconds: float) -> list[Result]:
    """Cases of one application each."""
    async with AsyncExitStack() as stack:
        apps = {name: maker() for name, maker in makers.items()}
        for name, app in apps.items():
            if name != "raw":
                await stack.enter_async_context(running(app))
        results = []
        for case in cases:
            among = {name: app for name, app in apps.items() if name not in variants(cases) or name in variants([case])}
            results.append(await compete(case, among, rounds, seconds))
        return results


def variants(cases: Sequence[Case]) -> set[str]:
    """The names of the further paths of Lilya's."""
    return {name for case in cases for name, _ in case.variants}


def measure_all(
    cases: Sequence[Case], backend: str, *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> Iterator[Result]:
    """Measure cases in so many rounds of slices of so many seconds; neighbours share their applications."""
    for app, group in groupby(cases, key=lambda case: case.app):
        some = list(group)
        makers: dict[str, Callable[[], ASGIApp]] = {"raw": raw.APPS[app], "lilya": ours.APPS[app]}
        makers |= dict.fromkeys(variants(some), ours.APPS[app])
        yield from anyio.run(run, some, makers, rounds, seconds, backend=backend)


def measure(
    case: Case,
    backend: str,
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    makers: raw.Makers | None = None,
) -> Result:
    """Measure one case; `makers` are its contenders where they are not the usual ones: "raw", and who is compared."""
    if makers is None:
        return next(measure_all([case], backend, rounds=rounds, seconds=seconds))
    (result,) = anyio.run(run, [case], makers, rounds, seconds, backend=backend)
    return result
