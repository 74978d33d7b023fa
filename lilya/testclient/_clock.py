"""Virtual time for the sync client, on trio: the one place of the client that knows trio."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from trio.testing import MockClock

__all__ = ["AutojumpClock"]

# Real seconds without anything to do before the clock may jump while a thread is at work for us: it may read a file, or
# wait for its turn on a crowded machine, which takes longer than 10 ms. Only one that waits for the clock itself, by
# means we cannot see (an Event that a sleeping task sets), needs them all.
_THREAD_QUIET = 0.5


class AutojumpClock:
    """A clock that jumps to the next timer when all tasks are blocked, but only while the test waits for the client.

    Between two calls of the client virtual time stands still: what the application does on timers of its own does not
    run away from the test. To be used in the event loop's thread.
    """

    def __init__(self) -> None:
        self.trio_clock = MockClock()
        self._waiting = 0
        self._threads = 0

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """The test waits: time may pass."""
        self._waiting += 1
        self._set()
        try:
            yield
        finally:
            self._waiting -= 1
            self._set()

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """A thread is at work for us: time passes only if it seems stuck."""
        self._threads += 1
        self._set()
        try:
            yield
        finally:
            self._threads -= 1
            self._set()

    def _set(self) -> None:
        quiet = _THREAD_QUIET if self._threads else 0.0
        self.trio_clock.autojump_threshold = quiet if self._waiting else math.inf
