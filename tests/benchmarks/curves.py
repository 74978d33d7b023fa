"""How costs grow, in the process: fan-out, look-ups, routes at the start, tasks at the end. In CPU time.

The cycle collector is off where the name does not say otherwise: what it takes depends on what else is in memory, and
hides how our own part grows.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from statistics import median
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from lilya.apps import Lilya
from lilya.background import Task
from lilya.pubsub import MemoryPubSub
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path
from tests.benchmarks import ours
from tests.benchmarks.asking import ROOT
from tests.benchmarks.cases import Case, routed
from tests.benchmarks.figures import Line, fit
from tests.benchmarks.play import call, calls_for, running, slice_of

__all__ = ["MEASURES", "Curve", "start_up"]

SUBSCRIBERS: Final = (1, 10, 100, 1000, 5000)
ROUTES: Final = (100, 1000, 10_000)
LOOKED_UP: Final = (10, 100, 1000, 10_000)
SEGMENTS: Final = (1, 2, 4, 8, 16, 32, 64)
TASKS: Final = (10, 100, 1000, 5000)
# Deliveries of one fan-out, over which it is measured; messages at least.
DELIVERIES: Final = 20_000
MESSAGES: Final = 5
ROUNDS: Final = 7


@dataclass(frozen=True, slots=True)
class Curve:
    """What something costs (`unit`) as there is more of it (`of`), and the law of its growth: constant or linear.

    `tolerance`: differences of no more than that are none, however small the values are.
    """

    name: str
    where: str
    unit: str
    of: str
    law: str
    x: Sequence[float]
    y: Sequence[float]
    tolerance: float = 0.0

    @property
    def line(self) -> Line:
        """Through its points."""
        return fit(self.x, self.y)

    @property
    def holds(self) -> bool:
        """Whether it obeys its law."""
        if self.law == "linear":
            return self.line.is_linear
        return max(self.y) - min(self.y) <= self.tolerance or self.line.is_constant

    @property
    def growth(self) -> str:
        """The law with its figures, for a reader."""
        line = self.line
        mean = sum(self.y) / len(self.y)
        if self.law == "constant":
            return f"constant: {mean:.3g} {self.unit}, from first to last {line.rise * mean:+.2g}"
        return f"linear: {line.slope:.3g} {self.unit} for each, R² {line.r2:.3f}, bend {line.bend:.2f}"


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the cycle collector: what it takes depends on what else is in memory."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Channels:
    """The floor of a fan-out: a channel of anyio's for each subscriber."""

    def __init__(self) -> None:
        self.channels: list[MemoryObjectSendStream[Any]] = []

    async def publish(self, topic: str, data: object) -> None:
        for channel in self.channels:
            channel.send_nowait(data)

    def subscribe(self, topic: str) -> MemoryObjectReceiveStream[Any]:
        send, receive = anyio.create_memory_object_stream[Any](64)
        self.channels.append(send)
        return receive

    def close(self) -> None:
        for channel in self.channels:
            channel.close()


async def fan_out(subscribers: int, raw: bool) -> float:
    """CPU seconds of one message that so many receive, each in a task of its own."""
    hub = Channels() if raw else MemoryPubSub()
    listening = received = 0
    done = anyio.Event()

    async def listen() -> None:
        nonlocal listening, received
        async with hub.subscribe("news") as events:
            listening += 1
            if listening == subscribers:
                done.set()
            async for _ in events:
                received += 1
                if received == subscribers:
                    done.set()

    async with anyio.create_task_group() as group:
        for _ in range(subscribers):
            group.start_soon(listen)
        await done.wait()
        messages = max(MESSAGES, DELIVERIES // subscribers)
        with uncollected():
            before = time.thread_time()
            for _ in range(messages):
                received, done = 0, anyio.Event()
                await hub.publish("news", {"number": 1})
                await done.wait()
            taken = time.thread_time() - before
        group.cancel_scope.cancel()
    if isinstance(hub, Channels):
        hub.close()
    return taken / messages


async def handler(id: int) -> PlainText:
    return PlainText(str(id))


def deep(segments: int) -> Lilya:
    """A route whose path has so many segments, the last one a parameter, beside one that goes another way."""
    path = "".join(f"/part{number}" for number in range(segments - 1))
    return Lilya(routes=[Path(f"{path}/{{id:int}}", handler), Path(f"{path}/other/{{id:int}}", handler)])


async def in_turns(apps: Sequence[Lilya], cases: Sequence[Case]) -> list[float]:
    """CPU seconds of one call of each, the median of rounds that go round among them."""
    async with anyio.create_task_group() as group:
        over = anyio.Event()
        for app in apps:
            ready = anyio.Event()
            group.start_soon(keep, app, ready, over)
            await ready.wait()
        scopes = [case.scope("lilya") for case in cases]
        every = list(zip(apps, cases, scopes, strict=True))
        calls = [await calls_for(app, case, scope, 0.03) for app, case, scope in every]
        taken: list[list[float]] = [[] for _ in apps]
        for _ in range(ROUNDS):
            for number, (app, case, scope) in enumerate(every):
                taken[number].append(await slice_of(app, case, scope, calls[number]))
        over.set()
    return [median(each) for each in taken]


async def keep(app: Lilya, ready: anyio.Event, over: anyio.Event) -> None:
    """Run an application until it is over."""
    async with running(app):
        ready.set()
        await over.wait()


async def look_up_among_routes() -> list[float]:
    """Of the last one."""
    cases = [next(case for case in routed(number) if case.name.endswith("last")) for number in LOOKED_UP]
    return await in_turns([ours.routes(number) for number in LOOKED_UP], cases)


async def look_up_of_segments() -> list[float]:
    """Of a path with a parameter at its end."""
    paths = ["".join(f"/part{number}" for number in range(segments - 1)) + "/42" for segments in SEGMENTS]
    return await in_turns([deep(segments) for segments in SEGMENTS], [Case("segments", path=path) for path in paths])


async def drained(tasks: int, detached: bool) -> float:
    """CPU seconds of a stop that waits for so many tasks; each of them ends when it hears of it."""
    begun = 0
    all_begun = anyio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == tasks:
            all_begun.set()
        await app.wait_draining()

    async def order(request: Request) -> PlainText:
        return PlainText("ordered", background=Task(work, detached=True))

    app = Lilya(routes=[Path("/", order)])
    case = Case("order")
    with uncollected():
        async with running(app):
            for _ in range(tasks):
                if detached:
                    await call(app, case, case.scope("lilya"))
                else:
                    app.start_soon(work)
            await all_begun.wait()
            before = time.thread_time()
        return time.thread_time() - before


def resident() -> int:
    """Of this process, in bytes."""
    lines = FilePath("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


async def start_up(routes: int, collected: bool) -> tuple[float, float]:
    """CPU seconds and bytes of an application with so many routes until its first answer; in a fresh process."""
    async with running(ours.routes(10)):  # what is loaded with the first of all is not counted
        pass
    case = next(case for case in routed(routes) if case.name.endswith("last"))
    with ExitStack() as stack:
        gc.collect()
        if not collected:
            stack.enter_context(uncollected())
        memory, before = resident(), time.process_time()
        app = ours.routes(routes)
        async with running(app):
            await call(app, case, case.scope("lilya"))
            taken = time.process_time() - before
            gc.collect()
            return taken, resident() - memory


def started(routes: int, backend: str, collected: bool) -> tuple[float, float]:
    """The medians of three fresh processes."""
    command = [sys.executable, "-m", "tests.benchmarks.scale", "--start-up", str(routes), "--backend", backend]
    command += ["--collected"] if collected else []
    answers = [json.loads(subprocess.check_output(command, cwd=ROOT)) for _ in range(3)]
    return median(answer[0] for answer in answers), median(answer[1] for answer in answers)


def repeated(measure: Callable[[], Awaitable[float]], backend: str, rounds: int) -> float:
    """The median of some event loops."""
    return median(anyio.run(measure, backend=backend) for _ in range(rounds))


def pubsub_curves(backend: str) -> list[Curve]:
    """What a message costs."""
    curves = []
    for where, raw in ((backend, False), (f"{backend}, raw channels", True)):
        y = [repeated(partial(fan_out, number, raw), backend, 5) * 1e6 for number in SUBSCRIBERS]
        curves.append(Curve("fan-out of a message", where, "µs", "subscribers", "linear", SUBSCRIBERS, y))
    return curves


def look_up_curves(backend: str) -> list[Curve]:
    """What finding a route costs, with the call of its handler."""
    among: Any = anyio.run(look_up_among_routes, backend=backend)
    segments: Any = anyio.run(look_up_of_segments, backend=backend)
    return [
        Curve("a request", backend, "µs", "routes", "constant", LOOKED_UP, [each * 1e6 for each in among]),
        Curve(
            "a request", backend, "µs", "segments of its path", "linear", SEGMENTS, [each * 1e6 for each in segments]
        ),
    ]


def start_up_curves(backend: str) -> list[Curve]:
    """What routes cost until the first answer."""
    found = [started(number, backend, collected=False) for number in ROUTES]
    as_usual = [started(number, backend, collected=True) for number in ROUTES]
    sizes = [size / 1024 for _, size in as_usual]
    return [
        Curve("start", backend, "ms", "routes", "linear", ROUTES, [seconds * 1e3 for seconds, _ in found]),
        Curve("start, collector on", backend, "ms", "routes", "linear", ROUTES, [taken * 1e3 for taken, _ in as_usual]),
        Curve("memory of a start", backend, "KiB", "routes", "linear", ROUTES, sizes),
    ]


def drain_curves(backend: str) -> list[Curve]:
    """What a stop costs."""
    curves = []
    for name, detached in (("stop, with tasks of the application", False), ("stop, with detached tasks", True)):
        y = [repeated(partial(drained, number, detached), backend, 5) * 1e3 for number in TASKS]
        curves.append(Curve(name, backend, "ms", "tasks", "linear", TASKS, y))
    return curves


MEASURES: Final[dict[str, Callable[[str], list[Curve]]]] = {
    "fan-out": pubsub_curves,
    "look-up": look_up_curves,
    "start-up": start_up_curves,
    "drain": drain_curves,
}
