"""What a piece of code leaves behind in the event loop."""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from lilya.testing.exceptions import UncleanExit

__all__ = ["LeakWatch", "assert_no_leaks", "watch_leaks"]


@contextmanager
def assert_no_leaks() -> Iterator[None]:
    """Fail with `UncleanExit` when the block leaves a task running or an async generator open.

    An async generator is open when it was first iterated in the block and neither exhausted nor closed, also when the
    last reference to it is gone: nobody awaits the clean-up of such a one. What other tasks start meanwhile counts too:
    use it where nothing else goes on. To be used in a task of the event loop; an exception of the block passes through.
    """
    with watch_leaks() as watch:
        yield
        problems = watch.problems()
    if problems:
        raise UncleanExit("; ".join(problems))


class LeakWatch:
    """What was there at the beginning, and the async generators that began since."""

    def __init__(self) -> None:
        self._before = {task.id for task in anyio.get_running_tasks()}
        self._alive: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._dropped: list[str] = []
        self._hooks = sys.get_asyncgen_hooks()

    def began(self, generator: AsyncGenerator[Any, Any]) -> None:
        """A hook: `generator` is iterated for the first time."""
        self._alive.add(generator)
        if self._hooks.firstiter is not None:
            self._hooks.firstiter(generator)

    def dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        """A hook: `generator` is collected while it is open."""
        self._dropped.append(_name(generator))
        if self._hooks.finalizer is not None:
            self._hooks.finalizer(generator)

    def problems(self) -> list[str]:
        """What is left behind now, in words."""
        tasks = [task.name for task in anyio.get_running_tasks() if task.id not in self._before]
        alive = [_name(each) for each in self._alive if getattr(each, "ag_frame", None) is not None]
        return [
            *(f"task {name!r} is still running" for name in tasks),
            *(f"async generator {name} is not closed" for name in alive),
            *(f"async generator {name} was dropped without being closed" for name in self._dropped),
        ]


@contextmanager
def watch_leaks() -> Iterator[LeakWatch]:
    """Watch what the block leaves behind; ask for `problems()` before it ends."""
    watch = LeakWatch()
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(watch.began, watch.dropped)
    try:
        yield watch
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _name(generator: object) -> str:
    return getattr(generator, "__qualname__", repr(generator))
