"""What an application says of its life, and how it serves while it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio.abc import TaskGroup

from lilya._asgi.lifespan import Life
from lilya._asgi.statistics import Statistics
from lilya._handling.errors import deny
from lilya.concurrency.capacity import Capacity
from lilya.concurrency.threads import own_threads
from lilya.responses.base import PlainText
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["Living", "unavailable", "with_threads"]


class Living:
    """The nursery of an application, and its end."""

    _life: Life

    @property
    def task_group(self) -> TaskGroup:
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

    def statistics(self) -> Statistics:
        """A frozen picture of what is running now: exchanges, tasks, services, threads."""
        return self._life.statistics()


def with_threads(app: ASGIApp, threads: Capacity) -> ASGIApp:
    """`app`, whose sync functions run in threads of their own number."""

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        with own_threads(threads):
            await app(scope, receive, send)

    return inside


async def unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    """The application went down: say so."""
    response = PlainText("Service Unavailable", status_code=503)
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await deny(response, scope, receive, send)
