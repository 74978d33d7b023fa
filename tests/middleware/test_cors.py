"""CORS: exact headers, and who is not let in."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.cors import CORSMiddleware
from lilya.responses.base import PlainText
from lilya.types import Receive, Scope, Send
from tests.support.wire import Wire, http_scope, websocket_scope

ORIGIN = "https://example.org"


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainText("inside", headers={"vary": "Accept-Encoding"})(scope, receive, send)


async def ask(method: str = "GET", /, app: Any = inside, headers: dict[str, str] | None = None, **options: Any) -> Wire:
    wire = Wire()
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    await CORSMiddleware(app, **options)(http_scope(method=method, headers=pairs), wire.receive, wire.send)
    return wire


def fields(wire: Wire) -> dict[str, str]:
    assert type(wire.sent[0]["headers"]) is list
    found = {name.decode(): value.decode() for name, value in wire.sent[0]["headers"]}
    return {name: value for name, value in found.items() if name not in ("content-length", "content-type")}


async def preflight(
    origin: str = ORIGIN, wanted: str = "GET", more: dict[str, str] | None = None, **options: Any
) -> Wire:
    headers = {"origin": origin, "access-control-request-method": wanted, **(more or {})}
    return await ask("OPTIONS", headers=headers, **options)


async def test_a_listed_origin_is_named_and_vary_appended() -> None:
    wire = await ask(headers={"origin": ORIGIN}, allow_origins=[ORIGIN], expose_headers=["X-A", "X-B"])
    assert fields(wire) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-expose-headers": "X-A, X-B",
        "vary": "Accept-Encoding, Origin",
    }
    assert wire.body == b"inside"


async def test_the_open_answer_is_a_star_without_vary() -> None:
    wire = await ask(headers={"origin": ORIGIN}, allow_origins=["*"], allow_credentials=True)
    assert fields(wire) == {
        "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true",
        "vary": "Accept-Encoding",
    }


async def test_the_open_answer_to_a_cookie_names_the_origin() -> None:
    wire = await ask(headers={"origin": ORIGIN, "cookie": "a=b"}, allow_origins=["*"], allow_credentials=True)
    assert fields(wire) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
        "vary": "Accept-Encoding, Origin",
    }


async def test_without_an_origin_only_caches_are_told() -> None:
    assert fields(await ask(allow_origins=[ORIGIN])) == {"vary": "Accept-Encoding, Origin"}
    assert fields(await ask(allow_origins=["*"])) == {"vary": "Accept-Encoding"}


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://example.org:8443",
        "http://example.org",
        "https://sub.example.org",
        "https://example.org.evil.test",
        "https://evilexample.org",
        "https://example.org/",
        "",
        "https://ex\xe4mple.org",
    ],
)
async def test_an_origin_that_only_looks_like_a_listed_one_is_not_let_in(origin: str) -> None:
    wire = await ask(headers={"origin": origin}, allow_origins=[ORIGIN], allow_credentials=True)
    assert fields(wire) == {"vary": "Accept-Encoding, Origin"}
    refused = await preflight(origin, allow_origins=[ORIGIN])
    assert (refused.status, refused.body) == (400, b"Disallowed CORS origin")
    assert "access-control-allow-origin" not in fields(refused)


@pytest.mark.parametrize("pattern", [r"https://.*\.example\.org", re.compile(r"https://.*\.example\.org")])
async def test_a_regex_must_match_the_whole_origin(pattern: Any) -> None:
    good = await ask(headers={"origin": "https://a.example.org"}, allow_origin_regex=pattern)
    assert fields(good)["access-control-allow-origin"] == "https://a.example.org"
    for evil in ("https://a.example.org.evil.test", "xhttps://a.example.org", "https://a.example.org\n"):
        assert "access-control-allow-origin" not in fields(
            await ask(headers={"origin": evil}, allow_origin_regex=pattern)
        )


async def test_null_is_let_in_only_where_it_is_listed() -> None:
    assert (
        fields(await ask(headers={"origin": "null"}, allow_origins=["null"]))["access-control-allow-origin"] == "null"
    )


async def test_an_applications_own_answer_is_not_doubled() -> None:
    async def own(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainText("", headers={"Access-Control-Allow-Origin": "x"})(scope, receive, send)

    wire = await ask(app=own, headers={"origin": ORIGIN}, allow_origins=[ORIGIN])
    assert [value for name, value in wire.sent[0]["headers"] if name == b"access-control-allow-origin"] == [
        b"https://example.org"
    ]


async def test_a_preflight_says_what_is_allowed() -> None:
    wire = await preflight(
        wanted="POST",
        more={"access-control-request-headers": "x-token, content-type"},
        allow_origins=[ORIGIN],
        allow_methods=["POST", "PUT"],
        allow_headers=["X-Token"],
        allow_credentials=True,
        max_age=5,
    )
    assert (wire.status, wire.body) == (200, b"OK")
    assert fields(wire) == {
        "vary": "Origin",
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "POST, PUT",
        "access-control-allow-headers": "Accept, Accept-Language, Content-Language, Content-Type, X-Token",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "5",
    }


async def test_an_open_preflight_mirrors_headers_and_has_no_vary() -> None:
    stars: dict[str, Any] = {"allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*"]}
    wire = await preflight(wanted="QUERY", more={"access-control-request-headers": "X-Any, X-Other"}, **stars)
    assert wire.status == 200
    assert fields(wire) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, QUERY, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
        "access-control-allow-headers": "X-Any, X-Other",
        "access-control-max-age": "600",
    }
    broken = await preflight(more={"access-control-request-headers": "a b\x00"}, **stars)
    assert (broken.status, broken.body) == (400, b"Disallowed CORS headers")


async def test_a_refused_preflight_names_what_failed_only() -> None:
    more = {"access-control-request-headers": "X-No"}
    wire = await preflight("https://evil.test", "DELETE", more, allow_origins=[ORIGIN])
    assert (wire.status, wire.body) == (400, b"Disallowed CORS origin, method, headers")
    assert (await preflight(wanted="DELETE", allow_origins=[ORIGIN])).body == b"Disallowed CORS method"


async def test_private_networks_are_asked_for() -> None:
    more = {"access-control-request-private-network": "true"}
    refused = await preflight(more=more, allow_origins=[ORIGIN])
    assert (refused.status, refused.body) == (400, b"Disallowed Private Network Access private-network")
    both = await preflight("https://evil.test", more=more, allow_origins=[ORIGIN])
    assert both.body == b"Disallowed CORS origin, private-network"
    allowed = await preflight(more=more, allow_origins=[ORIGIN], allow_private_networks=True)
    assert fields(allowed)["access-control-allow-private-network"] == "true"


async def test_plain_options_reach_the_application() -> None:
    assert (await ask("OPTIONS", headers={"origin": ORIGIN}, allow_origins=["*"])).body == b"inside"


async def test_websocket_and_lifespan_pass_with_everything_they_were_given() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    wire = Wire()
    receive, send = wire.receive, wire.send
    scopes: list[Scope] = [websocket_scope(), {"type": "lifespan"}]
    for scope in scopes:
        await CORSMiddleware(app)(scope, receive, send)
    assert all(got == (scope, receive, send) and got[0] is scope for got, scope in zip(seen, scopes, strict=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"allow_origins": "https://example.org"}, "did you mean"),
        ({"allow_origins": ["https://example.org/"]}, "no browser sends"),
        ({"allow_origins": ["example.org"]}, "no browser sends"),
        ({"allow_origins": ["https://*.example.org"]}, "allow_origin_regex"),
        ({"allow_origin_regex": "("}, "no regular expression"),
        ({"allow_methods": ["GET, POST"]}, "without spaces"),
    ],
)
def test_a_bad_configuration_is_told_when_built(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        CORSMiddleware(inside, **options)
