"""Services that write down what happens to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskStatus

from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.service import Service, ServiceStatistics, Supervisor

__all__ = ["Recorder", "no_jitter", "only", "running"]


def no_jitter() -> float:
    """The longest pauses."""
    return 0.0


class Recorder:
    """Services that write down what happens to them and when."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.runs: list[float] = []

    async def steady(self, name: str, ready_after: float = 0, *, task_status: TaskStatus[None]) -> None:
        await anyio.sleep(ready_after)
        task_status.started()
        self.events.append(f"{name} ready")
        try:
            await anyio.sleep_forever()
        finally:
            self.events.append(f"{name} stops")

    async def failing(self, seconds: float, *errors: Exception) -> None:
        """Each run lasts `seconds` and ends with the next of `errors`; the first one after them stays."""
        self.runs.append(anyio.current_time())
        if len(self.runs) > len(errors):
            await anyio.sleep_forever()
        await anyio.sleep(seconds)
        raise errors[len(self.runs) - 1]

    async def returning(self, seconds: float) -> None:
        self.runs.append(anyio.current_time())
        await anyio.sleep(seconds)

    def steady_service(self, name: str, **options: Any) -> Service:
        return Service(self.steady, name, name=name, **options)


@asynccontextmanager
async def running(*services: Service, jitter: Callable[[], float] = no_jitter) -> AsyncIterator[Supervisor]:
    """The services, started; stopped at the end of the block."""
    supervisor = Supervisor(services, jitter=jitter)
    async with open_nursery() as nursery:
        await supervisor.start(nursery)
        try:
            yield supervisor
        finally:
            await supervisor.stop()


def only(supervisor: Supervisor) -> ServiceStatistics:
    """The statistics of its only service."""
    (statistics,) = supervisor.statistics()
    return statistics
