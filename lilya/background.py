"""Background tasks: work that follows a response.

    response.background = Task(send_mail, to)        after the last body message, in the exchange of the request
    Task(send_mail, to, detached=True)               in the application's nursery: outlives the exchange
    Tasks([...], as_group=True)                      several at once; each failure is its own

A task whose client is gone still runs. A failure is logged with the task's name and its route, and no healthy
connection is closed for it: it does not go on to the server.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from lilya._asgi.exchange import Home, Nowhere, exchange_of
from lilya._asgi.lifespan import WITNESS
from lilya.concurrency.nursery import open_nursery, unwrap
from lilya.concurrency.threads import enforce_async_callable
from lilya.types import Scope

__all__ = ["Task", "Tasks"]

logger = logging.getLogger("lilya.background")


class Task:
    """`func(*args, **kwargs)`, to be run later; sync functions run in a thread.

    `detached=True` runs it in the application's nursery (drained at shutdown, then cancelled), which needs a running
    lifespan. `name` is what logs and statistics call it, the function's own by default.
    """

    __slots__ = ("_given_name", "args", "detached", "func", "kwargs")

    def __init__(
        self, func: Callable[..., Any], *args: Any, detached: bool = False, name: str | None = None, **kwargs: Any
    ) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.detached = detached
        self._given_name = name

    @property
    def name(self) -> str:
        """What logs and statistics call it."""
        return self._given_name or _name(self.func)  # found out when it is asked for, which is seldom

    async def __call__(self) -> None:
        """Run it, here and now. Its exception propagates; cancelling it cancels the function (a thread is awaited)."""
        await enforce_async_callable(self.func)(*self.args, **self.kwargs)

    def __repr__(self) -> str:
        return f"Task({self.name}{', detached=True' if self.detached else ''})"


class Tasks:
    """Several tasks: one after the other, a failure skipping the rest; or all at once with `as_group=True`."""

    __slots__ = ("as_group", "tasks")

    def __init__(self, tasks: Sequence[Task] | Iterable[Task] | None = None, as_group: bool = False) -> None:
        self.tasks = list(tasks or ())
        self.as_group = as_group

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Append `Task(func, *args, **kwargs)`."""
        self.tasks.append(Task(func, *args, **kwargs))

    async def __call__(self) -> None:
        """Run them, here and now. Cancelling it cancels them.

        In sequence the first failure propagates; in a group all run to their end, then the failures propagate: one as
        itself, several as an `ExceptionGroup`.
        """
        if not self.as_group:
            for task in self.tasks:
                await task()
            return
        failures: list[Exception] = []

        async def run(task: Task) -> None:
            try:
                await task()
            except Exception as exc:
                failures.append(exc)

        async with open_nursery() as nursery:
            for task in self.tasks:
                nursery.start_soon(run, task, name=f"background {task.name}")
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup("background tasks failed", failures)

    def __repr__(self) -> str:
        return f"Tasks({self.tasks!r}{', as_group=True' if self.as_group else ''})"


def run_after(background: Callable[[], Any], scope: Scope) -> Awaitable[object]:
    """Run what a response carries as `background`, after it was sent. Failures end here, in the log."""
    if isinstance(background, Tasks):
        run = _run_together if background.as_group else _run_in_turn
        return run(background.tasks, scope)
    return _run(background, scope)


async def _run_in_turn(tasks: Sequence[Task], scope: Scope) -> None:
    for position, task in enumerate(tasks):
        if not await _run(task, scope):
            for skipped in tasks[position + 1 :]:
                logger.error("background task %r skipped: %r failed before it", _name(skipped), _name(task))
            return


async def _run_together(tasks: Sequence[Task], scope: Scope) -> None:
    async with open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(_run, task, scope, name=f"background {_name(task)}")


async def _run(task: Callable[[], Any], scope: Scope) -> bool:
    try:
        if isinstance(task, Task) and task.detached:
            _detach(task, scope)
        elif type(task) is Task:  # what it does when it is called, without its layer
            await enforce_async_callable(task.func)(*task.args, **task.kwargs)
        else:
            await task()
    except Exception as exc:
        failure = unwrap(exc)
        route = _route(scope)
        logger.error(
            "background task %r of %s failed",
            _name(task),
            route,
            exc_info=failure,
            extra={"task": _name(task), "route": route},
        )
        exchange = exchange_of(scope)
        if exchange is not None:
            exchange.home.task_failed(_name(task), failure)
        witness = (scope.get("extensions") or {}).get(WITNESS)
        if witness is not None:
            failure.add_note(f"in background task {_name(task)!r} of {route}")
            witness["failed"](failure)
        return False
    return True


def _detach(task: Task, scope: Scope) -> None:
    exchange = exchange_of(scope)
    home: Home = Nowhere() if exchange is None else exchange.home
    home.start_soon(_Detached(task, _route(scope)), name=task.name)


class _Detached:
    """A detached task, whose failure names the route it comes from."""

    def __init__(self, task: Task, route: str) -> None:
        self._task = task
        self._route = route

    async def __call__(self) -> None:
        try:
            await self._task()
        except Exception as exc:
            exc.add_note(f"in background task {self._task.name!r} of {self._route}, detached")
            raise


def _route(scope: Scope) -> str:
    return str(scope.get("route_path_template") or scope.get("path", ""))


def _name(task: object) -> str:
    if isinstance(task, Task):
        return task.name
    while isinstance(task, partial):
        task = task.func
    return getattr(task, "__qualname__", None) or type(task).__qualname__
