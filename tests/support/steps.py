"""Cancelling a coroutine at its k-th suspension, whichever backend runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import anyio


class Stepped:
    """Awaits `coroutine`, and calls `act` when it is suspended for the `at`-th time (from 1). `count` counts."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at: int, act: Callable[[], object]) -> None:
        self.coroutine = coroutine
        self.at = at
        self.act = act
        self.count = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                trap = self.coroutine.send(value) if error is None else self.coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            self.count += 1
            if self.count == self.at:
                self.act()
            try:
                value, error = (yield trap), None
            except BaseException as exc:
                value, error = None, exc


async def cancelled_at(step: int, call: Callable[[], Coroutine[Any, Any, None]]) -> tuple[bool, int]:
    """Run `call()` and cancel it at its `step`-th suspension.

    Returns whether it was cancelled, and how many there were.
    """
    with anyio.CancelScope() as scope:
        stepped = Stepped(call(), step, scope.cancel)
        await stepped
    return scope.cancelled_caught, stepped.count


Runner = Callable[[], Awaitable[None]]
