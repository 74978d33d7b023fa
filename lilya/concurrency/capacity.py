"""How many may be at work at once, and how many may wait for their turn.

It knows tasks and nothing of HTTP. A `Capacity` may be made anywhere, at import time too: what belongs to an event loop
is made when a loop first asks, one for each.
"""

from __future__ import annotations

from anyio import CapacityLimiter, WouldBlock
from anyio.lowlevel import RunVar

from lilya._checks import check_count

__all__ = ["MAX_WAITING", "Capacity"]

# How many may wait for a place, where nobody says. Each of them holds a connection and a task, and at the end of a
# longer queue there is nobody left who still wants what he waits for.
MAX_WAITING = 1000


class Capacity:
    """`places` that are taken and given back, in the order of asking (first come, first served).

    A number is a limiter for each event loop; an `anyio.CapacityLimiter` is used as it is, shared with whoever else has
    it, in the one loop it belongs to. At most `max_waiting` wait: who comes then is told at once.

    Raises `ValueError` for numbers that make no sense.
    """

    __slots__ = ("_limiters", "max_waiting", "places")

    def __init__(self, places: int | CapacityLimiter, *, max_waiting: int = MAX_WAITING) -> None:
        if not isinstance(places, CapacityLimiter):
            check_count("how many may be at work at once", places, least=1)
        self.places = places
        self.max_waiting = check_count("max_waiting", max_waiting, least=0)
        self._limiters: RunVar[CapacityLimiter] = RunVar("lilya.concurrency.capacity")

    def limiter(self) -> CapacityLimiter:
        """The limiter of the running event loop; made when first asked for."""
        if isinstance(self.places, CapacityLimiter):
            return self.places
        limiter = self._limiters.get(None)
        if limiter is None:
            limiter = CapacityLimiter(self.places)
            self._limiters.set(limiter)
        return limiter

    def take_nowait(self, borrower: object) -> bool:
        """Take a place for `borrower`, if one is free and nobody waits."""
        try:
            self.limiter().acquire_on_behalf_of_nowait(borrower)
        except WouldBlock:
            return False
        return True

    async def take(self, borrower: object) -> None:
        """Take a place for `borrower`; waits for its turn. Raises `anyio.WouldBlock` when too many wait already.

        Cancelling it leaves the queue, and takes no place.
        """
        limiter = self.limiter()
        statistics = limiter.statistics()
        if statistics.borrowed_tokens >= statistics.total_tokens and statistics.tasks_waiting >= self.max_waiting:
            raise WouldBlock
        await limiter.acquire_on_behalf_of(borrower)

    def give_back(self, borrower: object) -> None:
        """Give back the place of `borrower`: whoever waits longest has it from now on."""
        self.limiter().release_on_behalf_of(borrower)

    def __repr__(self) -> str:
        return f"Capacity({self.places!r}, max_waiting={self.max_waiting})"
