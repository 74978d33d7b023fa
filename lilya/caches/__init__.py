"""Stores for what is dear to make: see `lilya.protocols.cache.CacheBackend`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.caches.memory import InMemoryCache
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".memory": "InMemoryCache",
        },
    )

__all__ = ["InMemoryCache"]
