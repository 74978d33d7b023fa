"""A cache in the memory of the process, bounded.

There is none over redis here: the client there is (`redis.asyncio`) runs on asyncio alone. A backend of one's own needs
three async methods, those of `lilya.protocols.cache.CacheBackend`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from lilya._checks import check_count

__all__ = ["InMemoryCache"]


class InMemoryCache:
    """Keeps the `max_entries` values that were used last; what is older, or too old, is forgotten.

    Values are kept as they are: what is changed after it was got is changed for all. It may be shared by threads and by
    event loops, and none of its methods ever waits. `max_entries` None: any number, for keys that nobody outside
    chooses. `clock` tells the time, in seconds.
    """

    def __init__(self, max_entries: int | None = 10_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_entries = None if max_entries is None else check_count("max_entries", max_entries, least=1)
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float | None, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def sync_get(self, key: str) -> Any:
        """The value of a key; None for one that is not there, or not any more."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            until, value = found
            if until is not None and until <= self._clock():
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def sync_set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value for `ttl` seconds; None for as long as there is room, 0 or less not at all."""
        with self._lock:
            self._entries.pop(key, None)
            if ttl is not None and ttl <= 0:
                return
            self._entries[key] = (None if ttl is None else self._clock() + ttl, value)
            if self.max_entries is not None and len(self._entries) > self.max_entries:
                self._entries.popitem(last=False)

    def sync_delete(self, key: str) -> None:
        """Forget a key, if it is there."""
        with self._lock:
            self._entries.pop(key, None)

    async def get(self, key: str) -> Any:
        """As `sync_get`. Never waits, so it cannot be cancelled."""
        return self.sync_get(key)

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """As `sync_set`. Never waits, so it cannot be cancelled."""
        self.sync_set(key, value, ttl)

    async def delete(self, key: str) -> None:
        """As `sync_delete`. Never waits, so it cannot be cancelled."""
        self.sync_delete(key)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"InMemoryCache(max_entries={self.max_entries!r}, {len(self)} kept)"
