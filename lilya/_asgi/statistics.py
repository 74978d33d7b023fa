"""What an application is doing right now, as a frozen picture."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lilya._asgi.exchange import Exchange
from lilya._sansio import http, websocket
from lilya._sansio.machine import Phase
from lilya.concurrency.service import ServiceStatistics

__all__ = ["ExchangeStatistics", "Statistics", "TaskStatistics"]

# The phase of the writer says what an exchange is at.
STATES: Final[Mapping[Phase, str]] = {
    http.HEADERS: "handling",
    http.BODY: "streaming",
    http.TRAILED: "streaming",
    http.TRAILERS: "streaming",
    http.DONE: "finishing",
    websocket.CONNECTING: "connecting",
    websocket.OPEN: "open",
    websocket.DENYING: "denying",
    websocket.DONE: "finishing",
}


@dataclass(frozen=True, slots=True)
class ExchangeStatistics:
    """A request or websocket that is not over.

    `kind` is "http" or "websocket", `route` the template of its route (the path while none is matched), `age` in
    seconds, `state` one of handling, streaming, finishing, connecting, open, denying, gone.
    """

    kind: str
    method: str
    path: str
    route: str
    age: float
    state: str


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """A task in the application's nursery; `age` in seconds."""

    name: str
    age: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """A picture of an application.

    `threads` counts the worker threads at work, `failed_tasks` those that failed since the start, background tasks
    included. `started`: the start-up is complete, and the shutdown is not.
    """

    exchanges: tuple[ExchangeStatistics, ...] = ()
    tasks: tuple[TaskStatistics, ...] = ()
    services: tuple[ServiceStatistics, ...] = ()
    threads: int = 0
    failed_tasks: int = 0
    draining: bool = False
    started: bool = False

    @property
    def idle(self) -> bool:
        """Whether nothing is at work but the services."""
        return not self.exchanges and not self.tasks


def describe(exchanges: Iterable[Exchange]) -> tuple[ExchangeStatistics, ...]:
    """The exchanges, oldest first."""
    now = time.monotonic()
    return tuple(
        ExchangeStatistics(
            kind=each.scope["type"],
            method=each.scope.get("method", ""),
            path=each.scope.get("path", ""),
            route=each.scope.get("route_path_template") or each.scope.get("path", ""),
            age=now - each.born,
            state="gone" if each.gone else STATES[each.phase],
        )
        for each in exchanges
    )
