"""Secrets that are guessed piece by piece, by how long a refusal takes: none is compared by `==`.

No clock is asked: what is compared is text that fails the test when it is compared in the usual way.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest

from lilya._sansio.authorization import same_secret
from lilya._sansio.csrf import make_token, same_token, signed_part
from lilya.authentication import AuthenticationError, BasicAuthBackend, BearerAuthBackend
from lilya.requests import Connection
from tests.support.wire import http_scope


class Text(str):
    """A secret that must not be compared character by character."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared by ==")

    __ne__ = __eq__


class Counts:
    """How often two things are compared in constant time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        genuine = hmac.compare_digest

        def compare(one: Any, other: Any) -> bool:
            self.count += 1
            return genuine(one, other)

        monkeypatch.setattr(hmac, "compare_digest", compare)


def test_a_token_against_forgery(monkeypatch: pytest.MonkeyPatch) -> None:
    token = make_token(b"key")
    counts = Counts(monkeypatch)
    assert same_token([b"key"], Text(token), Text(token))
    assert not same_token([b"key"], Text(token), Text(token[:-1] + "x"))
    assert counts.count >= 3
    counts.count = 0
    for keys in ([b"key", b"old", b"older"], [b"new", b"newer", b"key"]):
        assert signed_part(keys, Text(token)) == token[:64]
    assert counts.count == 6  # all keys are tried, whichever is the one


def test_a_secret_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    genuine = hmac.compare_digest

    def compare(one: Any, other: Any) -> bool:
        lengths.extend((len(one), len(other)))
        return genuine(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert same_secret(Text("ä"), Text("ä"))
    assert not same_secret(Text("a"), Text("a" * 1000))
    assert not same_secret(Text("\ud800"), Text("é"))
    assert set(lengths) == {32}


def connection(field: str) -> Connection:
    return Connection(http_scope(headers=[(b"authorization", field.encode())]))


async def compared(backend: Any, field: str, counts: Counts) -> int:
    counts.count = 0
    with suppress(AuthenticationError):
        await backend.authenticate(connection(field))
    return counts.count


async def test_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = BasicAuthBackend({"ada": Text("lovelace"), "bob": Text("b")})
    counts = Counts(monkeypatch)
    fields = [f"Basic {b64encode(pair.encode()).decode()}" for pair in ("ada:lovelace", "ada:x", "eve:x", "bob:b")]
    assert [await compared(backend, field, counts) for field in fields] == [1, 1, 1, 1]


async def test_a_bearer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = BearerAuthBackend({Text("token-1"): "ada", Text("token-2"): "bob", Text("token-3"): "eve"})
    counts = Counts(monkeypatch)
    fields = ["Bearer token-1", "Bearer token-3", "Bearer no"]
    assert [await compared(backend, field, counts) for field in fields] == [3, 3, 3]
