"""Where cached values are kept."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["CacheBackend"]


@runtime_checkable
class CacheBackend(Protocol):
    """A store of values under text keys, each for a time."""

    async def get(self, key: str) -> Any:
        """The value of a key; None for one that is not there, or not any more."""

    async def set(self, key: str, value: Any, ttl: int | None = None) -> None:
        """Keep a value for `ttl` seconds; None for as long as the backend does by itself."""

    async def delete(self, key: str) -> None:
        """Forget a key, if it is there."""
