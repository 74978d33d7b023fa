"""Signed cookies: what a session is sent in (itsdangerous).

A cookie is `base64(payload).timestamp.signature`. Nobody can make one without a key, everybody can read it.
"""

from __future__ import annotations

import hashlib
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from lilya.exceptions import MissingDependency

__all__ = ["Signed", "Signer"]


def _itsdangerous() -> Any:
    try:
        return import_module("itsdangerous")
    except ImportError as exc:
        raise MissingDependency("SessionMiddleware needs itsdangerous: install the extra `lilya[sessions]`.") from exc


class Signed(NamedTuple):
    """What stood in a cookie: the payload, and how long ago it was signed, in seconds."""

    payload: bytes
    age: float


class Signer:
    """Signs payloads and reads them back.

    Args:
        keys: the newest first: it signs, all are believed.
        max_age: how long a signature counts, in seconds; None for ever.
        clock: the time in seconds since 1970.

    Raises:
        MissingDependency: itsdangerous is not installed.
    """

    def __init__(
        self, keys: Sequence[bytes], max_age: float | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        library = _itsdangerous()
        self._max_age = max_age
        self._clock = clock
        self._bad_data: type[Exception] = library.BadData
        # The library wants the newest key last.
        self._signer = library.Signer(
            list(reversed(keys)), salt=b"lilya.session", sep=".", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def sign(self, payload: bytes) -> str:
        """The text of a cookie."""
        data = urlsafe_b64encode(payload).rstrip(b"=")
        text: bytes = self._signer.sign(b"%b.%x" % (data, int(self._clock())))
        return text.decode("ascii")

    def read(self, text: str) -> Signed | None:
        """What was signed; None for what was not, not by us, or too long ago. Never fails."""
        try:
            data, _, stamp = self._signer.unsign(text.encode("ascii")).rpartition(b".")
            age = self._clock() - int(stamp, 16)
            payload = urlsafe_b64decode(data + b"=" * (-len(data) % 4))
        except (self._bad_data, ValueError):
            return None
        # A little of the future is a clock that goes differently on another machine.
        if self._max_age is not None and not -60 <= age <= self._max_age:
            return None
        return Signed(payload, max(0.0, age))
