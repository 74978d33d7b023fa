"""Where sessions are kept on the server.

A store keeps, under an id, a table of values; it does not know what they mean. It is told what one request has changed,
key by key, so that two requests of a client at the same time lose nothing of each other's: of the same key the last one
counts. A session that was ended meanwhile stays ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol, runtime_checkable

import anyio.lowlevel

from lilya._checks import check_count
from lilya.caches.memory import InMemoryCache
from lilya.middleware._session import SessionTooLarge

__all__ = ["MemorySessionStore", "SessionStore"]

# How many sessions are kept in memory. With a usual 1 KiB each it is 10 MiB.
MAX_SESSIONS = 10_000
# How large one may be, in bytes of its keys and values: it is a note on a client, no database.
MAX_SESSION_SIZE = 64 * 1024


@runtime_checkable
class SessionStore(Protocol):
    """A store of sessions. What it raises fails the request with a 500, and nothing of the session is lost by that."""

    async def load(self, session_id: str) -> Mapping[str, bytes] | None:
        """The values of a session; None where there is none of that id, or not any more."""

    async def create(self, session_id: str, values: Mapping[str, bytes], max_age: float | None) -> None:
        """Keep a new session for `max_age` seconds, None for as long as the store does by itself."""

    async def change(
        self, session_id: str, changed: Mapping[str, bytes], removed: Collection[str], max_age: float | None
    ) -> bool:
        """Set some values and remove others, at once, and keep the session for `max_age` seconds from now.

        False, and nothing is done, where there is no such session any more.
        """

    async def delete(self, session_id: str) -> None:
        """Forget a session, if it is there."""


class MemorySessionStore:
    """Keeps sessions in the memory of this process: for one process, and until it ends.

    Args:
        max_sessions: how many; when there are more, those unused longest are forgotten: their clients start anew.
        max_session_size: how large one may be, in bytes; a larger one raises `SessionTooLarge`.
        clock: the time in seconds.
    """

    def __init__(
        self,
        max_sessions: int = MAX_SESSIONS,
        max_session_size: int = MAX_SESSION_SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_sessions = check_count("max_sessions", max_sessions, least=1)
        self.max_session_size = check_count("max_session_size", max_session_size, least=1)
        self._kept = InMemoryCache(max_sessions, clock=clock)

    def __len__(self) -> int:
        return len(self._kept)

    async def load(self, session_id: str) -> Mapping[str, bytes] | None:
        """The values of a session, or None."""
        await anyio.lowlevel.checkpoint()
        values: dict[str, bytes] | None = self._kept.sync_get(session_id)
        return None if values is None else dict(values)

    async def create(self, session_id: str, values: Mapping[str, bytes], max_age: float | None) -> None:
        """Keep a new session. Raises `SessionTooLarge` for one that is too large."""
        await anyio.lowlevel.checkpoint()
        self._kept.sync_set(session_id, self._checked({**values}), max_age)

    async def change(
        self, session_id: str, changed: Mapping[str, bytes], removed: Collection[str], max_age: float | None
    ) -> bool:
        """Change a session that is still there. Raises `SessionTooLarge` for one that becomes too large."""
        await anyio.lowlevel.checkpoint()
        values: dict[str, bytes] | None = self._kept.sync_get(session_id)
        if values is None:
            return False
        kept = {key: value for key, value in values.items() if key not in removed}
        self._kept.sync_set(session_id, self._checked({**kept, **changed}), max_age)
        return True

    async def delete(self, session_id: str) -> None:
        """Forget a session."""
        await anyio.lowlevel.checkpoint()
        self._kept.sync_delete(session_id)

    def _checked(self, values: dict[str, bytes]) -> dict[str, bytes]:
        size = sum(len(key) + len(value) for key, value in values.items())
        if size > self.max_session_size:
            raise SessionTooLarge(
                f"the session has {size} bytes, more than max_session_size={self.max_session_size}: keep large things "
                "elsewhere, and their names in the session"
            )
        return values
