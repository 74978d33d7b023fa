"""Clients that are slow: request bodies that trickle, responses that are read with pauses.

For `MemoryServer` and for `AsyncTestClient` (`content=trickle(...)`). Seconds are those of the event loop's clock: on a
virtual one a client of an hour costs a millisecond.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio

from lilya.exceptions import ImproperlyConfigured
from lilya.testing.exchange import MemoryExchange

__all__ = ["read_slowly", "trickle"]


def trickle(body: bytes, *, size: int = 1, delay: float = 0.0) -> AsyncIterator[bytes]:
    """A request body that comes `size` bytes at a time, `delay` seconds before each piece: one byte at a time, say.

    To be used once. Cancelling a wait loses nothing. `ImproperlyConfigured` where the numbers make no sense.
    """
    if size < 1:
        raise ImproperlyConfigured(f"size wants at least 1 byte, got {size}")
    if delay < 0:
        raise ImproperlyConfigured(f"delay wants at least 0 seconds, got {delay}")
    return _Trickle(body, size, delay)


class _Trickle:
    """An iterator and no generator: there is nothing to be closed when it is left early."""

    def __init__(self, body: bytes, size: int, delay: float) -> None:
        self._body = body
        self._size = size
        self._delay = delay

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._body:
            raise StopAsyncIteration
        await anyio.sleep(self._delay)
        piece, self._body = self._body[: self._size], self._body[self._size :]
        return piece


async def read_slowly(exchange: MemoryExchange, *, delay: float) -> list[bytes]:
    """Read the rest of a response, `delay` seconds before each piece, and leave: the pieces, as they were sent.

    Raises what `MemoryExchange.chunk` and `aclose` raise; being cancelled here is leaving.
    """
    pieces: list[bytes] = []
    try:
        while True:
            await anyio.sleep(delay)
            piece = await exchange.chunk()
            if piece is None:
                return pieces
            pieces.append(piece)
    finally:
        await exchange.aclose()
