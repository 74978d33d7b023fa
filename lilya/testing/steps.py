"""Doing something exactly when a coroutine suspends for the n-th time, on either backend and with no help from it.

A coroutine reaches the event loop only by yielding through `__await__`. `Stepped` stands in between: it counts what
goes out, and sees what comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

import anyio

__all__ = ["Stepped", "cancelled_at"]

T = TypeVar("T")


class Stepped(Generator[Any, Any, T]):
    """Await it to run `awaitable`; when that suspends for the `step`-th time (from 1), `act()` is called first.

    `count` is how many suspensions there were. With a `reason` given, `told` is whether a cancellation that was called
    for that reason (`scope.cancel(reason)`) reached the awaitable. Only suspensions of the awaiting task are seen, not
    those of its children.
    """

    def __init__(
        self, awaitable: Awaitable[T], step: int, act: Callable[[], object], reason: str | None = None
    ) -> None:
        self._run: Generator[Any, Any, T] = awaitable.__await__()
        self._step = step
        self._act = act
        self._reason = reason
        self.count = 0
        self.told = False

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:
        """Go on. trio sends even a cancellation: as an outcome, which is unwrapped inside."""
        self._look(getattr(value, "error", None))
        return self._suspended(self._run.send(value))

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """Go on with an exception: asyncio throws a cancellation in."""
        self._look(typ)
        return self._suspended(self._run.throw(typ))

    def _suspended(self, trap: Any) -> Any:
        self.count += 1
        if self.count == self._step:
            self._act()
        return trap

    def _look(self, error: Any) -> None:
        if self._reason is not None and isinstance(error, anyio.get_cancelled_exc_class()):
            said = (getattr(error, "reason", None), *error.args)
            self.told = self.told or any(self._reason in each for each in said if isinstance(each, str))


async def cancelled_at(step: int, call: Callable[[], Awaitable[object]]) -> tuple[bool, int]:
    """Run `call()` and cancel it at its `step`-th suspension (from 1).

    Returns whether it ended by that, and how many suspensions there were: fewer than `step` when it was not cancelled.
    """
    with anyio.CancelScope() as scope:
        stepped = Stepped(call(), step, scope.cancel)
        await stepped
    return scope.cancelled_caught, stepped.count
