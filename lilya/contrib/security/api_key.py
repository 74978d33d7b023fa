"""Keys that an application hands out itself, sent in the query string, a header or a cookie."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lilya._sansio.authorization import format_challenge
from lilya._sansio.headers import is_token
from lilya.contrib.security._scheme import SecurityScheme
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Connection

__all__ = ["APIKeyInCookie", "APIKeyInHeader", "APIKeyInQuery"]


class _APIKey(SecurityScheme[str]):
    place: ClassVar[str]

    def __init__(
        self,
        *,
        name: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        if not name or (self.place != "query" and not is_token(name)):
            raise ImproperlyConfigured(f"{type(self).__name__}: {name!r} cannot be the name of a {self.place}")
        self.name = name
        super().__init__(scheme_name, description, auto_error)

    @abstractmethod
    def values(self, connection: Connection) -> Sequence[str]:
        """All keys of that name in the connection."""

    def find(self, connection: Connection) -> str | None:
        """The key; an empty one is none. Raises `ValueError` where there are several."""
        values = self.values(connection)
        if len(values) > 1:
            raise ValueError(f"there is more than one {self.name}")
        return values[0] or None if values else None

    def challenge(self) -> str:
        """`APIKey`: no registered scheme, but a 401 has to ask for something."""
        return format_challenge("APIKey")

    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object, of the type `apiKey`."""
        return {"type": "apiKey", "in": self.place, "name": self.name}


class APIKeyInQuery(_APIKey):
    """A key in the query string: `APIKeyInQuery(name="key")`. It stands in logs and histories: prefer a header."""

    place = "query"

    def values(self, connection: Connection) -> Sequence[str]:
        """All values of that parameter."""
        values: list[str] = connection.query_params.getlist(self.name)
        return values


class APIKeyInHeader(_APIKey):
    """A key in a header: `APIKeyInHeader(name="x-api-key")`."""

    place = "header"

    def values(self, connection: Connection) -> Sequence[str]:
        """All lines of that header."""
        values: list[str] = connection.headers.getlist(self.name)
        return values


class APIKeyInCookie(_APIKey):
    """A key in a cookie: `APIKeyInCookie(name="key")`. Browsers send it by themselves: see `CSRFMiddleware`."""

    place = "cookie"

    def values(self, connection: Connection) -> Sequence[str]:
        """The cookie of that name."""
        return [connection.cookies[self.name]] if self.name in connection.cookies else ()
