"""What a test leaves behind, found and named.

A test that passes and leaves a task, a thread, an open async generator or an un-awaited coroutine has not passed.
Un-awaited coroutines and errors in finalizers surface through `gc.collect()` and pytest's own hook for unraisable
exceptions, since every warning is an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import trio

__all__ = ["Leak", "busy_threads", "closed_generators", "running_tasks", "threads_ended"]

# Real seconds a thread has to end after its loop has told it to.
THREAD_EXIT_PATIENCE = 2.0


class Leak(AssertionError):
    """The test left something behind."""

    def __init__(self, what: str, names: list[str]) -> None:
        super().__init__(f"the test left {what} behind: " + ", ".join(sorted(names)))


def running_tasks(backend: str) -> dict[int, str]:
    """Every task of the current run by identity, the caller's included."""
    if backend == "asyncio":
        return {id(task): f"{task.get_name()} {task.get_coro()!r}" for task in asyncio.all_tasks()}
    root = trio.lowlevel.current_root_task()
    assert root is not None
    found: dict[int, str] = {}
    pending = [root]
    while pending:
        task = pending.pop()
        found[id(task)] = repr(task.name)
        for nursery in task.child_nurseries:
            pending.extend(nursery.child_tasks)
    return found


@contextlib.contextmanager
def closed_generators() -> Iterator[None]:
    """Fails when an async generator first iterated inside is neither exhausted nor closed at the end.

    One that was dropped half way counts too, though the backend would close it some time later, in a task of nobody.
    """
    alive: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
    dropped: list[str] = []
    before = sys.get_asyncgen_hooks()

    def first_iteration(generator: AsyncGenerator[Any, Any]) -> None:
        alive.add(generator)
        if before.firstiter is not None:
            before.firstiter(generator)

    def finalize(generator: AsyncGenerator[Any, Any]) -> None:
        # Not handed on: trio would warn and asyncio start a task, a second report of the same thing.
        dropped.append(_name(generator))

    sys.set_asyncgen_hooks(firstiter=first_iteration, finalizer=finalize)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*before)
    unclosed = [_name(generator) for generator in alive if getattr(generator, "ag_frame", None) is not None]
    if unclosed or dropped:
        raise Leak("async generators", unclosed + dropped)


def busy_threads() -> set[threading.Thread]:
    """The threads at work. Idle ones of trio's cache wait for the next job under their default name."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread ")}


def threads_ended(before: set[threading.Thread]) -> None:
    """Fail when a thread that was not at work `before` still is after a short real wait."""
    deadline = time.monotonic() + THREAD_EXIT_PATIENCE
    while leaked := busy_threads() - before:
        if time.monotonic() > deadline:
            raise Leak("threads", [thread.name for thread in leaked])
        time.sleep(0.001)


def _name(generator: object) -> str:
    return getattr(generator, "__qualname__", repr(generator))
