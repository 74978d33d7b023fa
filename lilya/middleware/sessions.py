"""Sessions: what is kept for one client between its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lilya._connection import Connection
from lilya._sansio.cookies import format_cookie, parse_cookies
from lilya.concurrency.threads import enforce_async_callable
from lilya.datastructures._headers import Header
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware._secrets import SecretKeys, secret_keys
from lilya.middleware._session import Session, SessionTooLarge
from lilya.middleware._session_keepers import REMOVE, CookieKeeper, Dumps, Keeper, Loads, StoreKeeper, Visit
from lilya.middleware._session_stores import MemorySessionStore, SessionStore
from lilya.middleware._signing import Signer
from lilya.serializers import serializer
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MAX_COOKIE_SIZE", "MemorySessionStore", "Session", "SessionMiddleware", "SessionStore", "SessionTooLarge"]

# What browsers take, in bytes, of name and value together (RFC 6265bis section 5.7): a larger cookie they throw away.
MAX_COOKIE_SIZE: Final = 4096

# The messages that carry headers to the client.
_ANSWERS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class SessionMiddleware:
    """Keeps `scope["session"]`, a dict, from request to request of one client.

    Without a `store` the cookie holds all of it, signed and readable; with one the cookie holds an id. What cannot be
    read, was tampered with or is too old is an empty session. The cookie is sent when the session has changed, be it
    deep inside, and renewed when half of `max_age` is over and somebody looked at it. An answer whose session was
    looked at depends on the cookie, and says so (`Vary`). A websocket's session is sent with its handshake. What an
    answer itself sets as the cookie of that name wins.

    Changes at the same time: in a cookie the last answer counts, but one that changed nothing sends nothing; in a store
    every key by itself. An exception that nobody handles keeps nothing. What is changed after the answer has begun is
    kept with a store; without one it is lost, and the log says so.

    Args:
        secret_key: of several the first signs, and all are believed.
        session_cookie: its name.
        max_age: in seconds; None for as long as the browser runs.
        path, same_site, https_only, domain: of the cookie.
        session_serializer, session_deserializer: to text or bytes, and back.
        populate_session: called with the `Connection` where the session is empty, sync (in a thread) or async: the
            mapping it returns is what it holds to begin with.
        store: where sessions are kept on the server; only so logging out ends a session for whoever has its cookie.

    Raises:
        ImproperlyConfigured: no key, or a cookie that no browser takes.
        MissingDependency: itsdangerous is not installed.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: SecretKeys,
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 60 * 60,
        path: str = "/",
        same_site: str = "lax",
        https_only: bool = False,
        domain: str | None = None,
        session_serializer: Dumps = serializer.dumps,
        session_deserializer: Loads = serializer.loads,
        populate_session: Callable[[Connection], Mapping[str, Any] | Any] | None = None,
        *,
        store: SessionStore | None = None,
    ) -> None:
        self.app = app
        self.session_cookie = session_cookie
        self._populate = None if populate_session is None else enforce_async_callable(populate_session)
        if max_age is not None and max_age <= 0:
            raise ImproperlyConfigured(f"SessionMiddleware: max_age={max_age} keeps nothing: wanted seconds, or None")
        signer = Signer(secret_keys("secret_key", secret_key), max_age)
        codec = (signer, session_serializer, session_deserializer, max_age)
        self._keeper: Keeper = CookieKeeper(*codec) if store is None else StoreKeeper(store, *codec)
        try:
            format_cookie(
                session_cookie, "", path=path, max_age=max_age, samesite=same_site, secure=https_only, domain=domain
            )
        except (AssertionError, ValueError) as exc:
            raise ImproperlyConfigured(f"SessionMiddleware: {exc}") from exc
        flags = "; secure" * https_only + (f"; domain={domain}" if domain else "")
        self._kept = f"path={path}; {f'Max-Age={max_age}; ' if max_age else ''}httponly; samesite={same_site}{flags}"
        self._removed = f"path={path}; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly; samesite={same_site}{flags}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside with a session; a lifespan passes. Raises `SessionTooLarge` for one that cannot be sent.

        Cancelling it keeps nothing, unless the answer has begun.
        """
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        cookie = parse_cookies(Header.from_scope(scope).getlist("cookie")).get(self.session_cookie)
        visit = await self._keeper.load(cookie) if cookie else Visit()
        session = scope["session"] = visit.session
        if self._populate is not None and not dict.__len__(session):
            session.replace(await self._populate(Connection(scope, receive)) or {})

        async def send_with_session(message: Message) -> None:
            if message["type"] in _ANSWERS:
                message = await self._written(visit, scope, message)
            await send(message)

        await self.app(scope, receive, send_with_session)
        self._gather(visit, scope)
        if session.accessed and not visit.failed:
            await self._keeper.save_late(visit)

    def _gather(self, visit: Visit, scope: Scope) -> None:
        """Somebody may have put another mapping in the place of the session."""
        current = scope.get("session")
        if isinstance(current, Mapping) and not isinstance(current, Session):
            visit.session.replace(current)
            scope["session"] = visit.session

    async def _written(self, visit: Visit, scope: Scope, message: Message) -> Message:
        """An answer with the cookie, if there is something to say."""
        self._gather(visit, scope)
        if visit.failed or not visit.session.accessed:
            return message
        headers = Header.from_raw(message.get("headers") or ())
        if scope["type"] == "http":
            headers.add_vary_header("Cookie")
        own = f"{self.session_cookie}="
        if not any(each.lstrip().startswith(own) for each in headers.getlist("set-cookie")):
            visit.failed = True  # until it is known to work
            text = await self._keeper.save(visit)
            if text is not None:
                headers.add("set-cookie", self._cookie(text))
            visit.failed = False
        visit.session.accessed = False
        return {**message, "headers": headers.encoded_multi_items()}

    def _cookie(self, text: str) -> str:
        if text == REMOVE:
            return f"{self.session_cookie}={text}; {self._removed}"
        size = len(self.session_cookie) + 1 + len(text)
        if size > MAX_COOKIE_SIZE:
            raise SessionTooLarge(
                f"the session makes a cookie of {size} bytes, and browsers take {MAX_COOKIE_SIZE}: keep less in it, or "
                "give SessionMiddleware a store"
            )
        return f"{self.session_cookie}={text}; {self._kept}"
