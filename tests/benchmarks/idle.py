"""What idle connections cost real servers as there are more of them: memory, and how often they wake the process up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Final

from tests.benchmarks.curves import Curve
from tests.benchmarks.memory import KINDS, connect
from tests.benchmarks.serving import Server

__all__ = ["CONNECTIONS", "idle_curves"]

CONNECTIONS: Final = (0, 250, 500, 1000, 2000)
CONTENDERS: Final = ("lilya", "raw")
# Opened and closed before anything is measured: they fill what a process keeps for good.
WARM_UP: Final = 100
# Seconds until a new connection has come to rest, and seconds of looking.
REST: Final = 1.5
LOOK: Final = 5.0
# Wake-ups per second by which a process may differ from itself: one tick of a server more or less, and some of its own.
NOTHING: Final = 1.0


def idle_curves(server: str, kinds: Sequence[str] = KINDS, numbers: Sequence[int] = CONNECTIONS) -> list[Curve]:
    """Lilya's and the floor's, at the same time: each server has a process of its own."""
    curves = []
    for kind in kinds:
        memory: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        wakes: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        with ExitStack() as stack:
            servers = {name: stack.enter_context(Server(f"{name}-holding", server)) for name in CONTENDERS}
            for serving in servers.values():
                for _ in range(WARM_UP):
                    connect(serving.port, kind).close()
            connections = stack.enter_context(ExitStack())
            open_now = 0
            for number in numbers:
                for serving in servers.values():
                    for _ in range(number - open_now):
                        connections.enter_context(closing(connect(serving.port, kind)))
                open_now = number
                time.sleep(REST)
                for name, serving in servers.items():
                    memory[name].append(serving.settled() / 1024)
                before = {name: serving.switches() for name, serving in servers.items()}
                time.sleep(LOOK)
                for name, serving in servers.items():
                    times = sum(now - before[name].get(thread, 0) for thread, now in serving.switches().items())
                    wakes[name].append(times / LOOK)
        for name in CONTENDERS:
            where = server if name == "lilya" else f"{server}, raw ASGI"
            curves += [
                Curve(f"memory, {kind}", where, "KiB", "connections", "linear", numbers, memory[name]),
                Curve(f"wake-ups, {kind}", where, "per s", "connections", "constant", numbers, wakes[name], NOTHING),
            ]
    return curves
