"""Stores for what is dear to make: see `lilya.protocols.cache.CacheBackend`."""

from lilya.caches.memory import InMemoryCache

__all__ = ["InMemoryCache"]
