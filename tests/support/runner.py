"""Runs one async test function on one backend and holds it to the house's promises.

Knows nothing of pytest: `tests/conftest.py` is the hook, this is the engine.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

from tests.support.leaks import Leak, busy_threads, closed_generators, running_tasks, threads_ended
from tests.support.virtual_time import VirtualTimeLoop, trio_clock

__all__ = ["BACKENDS", "Deadlock", "run_async"]

T = TypeVar("T")

BACKENDS = ("trio", "asyncio")  # trio first: it is the stricter one

# Virtual seconds, far beyond any timer a test sets. When all tasks are blocked and no earlier timer is set, the clock
# jumps here: a deadlock is reported at once and not by the watchdog after a minute.
DEADLOCK = 1e7


class Deadlock(AssertionError):
    """All tasks were blocked and no timer was set."""


def run_async(
    backend: str, function: Callable[..., Awaitable[T]], /, *args: Any, realtime: bool = False, **kwargs: Any
) -> T:
    """Run `function` to its end on `backend`, on a virtual clock unless `realtime`, and return its result.

    Raises `Leak` when it succeeds but leaves a task, a thread or an open async generator behind, `Deadlock` when
    nothing could ever wake it, and what asyncio would merely log.
    """
    errors: list[dict[str, Any]] = []

    async def main() -> T:
        before = running_tasks(backend)
        if backend == "asyncio":
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
        with closed_generators():
            result = await (function(*args, **kwargs) if realtime else _or_deadlock(function, args, kwargs))
        left = [name for key, name in running_tasks(backend).items() if key not in before]
        if left:
            raise Leak("tasks", left)
        return result

    threads = busy_threads()
    result = _run(backend, main, realtime)
    gc.collect()  # what was not awaited, closed or retrieved speaks up now, while we know whose it is
    _raise_loop_errors(errors)
    threads_ended(threads)
    return result


async def _or_deadlock(function: Callable[..., Awaitable[T]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    with anyio.CancelScope(deadline=DEADLOCK) as scope:
        return await function(*args, **kwargs)
    assert scope.cancelled_caught
    raise Deadlock("all tasks were blocked and no timer was set: nothing could ever have woken this test")


def _run(backend: str, main: Callable[[], Awaitable[T]], realtime: bool) -> T:
    if backend == "asyncio":
        options: dict[str, Any] = {"debug": True}
        if not realtime:
            options["loop_factory"] = VirtualTimeLoop
        return anyio.run(main, backend="asyncio", backend_options=options)
    if realtime:
        return anyio.run(main, backend="trio")
    with trio_clock() as clock:
        return anyio.run(main, backend="trio", backend_options={"clock": clock})


def _raise_loop_errors(contexts: list[dict[str, Any]]) -> None:
    if contexts:
        message = "; ".join(str(context.get("message")) for context in contexts)
        raise AssertionError(f"asyncio logged: {message}") from contexts[0].get("exception")
