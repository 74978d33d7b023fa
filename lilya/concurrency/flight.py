"""Work that is done once however many ask for it at the same time: one flies, the others wait for it to land."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio

__all__ = ["SingleFlight"]

T = TypeVar("T")


class _Flight(Generic[T]):
    __slots__ = ("landed", "value")

    value: T

    def __init__(self) -> None:
        self.landed = anyio.Event()


class SingleFlight(Generic[T]):
    """Calls for one key at a time: `await flights.run(key, fetch)`.

    Those who come while a call for their key is under way get its result. Should it fail or be cancelled, its caller
    alone sees that; the next of those who waited makes the call himself. Nothing is kept afterwards. It belongs to one
    event loop at a time.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def run(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call()`, or of the one that is under way for `key`. Cancelling it ends no other's waiting."""
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if hasattr(flight, "value"):
                return flight.value
        flight = self._flights[key] = _Flight()
        try:
            flight.value = await call()
        finally:
            del self._flights[key]
            flight.landed.set()
        return flight.value
