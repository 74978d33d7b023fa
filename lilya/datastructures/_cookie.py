"""A cookie as a value: to be set on a response, or to be described."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lilya._sansio.cookies import format_cookie

__all__ = ["Cookie"]


@dataclass(slots=True)
class Cookie:
    """A cookie and its attributes (RFC 6265bis section 4.1).

    Attributes:
        key: its name.
        value: its value; `None` is an empty one.
        max_age: seconds it lives; 0 or less removes it. `None`: as long as the browser runs.
        expires: when it ends: seconds from now, an HTTP date, or an aware datetime.
        path: below which path it is sent back.
        domain: to which domain, with its subdomains, it is sent back; `None`: only to the host that set it.
        secure: sent over https only.
        httponly: kept from scripts.
        samesite: `strict`, `lax` or `none`: whether it comes along with requests from other sites.
        description: for people.
        partitioned: kept apart for each top-level site (CHIPS); needs `secure`.

    Raises:
        AssertionError: another `samesite`.
        ValueError: name or attributes cannot be sent, or a browser would ignore the cookie (see the prefixes
            `__Host-` and `__Secure-` in RFC 6265bis section 4.1.3).
    """

    key: str
    value: str | None = None
    max_age: int | None = None
    expires: datetime | str | int | None = None
    path: str = "/"
    domain: str | None = None
    secure: bool | None = None
    httponly: bool | None = None
    samesite: str | None = "lax"
    description: str | None = None
    partitioned: bool | None = None

    def __post_init__(self) -> None:
        self.to_header()  # what cannot be sent fails here, where it is written down

    def to_header(self, *, header: str = "Set-Cookie:") -> str:
        """The cookie as a header line: `header`, a space, the value; with `header=""` the value alone.

        Raises:
            AssertionError, ValueError: as the constructor, for attributes that were changed since.
        """
        value = format_cookie(
            self.key,
            self.value or "",
            max_age=self.max_age,
            expires=self.expires,
            path=self.path,
            domain=self.domain,
            secure=self.secure,
            httponly=self.httponly,
            samesite=self.samesite,
            partitioned=self.partitioned,
        )
        return f"{header} {value}" if header else value
