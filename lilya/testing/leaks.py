"""What a piece of code leaves behind in the event loop."""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from lilya.testing.exceptions import UncleanExit

__all__ = ["assert_no_leaks"]


@contextmanager
def assert_no_leaks() -> Iterator[None]:
    """Fail with `UncleanExit` when the block leaves a task running or an async generator open.

    An async generator is open when it was first iterated in the block and neither exhausted nor closed, also when the
    last reference to it is gone: nobody awaits the clean-up of such a one. What other tasks start meanwhile counts too:
    use it where nothing else goes on. To be used in a task of the event loop; an exception of the block passes through.
    """
    before = {task.id for task in anyio.get_running_tasks()}
    with _tracked_generators() as (alive, dropped):
        yield
    open_generators = [each for each in alive if getattr(each, "ag_frame", None) is not None]
    problems = [f"task {task.name!r} is still running" for task in anyio.get_running_tasks() if task.id not in before]
    problems += [f"async generator {each.__qualname__} is not closed" for each in open_generators]
    problems += [f"async generator {name} was dropped without being closed" for name in dropped]
    if problems:
        raise UncleanExit("; ".join(problems))


@contextmanager
def _tracked_generators() -> Iterator[tuple[weakref.WeakSet[AsyncGenerator[Any, Any]], list[str]]]:
    """Those first iterated in the block: the living ones, and the names of those that were collected while open."""
    alive: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
    dropped: list[str] = []
    hooks = sys.get_asyncgen_hooks()

    def first_iteration(generator: AsyncGenerator[Any, Any]) -> None:
        alive.add(generator)
        if hooks.firstiter is not None:
            hooks.firstiter(generator)

    def finalize(generator: AsyncGenerator[Any, Any]) -> None:
        dropped.append(generator.__qualname__)
        if hooks.finalizer is not None:
            hooks.finalizer(generator)

    sys.set_asyncgen_hooks(first_iteration, finalize)
    try:
        yield alive, dropped
    finally:
        sys.set_asyncgen_hooks(*hooks)
