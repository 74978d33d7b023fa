"""Counting what happened within the last so many seconds, exactly: at no moment were there more than the limit.

It keeps the time of each hit that was let by. A counter of fixed windows is smaller, and lets twice the limit by around
the turn of one.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

__all__ = ["SlidingWindow", "Verdict"]


class Verdict(NamedTuple):
    """Whether one may, and what is left: how many more, and in how many seconds the next place is free."""

    allowed: bool
    remaining: int
    reset: float

    @property
    def retry_after(self) -> int:
        """Whole seconds to wait; 1 or more (RFC 9110 section 10.2.3)."""
        return max(1, math.ceil(self.reset))


class SlidingWindow:
    """The hits of one key."""

    __slots__ = ("_hits",)

    def __init__(self) -> None:
        self._hits: deque[float] = deque()

    def hit(self, now: float, limit: int, window: float) -> Verdict:
        """One more, at `now`: it counts if it is allowed. `window` is in seconds."""
        self.forget(now, window)
        allowed = len(self._hits) < limit
        if allowed:
            self._hits.append(now)
        return Verdict(allowed, limit - len(self._hits), self._hits[0] + window - now)

    def forget(self, now: float, window: float) -> bool:
        """Forget what is over; whether nothing is left."""
        hits = self._hits
        while hits and hits[0] <= now - window:
            hits.popleft()
        return not hits
