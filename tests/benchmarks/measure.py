"""How it is measured: in turns, in one process and event loop, in CPU time.

An application is called directly, with a fresh scope and a `receive` and `send` that cost next to nothing: what is
timed is the application and not a server. Slices of some milliseconds go round between the contenders, in alternating
order, so that whatever slows the machine down slows all of them down; the ratio is that of one round, its median
that of all rounds. CPU time of the thread, for the machine has others to serve.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import anyio

from lilya.testing.server import MemoryServer
from lilya.types import ASGIApp, Message, Scope
from tests.benchmarks.cases import Case, Makers

__all__ = ["Result", "measure"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one case took. `seconds`: CPU seconds of one call, for each contender and round."""

    case: Case
    seconds: Mapping[str, Sequence[float]]

    def microseconds(self, contender: str) -> float:
        """The median of a call, in microseconds."""
        return statistics.median(self.seconds[contender]) * 1e6

    def ratios(self, contender: str) -> list[float]:
        """The floor's time by the contender's, round by round: 1 is as fast as raw ASGI."""
        return [floor / own for floor, own in zip(self.seconds["raw"], self.seconds[contender], strict=True)]

    def ratio(self, contender: str = "lilya") -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios(contender))

    def spread(self, contender: str = "lilya") -> tuple[float, float]:
        """The quartiles of the ratios: half of all rounds lie between them."""
        low, _, high = statistics.quantiles(self.ratios(contender), n=4, method="inclusive")
        return low, high


class Client:
    """Plays the server's side of one call: gives the messages, takes the answer."""

    __slots__ = ("answers", "body", "given", "messages", "over", "status", "waiting")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self.messages = messages
        self.given = 0
        self.answers = 0
        self.status = 0
        self.body = 0  # its length
        self.over = False
        self.waiting: anyio.Event | None = None

    async def receive(self) -> Message:
        """The next message; the disconnect, once the response is complete."""
        if self.given < len(self.messages):
            self.given += 1
            return self.messages[self.given - 1]
        while not self.over:
            self.waiting = anyio.Event()
            await self.waiting.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message."""
        kind = message["type"]
        if kind == "http.response.body":
            self.body += len(message.get("body", b""))
            if not message.get("more_body"):
                self.end()
        elif kind == "http.response.start":
            self.status = message["status"]

    def end(self) -> None:
        """The response is complete."""
        self.over = True
        if self.waiting is not None:
            self.waiting.set()


class Talker(Client):
    """Plays a websocket client that sends its next message when the last one was answered."""

    __slots__ = ()

    async def receive(self) -> Message:
        """The next message, in its turn."""
        while self.given > self.answers and not self.over:
            self.waiting = anyio.Event()
            await self.waiting.wait()
        self.given += 1
        return self.messages[min(self.given, len(self.messages)) - 1]

    async def send(self, message: Message) -> None:
        """Take a message."""
        kind = message["type"]
        if kind in ("websocket.send", "websocket.accept"):
            self.status = 200
            self.answers += 1
            self.body += len(message.get("text", ""))
            if self.waiting is not None:
                self.waiting.set()
        elif kind == "websocket.close":
            self.end()


async def call(app: ASGIApp, case: Case, scope: Scope) -> Client:
    """One call, with a scope of its own as a server makes one."""
    own: dict[str, Any] = scope.copy()
    own["headers"] = scope["headers"].copy()
    own["state"] = scope["state"].copy()
    client = (Talker if case.websocket else Client)(case.messages)
    await app(own, client.receive, client.send)
    return client


async def check(apps: Mapping[str, ASGIApp], case: Case) -> None:
    """Whether all of them do the job: the same status, and as many bytes."""
    played = {name: await call(app, case, case.scope(name)) for name, app in apps.items()}
    for name, client in played.items():
        assert client.status == case.status, f"{case.name}: {name} answered {client.status}"
        assert client.body == played["raw"].body, f"{case.name}: {name} sent {client.body} bytes"


async def slice_of(app: ASGIApp, case: Case, scope: Scope, calls: int) -> float:
    """CPU seconds of one call, in a slice of so many."""
    gc.collect()
    before = time.thread_time()
    for _ in range(calls):
        await call(app, case, scope)
    return (time.thread_time() - before) / calls


async def run(case: Case, makers: Makers, rounds: int, seconds: float) -> Result:
    """Measure a case; see `measure`."""
    async with AsyncExitStack() as stack:
        apps = {name: maker() for name, maker in makers.items()}
        for name, app in apps.items():
            await stack.enter_async_context(MemoryServer(app, lifespan=name != "raw"))
        scopes = {name: case.scope(name) for name in apps}
        await check(apps, case)
        calls: dict[str, int] = {}
        for name, app in apps.items():
            for _ in range(2):  # the first look warms it up
                rough = await slice_of(app, case, scopes[name], calls.get(name, 1))
                calls[name] = max(1, round(seconds / rough))
        taken: dict[str, list[float]] = {name: [] for name in apps}
        for number in range(rounds):
            order = list(apps) if number % 2 else list(reversed(apps))
            for name in order:
                taken[name].append(await slice_of(apps[name], case, scopes[name], calls[name]))
    return Result(case, taken)


def measure(
    case: Case,
    backend: str,
    *,
    rounds: int = 15,
    seconds: float = 0.05,
    others: Makers | None = None,
) -> Result:
    """Measure a case on a backend in so many rounds of slices of so many seconds; `others` compete where they can."""
    makers = {**case.contenders, **(others if others and case.peers else {})}
    return anyio.run(run, case, makers, rounds, seconds, backend=backend)
