"""OpenID Connect: a token whose issuer says by itself how it is to be had."""

from __future__ import annotations

from typing import Any

from lilya._sansio.authorization import format_challenge
from lilya.contrib.security._scheme import SecurityScheme, authorization
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Connection

__all__ = ["OpenIdConnect"]


class OpenIdConnect(SecurityScheme[str]):
    """What stands in `Authorization`, as it was sent. `openIdConnectUrl` is where the issuer describes itself."""

    def __init__(
        self,
        *,
        openIdConnectUrl: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        if not openIdConnectUrl:
            raise ImproperlyConfigured("OpenIdConnect: openIdConnectUrl is the URL of the issuer's description, got ''")
        self.url = openIdConnectUrl
        super().__init__(scheme_name, description, auto_error)

    def find(self, connection: Connection) -> str | None:
        """The field, whatever its scheme."""
        return authorization(connection) or None

    def challenge(self) -> str:
        """Bearer."""
        return format_challenge("Bearer")

    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object, of the type `openIdConnect`."""
        return {"type": "openIdConnect", "openIdConnectUrl": self.url}
