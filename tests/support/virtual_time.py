"""Time that costs nothing, the same on both backends.

The clock starts at 0.0 and stands still while any task can run. When all tasks are blocked it jumps to the next
timer, so `await anyio.sleep(3600)` takes no time at all and a timing in a test is exact, never "about".

* On trio this is `trio.testing.MockClock` with its autojump.
* On asyncio it is `VirtualTimeLoop`: an event loop whose selector, asked to wait for a timer, moves the clock there.

**Threads.** A worker thread is real and takes real time, so the clock must not jump past its completion only because
no *task* can run. Calls of `anyio.to_thread.run_sync` are counted (in the loop's own thread, so exactly), and while
there is one the clock waits for `THREAD_GRACE` real seconds of silence before it jumps. That wait is bounded because
the thread may itself be waiting for the clock; one that waits in `anyio.from_thread.run` is known to, and not waited
for. A thread started by other means is not counted: mark such a test `realtime`.

**Sockets and processes** are not waited for either, except that what is already readable is read before the clock
jumps. A test that needs the outside world is marked `realtime`.

`anyio.wait_all_tasks_blocked` is made exact on `VirtualTimeLoop`: anyio's own polls with `sleep(0.1)`, and would move
the clock by that much. On trio it never did.

The three public functions of anyio named here are replaced when this module is imported, once; outside a virtual
run the replacements do nothing but call the original.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from trio.testing import MockClock

__all__ = ["THREAD_GRACE", "VirtualTimeLoop", "trio_clock"]

T = TypeVar("T")

# Real seconds. Long enough that a thread on a crowded machine gets its turn; short enough that a test whose thread
# waits for the clock by means we cannot see (a `threading.Event` set by a sleeping task) is slow, not stuck.
THREAD_GRACE = 0.5

# A timer is due for asyncio when it is less than this ahead of the clock.
_RESOLUTION = time.get_clock_info("monotonic").resolution


class _Threads(threading.local):
    """How many worker threads the event loop of *this* thread waits for, and whom to tell."""

    busy: int = 0
    clock: MockClock | None = None

    @contextlib.contextmanager
    def changed_by(self, amount: int) -> Iterator[None]:
        self._add(amount)
        try:
            yield
        finally:
            self._add(-amount)

    def _add(self, amount: int) -> None:
        self.busy += amount
        if self.clock is not None:
            self.clock.autojump_threshold = THREAD_GRACE if self.busy > 0 else 0.0


_threads = _Threads()


@contextlib.contextmanager
def trio_clock() -> Iterator[MockClock]:
    """A clock for `trio.run` in this thread: jumps at once, but gives worker threads their time."""
    clock = MockClock(autojump_threshold=0)
    before, _threads.clock = _threads.clock, clock
    try:
        yield clock
    finally:
        _threads.clock = before


class _VirtualSelector(selectors.DefaultSelector):
    """Answers "wait until" by "it is already that late", unless there is something to hear."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.wake_idle_waiters():
            return []
        if timeout is None:  # no timer to jump to: only the outside can wake this loop
            return super().select(None)
        if _threads.busy > 0:
            ready = super().select(THREAD_GRACE)
            if ready:
                return ready
        if timeout > 0:
            self.loop.jump(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on a virtual clock that starts at 0.0."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        self._idle_waiters: list[asyncio.Future[None]] = []
        selector = _VirtualSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Move the clock on by `seconds`.

        After three virtual months a float no longer tells two moments apart that asyncio takes for one, and a timer
        would never be due: from there on the clock goes one step too far.
        """
        self._virtual_now += seconds
        if self._virtual_now + _RESOLUTION == self._virtual_now:
            self._virtual_now = math.nextafter(self._virtual_now, math.inf)

    async def wait_idle(self) -> None:
        """Return when no task can run any more without the clock moving, or hearing from outside."""
        waiter: asyncio.Future[None] = self.create_future()
        self._idle_waiters.append(waiter)
        await waiter

    def wake_idle_waiters(self) -> bool:
        """Called by the selector when nothing is ready; true when somebody was waiting for that."""
        waiting = [waiter for waiter in self._idle_waiters if not waiter.done()]
        self._idle_waiters.clear()
        for waiter in waiting:
            waiter.set_result(None)
        return bool(waiting)


def _virtual_loop() -> VirtualTimeLoop | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if isinstance(loop, VirtualTimeLoop) else None


def _install() -> None:
    original_to_thread = anyio.to_thread.run_sync
    original_from_thread = anyio.from_thread.run
    original_wait = anyio.wait_all_tasks_blocked

    async def to_thread_run_sync(func: Callable[..., T], *args: Any, **options: Any) -> T:
        with _threads.changed_by(+1):
            return await original_to_thread(func, *args, **options)

    def from_thread_run(func: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        async def in_the_loop() -> T:
            with _threads.changed_by(-1):
                return await func(*args)

        return original_from_thread(in_the_loop, **options)

    async def wait_all_tasks_blocked() -> None:
        loop = _virtual_loop()
        if loop is None:
            await original_wait()
        else:
            await loop.wait_idle()

    for module, name, replacement in (
        (anyio.to_thread, "run_sync", to_thread_run_sync),
        (anyio.from_thread, "run", from_thread_run),
        (anyio, "wait_all_tasks_blocked", wait_all_tasks_blocked),
    ):
        replacement.__doc__ = getattr(module, name).__doc__
        setattr(module, name, replacement)


_install()
