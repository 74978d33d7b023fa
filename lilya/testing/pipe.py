"""A bounded way from a writer to a reader in one event loop: what stands for a socket's buffer.

Knows sizes and nothing of messages. Taking is atomic: a cancelled reader has taken nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

__all__ = ["Pipe"]

T = TypeVar("T")


class Pipe(Generic[T]):
    """Items in order. A writer waits while items of more than `bound` bytes (as `size` has it) are not taken.

    With a bound of 0 it is a rendezvous: `put` returns when the item has been taken.
    """

    __slots__ = ("_bound", "_items", "_readable", "_size", "_untaken", "_writable", "closed")

    def __init__(self, bound: int, size: Callable[[T], int]) -> None:
        self.closed = False
        self._bound = bound
        self._size = size
        self._items: deque[T] = deque()
        self._untaken = 0
        self._readable: anyio.Event | None = None  # exists while a reader waits
        self._writable: anyio.Event | None = None  # exists while a writer waits

    def put_nowait(self, item: T) -> None:
        """Add `item` whatever the bound says; a closed pipe drops it."""
        if not self.closed:
            self._items.append(item)
            self._untaken += self._size(item)
            self._wake_readers()

    async def put(self, item: T) -> None:
        """Add `item` and wait until no more than the bound is untaken, or the pipe is closed.

        A cancelled writer has added its item all the same, as with a socket.
        """
        self.put_nowait(item)
        while self._untaken > self._bound and not self.closed:
            self._writable = self._writable or anyio.Event()
            await self._writable.wait()

    async def get(self) -> T | None:
        """Take the next item, waiting for it; None once the pipe is closed and empty."""
        while not self._items:
            if self.closed:
                return None
            self._readable = self._readable or anyio.Event()
            await self._readable.wait()
        item = self._items.popleft()
        self._untaken -= self._size(item)
        if self._untaken <= self._bound:
            self._wake_writers()
        return item

    def close(self, *, drop: bool = False) -> None:
        """No more items; writers wait no longer. What is there can still be taken, unless `drop`. Idempotent."""
        self.closed = True
        if drop:
            self._items.clear()
            self._untaken = 0
        self._wake_readers()
        self._wake_writers()

    def _wake_readers(self) -> None:
        if self._readable is not None:
            self._readable.set()
            self._readable = None

    def _wake_writers(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None
