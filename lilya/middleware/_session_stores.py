"""Where sessions are kept on the server.

A store keeps, under an id, a table of values; it does not know what they mean. It is told what one request has changed,
key by key, so that two requests of a client at the same time lose nothing of each other's: of the same key the last one
counts. A session that was ended meanwhile stays ended.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Protocol, runtime_checkable

import anyio.lowlevel

from lilya.exceptions import ImproperlyConfigured
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


class _Entry:
    __slots__ = ("ends", "values")

    def __init__(self, values: dict[str, bytes], ends: float) -> None:
        self.values = values
        self.ends = ends


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
        if max_sessions < 1 or max_session_size < 1:
            raise ImproperlyConfigured(
                f"a store of {max_sessions} sessions of {max_session_size} bytes keeps nothing: wanted 1 or more"
            )
        self.max_sessions = max_sessions
        self.max_session_size = max_session_size
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # the one used last comes last

    def __len__(self) -> int:
        return len(self._entries)

    async def load(self, session_id: str) -> Mapping[str, bytes] | None:
        """The values of a session, or None."""
        await anyio.lowlevel.checkpoint()
        entry = self._live(session_id)
        return None if entry is None else dict(entry.values)

    async def create(self, session_id: str, values: Mapping[str, bytes], max_age: float | None) -> None:
        """Keep a new session. Raises `SessionTooLarge` for one that is too large."""
        await anyio.lowlevel.checkpoint()
        self._entries[session_id] = _Entry(self._checked({**values}), self._end(max_age))
        while len(self._entries) > self.max_sessions:
            self._entries.popitem(last=False)

    async def change(
        self, session_id: str, changed: Mapping[str, bytes], removed: Collection[str], max_age: float | None
    ) -> bool:
        """Change a session that is still there. Raises `SessionTooLarge` for one that becomes too large."""
        await anyio.lowlevel.checkpoint()
        entry = self._live(session_id)
        if entry is None:
            return False
        kept = {key: value for key, value in entry.values.items() if key not in removed}
        entry.values = self._checked({**kept, **changed})
        entry.ends = self._end(max_age)
        return True

    async def delete(self, session_id: str) -> None:
        """Forget a session."""
        await anyio.lowlevel.checkpoint()
        self._entries.pop(session_id, None)

    def _live(self, session_id: str) -> _Entry | None:
        entry = self._entries.get(session_id)
        if entry is None:
            return None
        if entry.ends <= self._clock():
            del self._entries[session_id]
            return None
        self._entries.move_to_end(session_id)
        return entry

    def _end(self, max_age: float | None) -> float:
        return float("inf") if max_age is None else self._clock() + max_age

    def _checked(self, values: dict[str, bytes]) -> dict[str, bytes]:
        size = sum(len(key) + len(value) for key, value in values.items())
        if size > self.max_session_size:
            raise SessionTooLarge(
                f"the session has {size} bytes, more than max_session_size={self.max_session_size}: keep large things "
                "elsewhere, and their names in the session"
            )
        return values
