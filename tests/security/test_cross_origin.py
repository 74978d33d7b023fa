"""Pages of other origins that want to read our answers."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.middleware.cors import CORSMiddleware
from lilya.responses import PlainText
from tests.security.victim import ask

ATTACKERS = [
    "null",
    "https://evil.test",
    "http://bank.test",
    "https://bank.test:8443",
    "https://bank.test.",
    "https://evil.bank.test",
    "https://bank.test.evil.test",
    "https://evilbank.test",
    "https://bank.test@evil.test",
    "https://bank.test/",
    "https://bank.test, https://evil.test",
    "https://bank_test",
    "https://bankxtest",
    "https://bank.test\x00.evil.test",
    "HTTPS://EVIL.TEST",
    "",
]


@pytest.mark.parametrize("origin", ATTACKERS)
@pytest.mark.parametrize(
    "options",
    [
        {"allow_origins": ["https://bank.test"]},
        {"allow_origin_regex": r"https://bank\.test"},
        {"allow_origin_regex": r"^https://bank\.test$"},
        {"allow_origin_regex": r"https://(a|b)\.bank\.test|https://bank\.test"},
    ],
)
async def test_an_origin_that_looks_like_ours(origin: str, options: dict[str, Any]) -> None:
    app = CORSMiddleware(PlainText("secret"), allow_credentials=True, **options)
    answer = await ask(app, "/", origin=origin)
    assert "access-control-allow-origin" not in answer.headers
    preflight = await ask(app, "/", "OPTIONS", origin=origin, access_control_request_method="GET")
    assert "access-control-allow-origin" not in preflight.headers
    assert (await ask(app, "/", origin="https://bank.test")).headers[
        "access-control-allow-origin"
    ] == "https://bank.test"


async def test_a_newline_behind_an_origin_that_matches() -> None:
    app = CORSMiddleware(PlainText("secret"), allow_origin_regex=r"https://bank\.test$")
    assert "access-control-allow-origin" not in (await ask(app, "/", origin="https://bank.test\n")).headers


async def test_an_answer_for_one_origin_kept_for_another_by_a_cache() -> None:
    app = CORSMiddleware(PlainText("secret"), allow_origins=["https://bank.test"])
    for origin in ("https://bank.test", "https://evil.test", ""):
        assert "Origin" in (await ask(app, "/", origin=origin)).headers["vary"]
