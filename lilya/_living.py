"""What an application says of its life."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lilya._lazy import lazily

if TYPE_CHECKING:
    from anyio import abc

    from lilya._asgi import lifespan
    from lilya._asgi import statistics as reports
else:
    abc = lazily("anyio.abc")
    lifespan = lazily("lilya._asgi.lifespan")
    reports = lazily("lilya._asgi.statistics")


__all__ = ["Living"]


class Living:
    """The nursery of an application, and its end."""

    _life: lifespan.Life

    @property
    def task_group(self) -> abc.TaskGroup:
        """The nursery of the application (an anyio TaskGroup). What fails in it ends the application.

        `RuntimeError` outside the lifespan.
        """
        return self._life.nursery()

    def start_soon(self, fn: Callable[..., Any], *args: Any, name: str | None = None) -> None:
        """Start `fn(*args)`, sync or async, in the nursery of the application.

        A failure is logged and counted, and ends nothing else. At the shutdown it may go on until the drain deadline;
        then it is cancelled, and named in the log. `RuntimeError` outside the lifespan.
        """
        self._life.start_soon(fn, *args, name=name)

    @property
    def draining(self) -> bool:
        """Whether the application is being stopped."""
        return self._life.draining

    def drain(self, timeout: float | None = None) -> None:
        """Say that the application is being stopped: what watches `draining` finishes politely. Never waits.

        A server that stops it says how long requests and tasks have from now on, `timeout` in seconds; else tasks have
        `drain_timeout` from the lifespan's shutdown on. Needs the event loop where it is said.
        """
        self._life.drain(timeout)

    async def wait_draining(self) -> None:
        """Wait until the application is being stopped. Cancelling it does nothing else."""
        await self._life.wait_draining()

    @property
    def failure(self) -> BaseException | None:
        """Why the application went down, where it did: it answers 503 from then on."""
        return self._life.failure

    def statistics(self) -> reports.Statistics:
        """A frozen picture of what is running now: exchanges, tasks, services, threads."""
        return self._life.statistics()
