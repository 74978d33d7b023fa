"""How many requests may be at work at once: the others wait for their turn, or are told to come back."""

from __future__ import annotations

from typing import Any

import anyio

from lilya._asgi.exchange import exchange_of
from lilya.concurrency.capacity import Capacity
from lilya.exceptions import ClientDisconnect, ImproperlyConfigured, ServiceUnavailable
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["RETRY_AFTER", "Limited", "check_capacity"]

# When one who found too many waiting shall come back, in seconds, where nobody says.
RETRY_AFTER = 1


def check_capacity(limiter: Any, where: str) -> Capacity | None:
    """A number, an `anyio.CapacityLimiter` or a `Capacity`, as a `Capacity`; None: no limit."""
    if limiter is None or isinstance(limiter, Capacity):
        return limiter
    if not isinstance(limiter, int | anyio.CapacityLimiter):
        raise ImproperlyConfigured(
            f"{where} is how many run at once: an int, an anyio.CapacityLimiter or a lilya.concurrency.Capacity; "
            f"not {limiter!r}"
        )
    try:
        return Capacity(limiter)
    except ValueError as exc:
        raise ImproperlyConfigured(f"{where}: {exc}") from exc


class Limited:
    """The layer that lets as many requests through at once as `capacity` has places; websockets pass.

    A place is held until the app inside has returned, its background work included.
    """

    __slots__ = ("app", "capacity", "retry_after")

    def __init__(self, app: ASGIApp, capacity: Capacity, retry_after: int = RETRY_AFTER) -> None:
        self.app = app
        self.capacity = capacity
        self.retry_after = retry_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for a place, run the app, give the place back.

        Raises `ServiceUnavailable` when too many wait already, and `ClientDisconnect` when the client leaves while it
        waits, whatever the method: nothing was begun. Cancelling it gives the place back, or leaves the queue.
        """
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        borrower = object()
        if not self.capacity.take_nowait(borrower):
            await self._wait(borrower, scope)
        try:
            await self.app(scope, receive, send)
        finally:
            self.capacity.give_back(borrower)

    async def _wait(self, borrower: object, scope: Scope) -> None:
        exchange = exchange_of(scope)
        with anyio.CancelScope() as waiting:
            if exchange is not None:
                exchange.guard(waiting)
            try:
                await self.capacity.take(borrower)
            except anyio.WouldBlock:
                raise ServiceUnavailable(headers={"retry-after": str(self.retry_after)}) from None
            finally:
                if exchange is not None:
                    exchange.unguard(waiting)
        if waiting.cancelled_caught:
            raise ClientDisconnect(detail="the client left while it waited for its turn")
