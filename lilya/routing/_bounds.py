"""How long, and how many at once: the bounds of a route, and those of what it is included in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from anyio import CapacityLimiter

from lilya._asgi.deadline import Deadline
from lilya._asgi.limited import Limited, check_capacity
from lilya._checks import check_timeout
from lilya.concurrency.capacity import Capacity
from lilya.types import ASGIApp

__all__ = ["UNBOUNDED", "Bounds", "bounds_of"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most `timeout` seconds, the wait for a place included, and a place in each of `capacities`."""

    timeout: float | None = None
    capacities: tuple[Capacity, ...] = ()

    def under(self, outer: Bounds) -> Bounds:
        """These inside others: nothing inside lasts longer than what it stands in."""
        if self is UNBOUNDED or outer is UNBOUNDED:
            return outer if self is UNBOUNDED else self
        seconds = [each for each in (outer.timeout, self.timeout) if each is not None]
        # Who has a place of a limiter needs no second one.
        shared = {_places(each): each for each in (*outer.capacities, *self.capacities)}
        return Bounds(min(seconds, default=None), tuple(shared.values()))

    def beyond(self, inner: Bounds) -> Bounds:
        """These around layers that have others inside: a place that is taken inside is not taken here as well."""
        if self is UNBOUNDED or inner is UNBOUNDED:
            return self
        taken = {_places(each) for each in inner.capacities}
        return Bounds(self.timeout, tuple(each for each in self.capacities if _places(each) not in taken))

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app` inside the bounds; `app` itself where there are none."""
        for capacity in reversed(self.capacities):
            app = Limited(app, capacity)
        return app if self.timeout is None else Deadline(app, self.timeout)


def _places(capacity: Capacity) -> CapacityLimiter | Capacity:
    """What tells whether two capacities are the same places."""
    return capacity.places if isinstance(capacity.places, CapacityLimiter) else capacity


UNBOUNDED: Final = Bounds()


def bounds_of(timeout: Any, limiter: Any, where: str) -> Bounds:
    """The bounds somebody asks for, checked. Raises `ImproperlyConfigured`."""
    if timeout is None and limiter is None:
        return UNBOUNDED
    capacity = check_capacity(limiter, f"{where}: limiter")
    return Bounds(check_timeout(f"{where}: timeout", timeout), () if capacity is None else (capacity,))
