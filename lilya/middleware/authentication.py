"""Who is there: `scope["user"]` and `scope["auth"]` for the layers further in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from lilya._handling.refusing import refuse_with, send_refusal
from lilya._handling.result import to_response
from lilya.authentication.backends import AuthenticationBackend, BadCredentials, Result
from lilya.authentication.users import AnonymousUser, AuthCredentials
from lilya.concurrency.threads import enforce_async_callable
from lilya.datastructures._headers import Header
from lilya.exceptions import AuthenticationError, BadRequest, HTTPException, ImproperlyConfigured, NotAuthorized
from lilya.middleware._answers import with_headers
from lilya.requests import Connection
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AuthenticationMiddleware", "BaseAuthMiddleware"]

OnError: TypeAlias = Callable[[Connection, AuthenticationError], Any]
Backend: TypeAlias = AuthenticationBackend | type[AuthenticationBackend]


class BaseAuthMiddleware(ABC):
    """Asks its own `authenticate` who is there; nobody is an `AnonymousUser` without scopes.

    Args:
        on_error: called with the `Connection` and the `AuthenticationError`, sync (in a thread) or async; what it
            returns is the answer. By default the request is refused for the exception handlers, wherever this layer
            stands: with 401 and the challenge for `BadCredentials`, with 400 and the text for others.
            A websocket is refused with it where its server can, else closed.
    """

    def __init__(self, app: ASGIApp, on_error: OnError | None = None) -> None:
        self.app = app
        self._on_error = None if on_error is None else enforce_async_callable(on_error)
        # What a 401 that passes here asks for, unless it says so itself (RFC 9110 section 15.5.2 demands it).
        self.challenges: tuple[str, ...] = ()

    @abstractmethod
    async def authenticate(self, conn: Connection, **kwargs: Any) -> Result | None:
        """The credentials and the user of a connection, or None. Raises `AuthenticationError` for wrong ones."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        connection = Connection(scope, receive)
        try:
            found = await self.authenticate(connection)
        except AuthenticationError as exc:
            if self._on_error is None:
                return await refuse_with(_refusal(exc), scope, receive, send)
            answer = to_response(await self._on_error(connection, exc))
            return await send_refusal(answer, scope, receive, send)
        scope["auth"], scope["user"] = (AuthCredentials(), AnonymousUser()) if found is None else found
        if not self.challenges:
            return await self.app(scope, receive, send)

        async def send_with_challenge(message: Message) -> None:
            if message.get("status") == 401:
                message = with_headers(message, self._challenge)
            await send(message)

        await self.app(scope, receive, send_with_challenge)

    def _challenge(self, headers: Header) -> None:
        if "www-authenticate" not in headers:
            for challenge in self.challenges:
                headers.add("www-authenticate", challenge)


def _refusal(exc: AuthenticationError) -> HTTPException:
    if isinstance(exc, BadCredentials):
        return NotAuthorized(detail=str(exc), headers={"www-authenticate": exc.challenge})
    return BadRequest(detail=str(exc) or None)


class AuthenticationMiddleware(BaseAuthMiddleware):
    """Asks backends in their order who is there: the first that knows decides.

    Args:
        backend: one, or several; a class is made into an instance. None: everybody is anonymous.
        on_error: see `BaseAuthMiddleware`.

    Raises:
        ImproperlyConfigured: what is no backend.
    """

    def __init__(
        self, app: ASGIApp, backend: Backend | Iterable[Backend] | None = None, on_error: OnError | None = None
    ) -> None:
        super().__init__(app, on_error)
        given: Iterable[Any] = backend if isinstance(backend, Iterable) else () if backend is None else (backend,)
        self.backends = [each() if isinstance(each, type) else each for each in given]
        for each in self.backends:
            if not callable(getattr(each, "authenticate", None)):
                raise ImproperlyConfigured(f"{each!r} is no backend: it has no method `authenticate`")
        found = (getattr(each, "challenge", None) for each in self.backends)
        self.challenges = tuple(each for each in found if each)

    async def authenticate(self, conn: Connection, **kwargs: Any) -> Result | None:
        """What the first backend finds that finds somebody."""
        for backend in self.backends:
            found: Result | None = await backend.authenticate(conn, **kwargs)
            if found is not None:
                return found
        return None
