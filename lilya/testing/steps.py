"""Doing something exactly when a coroutine suspends for the n-th time, on either backend and with no help from it.

A coroutine reaches the event loop only by yielding through `__await__`. `Stepped` stands in between: it counts what goes
out, and sees what comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

import anyio

__all__ = ["Stepped", "cancelled_at"]

T = TypeVar("T")


class Stepped(Generic[T]):
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
        resume: Callable[[Any], Any] = self._run.send
        value: Any = None
        while True:
            try:
                trap = resume(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            self.count += 1
            if self.count == self._step:
                self._act()
            try:
                value, resume = (yield trap), self._run.send
            except BaseException as exc:
                value, resume = exc, self._run.throw
            if self._reason is not None:
                self._look(value)

    def _look(self, value: Any) -> None:
        """asyncio throws a cancellation in, trio sends it in, as an outcome that is unwrapped inside."""
        error = value if isinstance(value, BaseException) else getattr(value, "error", None)
        if isinstance(error, anyio.get_cancelled_exc_class()):
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
