"""Cookies: reading the request's `Cookie` fields, writing a `Set-Cookie` field (RFC 6265 and RFC 6265bis).

Reading is lenient and never fails. Writing gives the very strings that `http.cookies.SimpleCookie` prints, and refuses
what a browser would silently throw away.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypedDict, Unpack
from urllib.parse import quote, unquote

from lilya._lazy import lazily
from lilya._sansio.headers import is_token

if TYPE_CHECKING:
    import datetime

    from lilya._sansio import conditional
else:
    datetime = lazily("datetime")
    conditional = lazily("lilya._sansio.conditional")

__all__ = ["CookieAttributes", "format_cookie", "parse_cookies"]

_ESCAPE = re.compile(r"\\([0-3][0-7][0-7]|.)", re.DOTALL)
_PLAIN = re.compile(r"[\w!#$%&'*+\-.^`|~:]+", re.ASCII).fullmatch
# Every character that a quoted value cannot hold as it is.
_SPECIAL = re.compile(r"[^\w!#$%&'*+\-.^`|~: ()/<=>?@\[\]{}]", re.ASCII)
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*").fullmatch
_SAMESITE: Final = ("strict", "lax", "none")


class CookieAttributes(TypedDict, total=False):
    """The attributes of a cookie; those left out, and those that are `None`, are not written."""

    max_age: int | None
    """Seconds the cookie lives; 0 or less removes it."""
    expires: datetime.datetime | str | int | None
    """When it ends: an aware datetime, an HTTP date, or seconds from now."""
    path: str | None
    domain: str | None
    secure: bool | None
    httponly: bool | None
    samesite: str | None
    """`strict`, `lax` or `none`."""
    partitioned: bool | None
    """One jar for each top-level site (CHIPS); needs `secure`."""


def parse_cookies(fields: Iterable[str]) -> dict[str, str]:
    """The cookies of all `Cookie` fields of a request, by name; of equal names the last counts.

    Values lose their quotes and escapes and are percent-decoded. What has no `=` is a value without a name, kept
    under `""`, as browsers do.
    """
    cookies: dict[str, str] = {}
    for field in fields:
        for piece in field.split(";"):
            name, separator, value = piece.partition("=")
            if not separator:
                name, value = "", name
            name, value = name.strip(), value.strip()
            if name or value:
                cookies[name] = _read_value(value)
    return cookies


def _read_value(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        if "\\" in value:
            value = _ESCAPE.sub(_unescape, value)
    return unquote(value) if "%" in value else value


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped, 8)) if len(escaped) == 3 else escaped


def format_cookie(name: str, value: str = "", **attributes: Unpack[CookieAttributes]) -> str:
    """The value of `Set-Cookie` for one cookie, with its attributes in the order of `http.cookies.SimpleCookie`.

    A value that holds white space, separators, quotes, control characters or other bytes up to 255 is sent quoted
    and escaped; characters beyond latin-1 are percent-encoded, which reading undoes. Reading percent-decodes, so a
    value that itself holds `%41` comes back as `A`: encode its percent signs as `%25`.

    Raises:
        AssertionError: `samesite` is none of `strict`, `lax`, `none`.
        ValueError: name or attributes cannot be sent, or a browser would ignore the cookie: `__Secure-` without
            `secure`; `__Host-` without `secure`, with another path than `/`, or with a domain; `partitioned` without
            `secure` (RFC 6265bis section 4.1.3).
    """
    if not is_token(name):
        raise ValueError(f"{name!r} is no cookie name: wanted letters, digits and !#$%&'*+-.^_`|~ only.")
    samesite = attributes.get("samesite")
    if samesite is not None and samesite.lower() not in _SAMESITE:
        raise AssertionError(f"samesite must be either 'strict', 'lax' or 'none', not {samesite!r}.")
    _check_trust(name, attributes)
    written = [f"{name}={_write_value(value)}"]
    if domain := attributes.get("domain"):
        written.append(f"Domain={_checked('domain', domain)}")
    if (expires := attributes.get("expires")) is not None:
        written.append(f"expires={_date(expires)}")
    if attributes.get("httponly"):
        written.append("HttpOnly")
    if (max_age := attributes.get("max_age")) is not None:
        written.append(f"Max-Age={max_age:d}")
    if attributes.get("partitioned"):
        written.append("Partitioned")
    if path := attributes.get("path"):
        written.append(f"Path={_checked('path', path)}")
    if samesite is not None:
        written.append(f"SameSite={samesite}")
    if attributes.get("secure"):
        written.append("Secure")
    return "; ".join(written)


def _check_trust(name: str, attributes: CookieAttributes) -> None:
    """Refuse what RFC 6265bis section 5.7 tells a browser to ignore: it would do so without a word."""
    prefix = name.lower()
    secure = attributes.get("secure")
    if prefix.startswith(("__secure-", "__host-")) and not secure:
        raise ValueError(f"A cookie named {name!r} is ignored by browsers unless it is secure: pass secure=True.")
    if prefix.startswith("__host-") and (attributes.get("path") != "/" or attributes.get("domain")):
        raise ValueError(f"A cookie named {name!r} is ignored by browsers unless it has path='/' and no domain.")
    if attributes.get("partitioned") and not secure:
        raise ValueError(
            f"The partitioned cookie {name!r} is ignored by browsers unless it is secure: pass secure=True."
        )


def _checked(attribute: str, text: str) -> str:
    if _ATTRIBUTE(text) is None:
        raise ValueError(f"The {attribute} of a cookie cannot be {text!r}: printable ASCII without ';' only.")
    return text


def _date(expires: datetime.datetime | str | int) -> str:
    if isinstance(expires, str):
        return _checked("expires", expires)
    if isinstance(expires, int):
        return conditional.format_http_date(time.time() + expires)
    if expires.tzinfo is None:
        raise ValueError(
            f"expires={expires!r} has no time zone: pass an aware datetime, such as datetime.now(timezone.utc)."
        )
    return conditional.format_http_date(expires.timestamp())


def _write_value(value: str) -> str:
    return value if _PLAIN(value) else f'"{_SPECIAL.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return f"\\{character}"
    return f"\\{ord(character):03o}" if character <= "\xff" else quote(character, errors="replace")
