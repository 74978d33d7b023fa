"""What all security schemes have in common.

A scheme finds credentials in a request or a websocket, and says how documentation describes them (OpenAPI 3.2, section
4.30). It only parses: whether the credentials are good is for the application to find out, which compares secrets by
`lilya.authentication` or by `hmac.compare_digest`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from lilya._sansio.authorization import format_challenge, parse_authorization
from lilya.exceptions import ImproperlyConfigured, NotAuthorized
from lilya.requests import Connection

__all__ = ["HeaderScheme", "SecurityScheme"]

T = TypeVar("T")


class SecurityScheme(ABC, Generic[T]):
    """A way in which clients show who they are: `token: str = Security(scheme, scopes=["read"])`.

    An instance is a dependency: called with the request or the websocket it returns what it found. Where there is
    nothing, or nothing that can be read, it raises `NotAuthorized`, a 401 with `WWW-Authenticate` (RFC 9110, section
    11.6.1), to a websocket before it is accepted; with `auto_error=False` it returns None instead. `scheme_name` is
    what documentation calls it (its class, where nobody says), `description` what it says.
    """

    def __init__(self, scheme_name: str | None, description: str | None, auto_error: bool) -> None:
        self.scheme_name = scheme_name or type(self).__name__
        self.description = description
        self.auto_error = auto_error
        try:
            self.challenge()
        except ValueError as exc:
            raise ImproperlyConfigured(f"{type(self).__name__}: {exc}") from exc

    @abstractmethod
    def find(self, connection: Connection) -> T | None:
        """What the connection has, None for nothing. Raises `ValueError` for what cannot be read."""

    @abstractmethod
    def challenge(self) -> str:
        """What a 401 asks for."""

    @abstractmethod
    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object of OpenAPI, without its description."""

    def refusal(self, malformed: bool) -> str:
        """What a 401 asks for where there was nothing, or something that is `malformed`."""
        return self.challenge()

    async def __call__(self, connection: Connection) -> T | None:
        """What the connection has. It never waits.

        Raises `NotAuthorized` for nothing, or None with `auto_error=False`.
        """
        malformed = False
        try:
            value = self.find(connection)
        except ValueError:
            value, malformed = None, True
        if value is None and self.auto_error:
            raise NotAuthorized("Not authenticated", headers={"WWW-Authenticate": self.refusal(malformed)})
        return value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(scheme_name={self.scheme_name!r})"


class HeaderScheme(SecurityScheme[T]):
    """One that reads the field `Authorization`; `scheme` is the first word there, in lower case."""

    scheme: str

    def credentials(self, connection: Connection) -> str | None:
        """What stands behind the scheme; None where there is no such field, or another scheme's.

        Raises `ValueError` for two fields (RFC 9110, section 5.3), and for one that is malformed.
        """
        field = authorization(connection)
        if field is None:
            return None
        scheme, credentials = parse_authorization(field)
        return credentials if scheme == self.scheme else None

    def challenge(self) -> str:
        """The scheme alone."""
        return format_challenge(self.scheme.title())


def authorization(connection: Connection) -> str | None:
    """The one `Authorization` field. Raises `ValueError` where there are several: who would know which one counts?"""
    fields = connection.headers.getlist("authorization")
    if len(fields) > 1:
        raise ValueError("there is more than one Authorization field")
    return fields[0] if fields else None
