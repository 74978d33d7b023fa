"""Backends: who find out by one kind of credentials who is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

from lilya._sansio.authorization import format_challenge, parse_authorization, parse_basic, parse_bearer, same_secret
from lilya.authentication.users import AuthCredentials, BasicUser, UserInterface
from lilya.concurrency.threads import enforce_async_callable
from lilya.datastructures._secret import Secret
from lilya.exceptions import AuthenticationError, ImproperlyConfigured
from lilya.requests import Connection

__all__ = ["AuthenticationBackend", "BadCredentials", "BasicAuthBackend", "BearerAuthBackend", "Result"]

# What a backend finds: what somebody may do, and who they are.
Result: TypeAlias = tuple[AuthCredentials, UserInterface]

# The scope of everybody a ready-made backend has recognised.
AUTHENTICATED = "authenticated"


class BadCredentials(AuthenticationError):
    """The credentials are well formed and wrong: answered with 401 and `challenge` as `WWW-Authenticate`."""

    def __init__(self, detail: str, challenge: str) -> None:
        super().__init__(detail=detail)
        self.challenge = challenge


class AuthenticationBackend(ABC):
    """Finds out who is there."""

    # What a 401 asks for (RFC 9110 section 11.6.1), such as 'Basic realm="x"'; None where no field would help.
    challenge: str | None = None

    @abstractmethod
    async def authenticate(self, connection: Connection, /, **kwargs: Any) -> Result | None:
        """The credentials and the user of a connection; None where there are none of this kind.

        Raises `AuthenticationError` for credentials that are wrong.
        """


class _HeaderBackend(AuthenticationBackend):
    """Reads the field `Authorization`."""

    scheme: ClassVar[str]

    def __init__(self, verify: Any, realm: str | None, **parameters: str) -> None:
        self._realm = realm
        self._verify: Callable[..., Any] | None = enforce_async_callable(verify) if callable(verify) else None
        if self._verify is None and not isinstance(verify, Mapping):
            raise ImproperlyConfigured(f"{type(self).__name__} got {verify!r}: wanted a function, or a mapping")
        self._known = {} if self._verify is not None else {key: _text(value) for key, value in verify.items()}
        if not all(isinstance(key, str) and key and value for key, value in self._known.items()):
            raise ImproperlyConfigured(
                f"{type(self).__name__} got an empty name, password or token: anybody could enter"
            )
        try:
            self.challenge = format_challenge(self.scheme, realm=realm, **parameters)
        except ValueError as exc:
            raise ImproperlyConfigured(f"{type(self).__name__}: {exc}") from exc

    def _credentials(self, connection: Connection) -> str | None:
        fields = connection.headers.getlist("authorization")
        if not fields:
            return None
        if len(fields) > 1:
            raise AuthenticationError(detail="There is more than one Authorization field.")
        try:
            scheme, credentials = parse_authorization(fields[0])
        except ValueError as exc:
            raise AuthenticationError(detail=f"Malformed credentials: {exc}.") from exc
        return credentials if scheme == self.scheme.lower() else None

    def _result(self, found: Any) -> Result:
        """What a function found, or was found for it, as a pair. Raises `BadCredentials` for nothing."""
        if found is None or found is False:
            raise BadCredentials(f"Invalid {self.scheme} credentials.", self._refusal())
        if isinstance(found, tuple):
            credentials, user = found
            return credentials, user
        return AuthCredentials(AUTHENTICATED), BasicUser(found) if isinstance(found, str) else found

    def _refusal(self) -> str:
        return str(self.challenge)


class BasicAuthBackend(_HeaderBackend):
    """User and password in every request (RFC 7617). Use it over https alone: they are as good as readable.

    Args:
        verify: passwords by user; or a function `(user, password)`, sync (in a thread: hashing takes long) or async,
            that returns a user, its name, a pair of `AuthCredentials` and user, or None for a wrong password.
        realm: what a browser shows when it asks.

    Users that are returned alone, or found by name, have the scope `authenticated`. Raises `ImproperlyConfigured` for
    an empty password, and for a realm that cannot be sent.
    """

    scheme = "Basic"

    def __init__(
        self, verify: Mapping[str, str | Secret] | Callable[[str, str], Any], *, realm: str = "Restricted"
    ) -> None:
        super().__init__(verify, realm, charset="UTF-8")

    async def authenticate(self, connection: Connection, /, **kwargs: Any) -> Result | None:
        """See `AuthenticationBackend.authenticate`."""
        given = self._credentials(connection)
        if given is None:
            return None
        try:
            name, password = parse_basic(given)
        except ValueError as exc:
            raise AuthenticationError(detail=f"Malformed credentials: {exc}.") from exc
        if self._verify is not None:
            return self._result(await self._verify(name, password))
        # One who is not known takes as long as one who is.
        same = same_secret(password, self._known.get(name, ""))
        return self._result(name if same and name in self._known else None)


class BearerAuthBackend(_HeaderBackend):
    """A token in every request (RFC 6750): whoever has it is let in.

    Args:
        verify: the names of users by token; or a function `(token)`, sync (in a thread) or async, that returns a user,
            its name, a pair of `AuthCredentials` and user, or None for a token that is not good.
        realm: said in the challenge.

    For the rest see `BasicAuthBackend`.
    """

    scheme = "Bearer"

    def __init__(self, verify: Mapping[str, str] | Callable[[str], Any], *, realm: str | None = None) -> None:
        super().__init__(verify, realm)

    async def authenticate(self, connection: Connection, /, **kwargs: Any) -> Result | None:
        """See `AuthenticationBackend.authenticate`."""
        given = self._credentials(connection)
        if given is None:
            return None
        try:
            token = parse_bearer(given)
        except ValueError as exc:
            raise AuthenticationError(detail=f"Malformed credentials: {exc}.") from exc
        if self._verify is not None:
            return self._result(await self._verify(token))
        # All are compared: no time tells how near a guess was.
        matches = [name for known, name in self._known.items() if same_secret(token, known)]
        return self._result(matches[0] if matches else None)

    def _refusal(self) -> str:
        return format_challenge(self.scheme, realm=self._realm, error="invalid_token")


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | Secret) else ""
