"""Cross-site request forgery: who may have sent a request, and tokens that only our pages know.

A token is 64 hexadecimal digits nobody can guess, and 64 more that sign them (HMAC-SHA256), so that one planted by a
neighbouring host is not believed. Tokens are compared in constant time.
"""

from __future__ import annotations

import hmac
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from typing import Final
from urllib.parse import unquote_plus

from lilya._sansio.form import DEFAULT_LIMITS, too_many
from lilya._sansio.headers import parse_options
from lilya._sansio.multipart import Field, MultipartDecoder, check_boundary

__all__ = [
    "FieldFinder",
    "check_origin",
    "field_finder",
    "is_cross_site",
    "make_token",
    "same_token",
    "signed_part",
]

_TOKEN: Final = re.compile(r"[0-9a-f]{128}", re.ASCII).fullmatch
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.\-]*)://([^\s/?#@*]+)").fullmatch
_DEFAULT_PORTS: Final = (("https", ":443"), ("http", ":80"))
# So that a key which signs other things too does not sign tokens by the way.
_PURPOSE: Final = b"lilya.csrf:"


def make_token(key: bytes) -> str:
    """A new token: 64 random digits and their signature."""
    random = secrets.token_hex(32)
    return random + _signature(key, random)


def _signature(key: bytes, random: str) -> str:
    return hmac.new(key, _PURPOSE + random.encode(), "sha256").hexdigest()


def signed_part(keys: Sequence[bytes], token: str) -> str | None:
    """The random digits of a token one of the keys has signed; None of any other text."""
    if _TOKEN(token) is None:
        return None
    random, signature = token[:64], token[64:]
    # All keys are tried, so that time tells nothing of them.
    good = [hmac.compare_digest(_signature(key, random).encode(), signature.encode()) for key in keys]
    return random if any(good) else None


def same_token(keys: Sequence[bytes], one: str, other: str) -> bool:
    """Whether two texts are the same token, and it is ours."""
    same = hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
    return same and signed_part(keys, one) is not None


def check_origin(origin: str) -> str:
    """An origin as browsers write it. Raises `ValueError` for what none writes."""
    lower = origin.lower()
    if lower != "null" and _ORIGIN(lower) is None:
        raise ValueError(f"{origin!r} is no origin: wanted 'scheme://host' or 'scheme://host:port' without a path")
    return lower


def is_cross_site(
    site: str | None, origin: str | None, host: str, scheme: str, trusted: Container[str] = frozenset()
) -> bool:
    """Whether a browser says that a request was made by a page of another origin.

    Args:
        site: the field `Sec-Fetch-Site`, which no script can write (Fetch Metadata); where it is there, it decides.
        origin: the field `Origin`, for browsers without the former. A request with neither is no browser's, or an
            ancient one's.
        host: the field `Host`.
        scheme: of the connection, as far as the server knows: a page of `http` may not write to what is served by
            `https`; the reverse is a proxy that decrypts.
        trusted: origins that may.
    """
    if origin is not None and origin.lower() in trusted:
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    match = _ORIGIN(origin.lower())
    if match is None:
        return True
    if scheme in ("https", "wss") and match[1] != "https":
        return True
    return _without_default_port(match[2], match[1]) != _without_default_port(host.lower(), match[1])


def _without_default_port(host: str, scheme: str) -> str:
    for name, port in _DEFAULT_PORTS:
        if name == scheme:
            return host.removesuffix(port)
    return host


class FieldFinder(ABC):
    """Looks for a field of a form while its body comes: `see` each piece, then `end`; `value` is what was found."""

    value: str | None = None

    @abstractmethod
    def see(self, data: bytes) -> bool:
        """One more piece; whether the field was found."""

    def end(self) -> None:  # noqa: B027  (most have nothing to do)
        """The body is over."""


class _Urlencoded(FieldFinder):
    def __init__(self, name: str) -> None:
        self._name = name
        self._rest = bytearray()
        self._fields = 0

    def see(self, data: bytes) -> bool:
        first, separator, others = data.partition(b"&")
        self._rest += first
        if separator:
            pieces = [bytes(self._rest), *others.split(b"&")]
            self._rest = bytearray(pieces.pop())
            self._fields += len(pieces)
            if self._fields > DEFAULT_LIMITS.max_fields:
                raise too_many("fields", DEFAULT_LIMITS.max_fields)
            for piece in pieces:
                self._look(piece)
        return self.value is not None

    def end(self) -> None:
        self._look(bytes(self._rest))

    def _look(self, piece: bytes) -> None:
        name, _, value = piece.partition(b"=")
        if self.value is None and unquote_plus(name.decode("latin-1")) == self._name:
            self.value = unquote_plus(value.decode("latin-1"))


class _Multipart(FieldFinder):
    def __init__(self, name: str, boundary: str | None) -> None:
        self._name = name
        self._decoder = MultipartDecoder(check_boundary(boundary))

    def see(self, data: bytes) -> bool:
        for event in self._decoder.feed(data):
            if isinstance(event, Field) and event.name == self._name and self.value is None:
                self.value = event.value
        return self.value is not None


def field_finder(name: str, content_type: str) -> FieldFinder | None:
    """What finds a field in the body of a form; None where the body is none.

    Raises `MultiPartException`, and so does what it gives, for a form that cannot be read, or has too many fields.
    """
    media_type, options = parse_options(content_type)
    if media_type == "application/x-www-form-urlencoded":
        return _Urlencoded(name)
    if media_type == "multipart/form-data":
        return _Multipart(name, options.get("boundary"))
    return None
