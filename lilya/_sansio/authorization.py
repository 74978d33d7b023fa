"""The grammar of `Authorization` and `WWW-Authenticate` (RFC 9110 section 11): Basic (RFC 7617), Bearer (RFC 6750)."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from typing import Final

from lilya._sansio.headers import is_token

__all__ = ["format_challenge", "parse_authorization", "parse_basic", "parse_bearer", "same_secret"]

_TOKEN68: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*").fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]").search
_SPECIAL: Final = re.compile(r"[\\\"]")
_ESCAPED: Final = r"\\\g<0>"
_QUOTABLE: Final = re.compile(r"[\x20-\x7e]*").fullmatch


def same_secret(one: str, other: str) -> bool:
    """Whether two secrets are equal; takes as long whether they are or not. Comparing digests hides their lengths."""
    digests = [hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (one, other)]
    return hmac.compare_digest(*digests)


def parse_authorization(field: str) -> tuple[str, str]:
    """The scheme, in lower case, and the credentials of an `Authorization` field. Raises `ValueError`."""
    scheme, _, credentials = field.strip().partition(" ")
    if not is_token(scheme):
        raise ValueError("the Authorization field names no scheme")
    return scheme.lower(), credentials.strip(" ")


def parse_basic(credentials: str) -> tuple[str, str]:
    """The user and the password of Basic credentials, in UTF-8. Raises `ValueError` for what is none."""
    try:
        text = b64decode(credentials, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise ValueError("the Basic credentials are not base64 of UTF-8") from exc
    user, colon, password = text.partition(":")
    if not colon or _CONTROL(text):
        raise ValueError("the Basic credentials are not 'user:password'")
    return user, password


def parse_bearer(credentials: str) -> str:
    """The token of Bearer credentials. Raises `ValueError` for what is none."""
    if _TOKEN68(credentials) is None:
        raise ValueError("the Bearer credentials are no token")
    return credentials


def format_challenge(scheme: str, **parameters: str | None) -> str:
    """One challenge of a `WWW-Authenticate` field; parameters that are None are left out.

    Raises `ValueError` for what cannot be sent.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    for value in given.values():
        if _QUOTABLE(value) is None:
            raise ValueError(f"{value!r} cannot stand in a challenge: printable ASCII only")
    quoted = [f'{name}="{_SPECIAL.sub(_ESCAPED, value)}"' for name, value in given.items()]
    return f"{scheme} {', '.join(quoted)}" if given else scheme
