"""The schemes of `Authorization`: Basic (RFC 7617), Bearer (RFC 6750), Digest (RFC 7616)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from lilya._sansio.authorization import format_challenge, parse_basic, parse_bearer
from lilya.contrib.security._scheme import HeaderScheme
from lilya.requests import Connection

__all__ = ["HTTPAuthorizationCredentials", "HTTPBasic", "HTTPBasicCredentials", "HTTPBearer", "HTTPDigest"]


@dataclass(frozen=True, slots=True)
class HTTPBasicCredentials:
    """A user and a password; printing them shows no password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HTTPAuthorizationCredentials:
    """A scheme, in lower case, and what was sent with it; printing them does not show that."""

    scheme: str
    credentials: str = field(repr=False)


class HTTPBasic(HeaderScheme[HTTPBasicCredentials]):
    """User and password in every request; `realm` is what a browser shows when it asks for them."""

    scheme = "basic"

    def __init__(
        self,
        *,
        realm: str | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        self.realm = realm
        super().__init__(scheme_name, description, auto_error)

    def find(self, connection: Connection) -> HTTPBasicCredentials | None:
        """The user and the password. Raises `ValueError` for what is neither base64 nor UTF-8."""
        given = self.credentials(connection)
        return None if given is None else HTTPBasicCredentials(*parse_basic(given))

    def challenge(self) -> str:
        """Basic with the realm, which RFC 7617 (section 2) wants there always, and UTF-8 as its charset."""
        return format_challenge("Basic", realm=self.realm or "Restricted", charset="UTF-8")

    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object, of the type `http`."""
        return {"type": "http", "scheme": "basic"}


class HTTPBearer(HeaderScheme[HTTPAuthorizationCredentials]):
    """A token in every request. `bearerFormat` says to documentation what it looks like, such as "JWT"."""

    scheme = "bearer"

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        self.bearer_format = bearerFormat
        super().__init__(scheme_name, description, auto_error)

    def find(self, connection: Connection) -> HTTPAuthorizationCredentials | None:
        """The token. Raises `ValueError` for what is none (RFC 6750, section 2.1)."""
        given = self.credentials(connection)
        return None if given is None else HTTPAuthorizationCredentials(self.scheme, parse_bearer(given))

    def refusal(self, malformed: bool) -> str:
        """Bearer; with an error only where there was a token (RFC 6750, section 3.1)."""
        return format_challenge("Bearer", error="invalid_token" if malformed else None)

    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object, of the type `http`."""
        return {
            "type": "http",
            "scheme": "bearer",
            **({"bearerFormat": self.bearer_format} if self.bearer_format else {}),
        }


class HTTPDigest(HeaderScheme[HTTPAuthorizationCredentials]):
    """Digest credentials, as they were sent: whether they are good is for the application to compute.

    The challenge has a new nonce each time, which is not kept: an application that wants to know its nonces answers 401
    itself, with `auto_error=False`.
    """

    scheme = "digest"

    def __init__(
        self,
        *,
        realm: str | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        self.realm = realm
        super().__init__(scheme_name, description, auto_error)

    def find(self, connection: Connection) -> HTTPAuthorizationCredentials | None:
        """What stands behind the scheme; nothing is none."""
        given = self.credentials(connection)
        return HTTPAuthorizationCredentials(self.scheme, given) if given else None

    def challenge(self) -> str:
        """Digest with what RFC 7616 (section 3.3) wants there."""
        return format_challenge(
            "Digest", realm=self.realm or "Restricted", nonce=secrets.token_urlsafe(16), qop="auth", algorithm="SHA-256"
        )

    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object, of the type `http`."""
        return {"type": "http", "scheme": "digest"}
