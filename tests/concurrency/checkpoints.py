"""Do something exactly when a coroutine comes to its n-th checkpoint, on either backend and with no help from it.

A coroutine reaches the event loop only by yielding through `__await__`. `Checkpoints` stands in between and counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

import anyio

__all__ = ["Checkpoints", "cancelled_at"]

T = TypeVar("T")


class Checkpoints(Generic[T]):
    """Await it to run `awaitable`; when it waits for the `number`-th time (from 1), `act` is called first."""

    def __init__(self, awaitable: Awaitable[T], number: int, act: Callable[[], object]) -> None:
        self._steps: Generator[Any, Any, T] = awaitable.__await__()
        self._number = number
        self._act = act
        self.count = 0

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[Any], Any] = self._steps.send
        value: Any = None
        while True:
            try:
                trap = step(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            self.count += 1
            if self.count == self._number:
                self._act()
            try:
                value, step = (yield trap), self._steps.send
            except BaseException as exc:
                value, step = exc, self._steps.throw


async def cancelled_at(number: int, function: Callable[[], Awaitable[object]]) -> bool:
    """Run `function` and cancel it at its `number`-th checkpoint; false when it has not so many."""
    with anyio.CancelScope() as scope:
        run = Checkpoints(function(), number, scope.cancel)
        await run
    return run.count >= number
