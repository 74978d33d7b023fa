"""How a session is kept between two requests: whole, in the cookie; or in a store, and only its id in the cookie."""

from __future__ import annotations

import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from lilya.middleware._session import Session
from lilya.middleware._session_stores import SessionStore
from lilya.middleware._signing import Signer

__all__ = ["REMOVE", "CookieKeeper", "Dumps", "Keeper", "Loads", "StoreKeeper", "Visit"]

logger = logging.getLogger("lilya.sessions")

Dumps: TypeAlias = Callable[[Any], str | bytes]
Loads: TypeAlias = Callable[[Any], Any]

# The text of a cookie that is to be removed.
REMOVE: Final = "null"
# A session that is in use is renewed once this part of its time is over: seldom enough to be cheap.
RENEW_AFTER: Final = 0.5


@dataclass(slots=True)
class Visit:
    """What a session was when the request came."""

    session: Session = field(default_factory=Session)
    kept: Mapping[str, bytes] = field(default_factory=dict)  # as it stands in the store
    payload: bytes = b""  # as it stood in the cookie
    id: str = ""
    age: float = 0.0
    failed: bool = False  # it cannot be written: let the answer that says so pass


class Keeper(ABC):
    """Loads and saves sessions. `max_age` is in seconds."""

    def __init__(self, signer: Signer, dumps: Dumps, loads: Loads, max_age: float | None) -> None:
        self.signer = signer
        self._dumps = dumps
        self._loads = loads
        self.max_age = max_age

    @abstractmethod
    async def load(self, cookie: str) -> Visit:
        """The session a cookie stands for; an empty one where it is not ours, too old, or cannot be read."""

    @abstractmethod
    async def save(self, visit: Visit) -> str | None:
        """Keep what has changed; the text of the cookie to send, if one is to be sent.

        Raises what writing it raises: a `TypeError` for a value the serializer does not know.
        """

    @abstractmethod
    async def save_late(self, visit: Visit) -> None:
        """Keep what has changed since the cookie was, or was not, sent; what cannot be kept is said in the log."""

    def dumps(self, value: Any) -> bytes:
        """A value as bytes."""
        written = self._dumps(value)
        return written.encode() if isinstance(written, str) else written

    def is_due(self, visit: Visit) -> bool:
        """Whether the session is to be renewed, although nothing has changed."""
        return self.max_age is not None and visit.age > self.max_age * RENEW_AFTER


class CookieKeeper(Keeper):
    """The cookie holds the whole session. Of two answers to one client at the same time, the last one counts."""

    async def load(self, cookie: str) -> Visit:
        """See `Keeper.load`."""
        signed = self.signer.read(cookie)
        if signed is None:
            return Visit()
        try:
            values = self._loads(signed.payload)
        except Exception:  # whatever somebody's deserializer raises: it is no session
            values = None
        if not isinstance(values, dict):
            return Visit()
        return Visit(Session(values), payload=signed.payload, age=signed.age)

    async def save(self, visit: Visit) -> str | None:
        """See `Keeper.save`."""
        session = visit.session
        payload = self.dumps(session) if session else b""
        if payload == visit.payload and not (payload and self.is_due(visit)):
            return None
        visit.payload, visit.age = payload, 0.0
        return self.signer.sign(payload) if payload else REMOVE

    async def save_late(self, visit: Visit) -> None:
        """See `Keeper.save_late`."""
        if (self.dumps(visit.session) if visit.session else b"") != visit.payload:
            logger.warning("a session was changed when its cookie could not be sent any more: the change is lost")


class StoreKeeper(Keeper):
    """The store holds the session, the cookie its id. Changes of different keys at the same time are all kept."""

    def __init__(self, store: SessionStore, signer: Signer, dumps: Dumps, loads: Loads, max_age: float | None) -> None:
        super().__init__(signer, dumps, loads, max_age)
        self._store = store

    async def load(self, cookie: str) -> Visit:
        """See `Keeper.load`. Raises what the store raises."""
        signed = self.signer.read(cookie)
        if signed is None:
            return Visit()
        session_id = signed.payload.decode("latin-1")
        kept = await self._store.load(session_id)
        if kept is None:
            return Visit()  # under a new id, should it be used: nobody chooses an id but us
        try:
            values = {key: self._loads(value) for key, value in kept.items()}
        except Exception:  # whatever somebody's deserializer raises: it is no session
            values = {}
        return Visit(Session(values), kept=kept, id=session_id, age=signed.age)

    async def save(self, visit: Visit) -> str | None:
        """See `Keeper.save`."""
        session = visit.session
        if not session:
            return await self._end(visit)
        values = self._written(session)
        if not visit.id or session.regenerated:
            return await self._begin(visit, values)
        due = self.is_due(visit)
        await self._change(visit, values, due)
        return self.signer.sign(visit.id.encode("latin-1")) if due and visit.id else None

    async def save_late(self, visit: Visit) -> None:
        """See `Keeper.save_late`."""
        session = visit.session
        if not session:
            await self._end(visit)
        elif visit.id:
            await self._change(visit, self._written(session), False)
        else:
            logger.warning("a session began when its cookie could not be sent any more: it is not kept")

    def _written(self, session: Session) -> dict[str, bytes]:
        for key in session:
            if not isinstance(key, str):
                raise TypeError(f"the keys of a session are text, and {key!r} is not")
        return {key: self.dumps(value) for key, value in session.items()}

    async def _begin(self, visit: Visit, values: dict[str, bytes]) -> str | None:
        """A new id, for a new session or for one that goes on."""
        if visit.id and not await self._store.change(visit.id, {}, (), self.max_age):
            self._ended(visit)
            return None
        old, visit.id = visit.id, secrets.token_urlsafe(32)
        await self._store.create(visit.id, values, self.max_age)
        if old:
            await self._store.delete(old)
        visit.kept, visit.session.regenerated = values, False
        return self.signer.sign(visit.id.encode("latin-1"))

    async def _end(self, visit: Visit) -> str | None:
        if not visit.id:
            return None
        await self._store.delete(visit.id)
        visit.id, visit.kept = "", {}
        return REMOVE

    async def _change(self, visit: Visit, values: dict[str, bytes], due: bool) -> None:
        changed = {key: value for key, value in values.items() if visit.kept.get(key) != value}
        removed = [key for key in visit.kept if key not in values]
        if changed or removed or due:
            if not await self._store.change(visit.id, changed, removed, self.max_age):
                self._ended(visit)
            visit.kept = values

    def _ended(self, visit: Visit) -> None:
        """Another request has ended the session meanwhile: so be it. Its cookie, or a newer one, is that one's."""
        logger.info("a session was ended by another request: the changes of this one are dropped")
        visit.id = ""
        visit.session.clear()
