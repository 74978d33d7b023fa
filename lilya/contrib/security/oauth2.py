"""OAuth 2.0 (RFC 6749): schemes whose tokens are used as bearers (RFC 6750), and the form of the password grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

from lilya._sansio.authorization import format_challenge, parse_bearer
from lilya.contrib.security._scheme import HeaderScheme, authorization
from lilya.contrib.security.scopes import Scopes
from lilya.exceptions import BadRequest, ImproperlyConfigured
from lilya.requests import Connection, Request

__all__ = [
    "MAX_FIELDS",
    "MAX_FIELD_SIZE",
    "OAuth2",
    "OAuth2AuthorizationCodeBearer",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OAuth2PasswordRequestFormStrict",
]

# The form of the password grant has six fields, and room for extensions.
MAX_FIELDS: Final = 16
# In bytes, of each field: no password is longer, and hashing a long one is work anybody could cause.
MAX_FIELD_SIZE: Final = 4096

# What each flow has to say (OpenAPI 3.2, section 4.32).
FLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "implicit": ("authorizationUrl",),
    "password": ("tokenUrl",),
    "clientCredentials": ("tokenUrl",),
    "authorizationCode": ("authorizationUrl", "tokenUrl"),
    "deviceAuthorization": ("deviceAuthorizationUrl", "tokenUrl"),
}


class OAuth2(HeaderScheme[str]):
    """Any flows; finds what stands in `Authorization`, as it was sent.

    `flows` are OAuth Flow Objects by name: `{"clientCredentials": {"tokenUrl": "/token", "scopes": {"read": "Read"}}}`.
    Raises `ImproperlyConfigured` for a flow there is not, or one without the URLs it needs.
    """

    scheme = "bearer"

    def __init__(
        self,
        *,
        flows: Mapping[str, Mapping[str, Any]],
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        if not flows:
            raise ImproperlyConfigured(f"{type(self).__name__}: flows is empty; there are {', '.join(FLOWS)}")
        for name, flow in flows.items():
            if name not in FLOWS:
                raise ImproperlyConfigured(
                    f"{type(self).__name__}: there is no flow {name!r}, there are {', '.join(FLOWS)}"
                )
            missing = [each for each in FLOWS[name] if not flow.get(each)]
            if missing:
                raise ImproperlyConfigured(f"{type(self).__name__}: the flow {name!r} needs {' and '.join(missing)}")
        self.flows = {name: {"scopes": {}, **flow} for name, flow in flows.items()}
        super().__init__(scheme_name, description, auto_error)

    def find(self, connection: Connection) -> str | None:
        """The field, whatever its scheme."""
        return authorization(connection) or None

    def refusal(self, malformed: bool) -> str:
        """Bearer; with an error only where there was a token (RFC 6750, section 3.1)."""
        return format_challenge("Bearer", error="invalid_token" if malformed else None)

    def to_openapi(self) -> dict[str, Any]:
        """The Security Scheme Object, of the type `oauth2`."""
        return {"type": "oauth2", "flows": self.flows}


class _OAuth2Bearer(OAuth2):
    """Finds the token."""

    def find(self, connection: Connection) -> str | None:
        """The token. Raises `ValueError` for what is none (RFC 6750, section 2.1)."""
        given = self.credentials(connection)
        return None if given is None else parse_bearer(given)


class OAuth2PasswordBearer(_OAuth2Bearer):
    """The token of the password grant: `OAuth2PasswordBearer(tokenUrl="/token")`; `scopes` are descriptions by name."""

    def __init__(
        self,
        tokenUrl: str,
        scopes: Mapping[str, str] | None = None,
        refreshUrl: str | None = None,
        *,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        flow = _flow(tokenUrl=tokenUrl, refreshUrl=refreshUrl, scopes=dict(scopes or {}))
        super().__init__(
            flows={"password": flow}, scheme_name=scheme_name, description=description, auto_error=auto_error
        )


class OAuth2AuthorizationCodeBearer(_OAuth2Bearer):
    """The token of the authorization code grant."""

    def __init__(
        self,
        authorizationUrl: str,
        tokenUrl: str,
        refreshUrl: str | None = None,
        scopes: Mapping[str, str] | None = None,
        *,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        flow = _flow(
            authorizationUrl=authorizationUrl, tokenUrl=tokenUrl, refreshUrl=refreshUrl, scopes=dict(scopes or {})
        )
        super().__init__(
            flows={"authorizationCode": flow}, scheme_name=scheme_name, description=description, auto_error=auto_error
        )


def _flow(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class OAuth2PasswordRequestForm:
    """The request for a token by a password (RFC 6749, section 4.3.2).

    A handler asks for it by `form: OAuth2PasswordRequestForm = Depends(OAuth2PasswordRequestForm.read)`, or reads it by
    `await OAuth2PasswordRequestForm.read(request)`. `grant_type` may be missing. Printing it shows no secret.
    """

    username: str
    password: str = field(repr=False)
    scope: str = ""
    grant_type: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)

    strict: ClassVar[bool] = False

    @property
    def scopes(self) -> list[str]:
        """The scopes that are asked for, each once."""
        return Scopes(self.scope).scopes

    @classmethod
    async def read(cls, request: Request) -> Self:
        """Read it from the form of a request, which may have `MAX_FIELDS` fields of `MAX_FIELD_SIZE` bytes each.

        Raises `BadRequest` with the error that RFC 6749, section 5.2 names (`invalid_request` for a field that is
        missing or there twice, `unsupported_grant_type`), and what reading a form raises: `MultiPartException` beyond a
        limit, `ClientDisconnect`. Cancelling it loses the form.
        """
        form = await request.form(max_fields=MAX_FIELDS, max_field_size=MAX_FIELD_SIZE, max_files=0)
        given: dict[str, str] = {}
        for name in ("grant_type", "username", "password", "scope", "client_id", "client_secret"):
            values = form.getlist(name)
            if len(values) > 1:
                raise _refused("invalid_request", f"{name} is there more than once")
            if values:
                given[name] = str(values[0])
        wanted = ("grant_type", "username", "password") if cls.strict else ("username", "password")
        missing = [name for name in wanted if name not in given]
        if missing:
            raise _refused("invalid_request", f"{' and '.join(missing)} missing")
        if given.get("grant_type", "password") != "password":
            raise _refused("unsupported_grant_type", "grant_type is 'password' here")
        return cls(**given)


@dataclass(frozen=True, slots=True)
class OAuth2PasswordRequestFormStrict(OAuth2PasswordRequestForm):
    """The same, and `grant_type` has to be there, as RFC 6749 wants it."""

    strict: ClassVar[bool] = True


def _refused(error: str, description: str) -> BadRequest:
    return BadRequest(
        detail={"error": error, "error_description": description},
        headers={"cache-control": "no-store"},
    )
