"""The watch: who pays for noticing that a client left.

An exchange that answers at once pays nothing but its name in a list. One that is still at work after two looks, some
20 to 40 ms, gets a reader: a task that reads ahead of the handler and notes the disconnect. One watch serves all
exchanges of an application, in the application's nursery; it sleeps when nothing is listed. An exchange whose handler
waits in `receive` reads for itself: it is let go, and listed again by its next message.
"""

from __future__ import annotations

from typing import Protocol

import anyio
from anyio.abc import TaskGroup

__all__ = ["LOOK_EVERY", "Watch", "Watched"]

# In seconds. Short beside what a person notices, long beside what a request takes.
LOOK_EVERY = 0.02


class Watched(Protocol):
    """What the watch looks at."""

    def note(self) -> bool:
        """Take note of where it stands; whether it needs a reader if it still stands there at the next look."""

    def read_ahead(self) -> None:
        """Start the reader."""


class Watch:
    """Looks after the exchanges of one event loop. `nursery` is where their readers live."""

    __slots__ = ("_listed", "_wake", "interval", "nursery")

    def __init__(self, nursery: TaskGroup, interval: float = LOOK_EVERY) -> None:
        self.nursery = nursery
        self.interval = interval
        self._listed: dict[Watched, bool] = {}  # whether it was looked at before
        self._wake: anyio.Event | None = None

    def add(self, exchange: Watched) -> None:
        """List an exchange."""
        self._listed[exchange] = False
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    async def run(self) -> None:
        """Look, for ever; run in `nursery`, ended by cancellation."""
        while True:
            if not self._listed:
                self._wake = anyio.Event()
                await self._wake.wait()
            await anyio.sleep(self.interval)
            self.look()

    def look(self) -> None:
        """One look at everybody listed: constant work for each. One that moved on since has listed itself anew."""
        for exchange, before in tuple(self._listed.items()):
            needs_reader = exchange.note()
            if needs_reader and not before:
                self._listed[exchange] = True
                continue
            del self._listed[exchange]
            if needs_reader:
                exchange.read_ahead()
