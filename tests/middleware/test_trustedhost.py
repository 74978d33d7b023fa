"""Trusted hosts and the way to https."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.httpsredirect import HTTPSRedirectMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.responses.base import PlainText
from lilya.types import Receive, Scope, Send
from tests.support.wire import Wire, http_scope, websocket_scope


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainText(f"trusted={scope.get('host_is_trusted')}")(scope, receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.accept"})


async def ask(app: Any, scope: Scope | None = None, /, *hosts: str, **more: Any) -> Wire:
    wire = Wire()
    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    await app({**(scope or http_scope("/a", query_string=b"b=c")), "headers": headers, **more}, wire.receive, wire.send)
    return wire


def location(wire: Wire) -> str:
    return str(dict(wire.sent[0]["headers"])[b"location"].decode())


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        (["example.org"], "example.org"),
        (["Example.org"], "EXAMPLE.ORG:8000"),
        (["*.example.org"], "a.b.example.org"),
        (["[::1]"], "[::1]:8000"),
        (["::1"], "[0:0:0:0:0:0:0:1]"),
        (["127.0.0.1"], "127.0.0.1:80"),
        (["*"], "anything at all/"),
        (None, ""),
    ],
)
async def test_an_allowed_host_is_served(allowed: Any, host: str) -> None:
    wire = await ask(TrustedHostMiddleware(inside, allowed_hosts=allowed), None, host)
    assert (wire.status, wire.body) == (200, b"trusted=True")


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("example.org", "example.org"),
        ("evil.test",),
        ("evil.test:example.org",),
        ("example.org@evil.test",),
        ("example.org.evil.test",),
        ("evilexample.org",),
        ("example.org/x",),
        ("example.org:80:80",),
        ("example.org evil.test",),
        ("[::1",),
        ("[:::]",),
        ("sub.example.net.evil",),
        ("example.net",),
        ("exämple.org",),
    ],
)
async def test_another_host_is_refused(hosts: tuple[str, ...]) -> None:
    app = TrustedHostMiddleware(inside, allowed_hosts=["example.org", "*.example.net", "[::2]"])
    wire = await ask(app, None, *hosts)
    assert (wire.status, wire.body) == (400, b"Invalid host header")


async def test_the_default_is_every_host() -> None:
    assert TrustedHostMiddleware(inside).allowed_hosts == ["*"]
    assert TrustedHostMiddleware(inside, allowed_hosts=["a.b"]).allowed_hosts == ["a.b"]


async def test_a_host_without_www_is_sent_to_the_one_with_it() -> None:
    wire = await ask(TrustedHostMiddleware(inside, allowed_hosts=["www.example.org"]), None, "example.org:8000")
    assert (wire.status, location(wire)) == (307, "http://www.example.org:8000/a?b=c")
    strict = TrustedHostMiddleware(inside, allowed_hosts=["www.example.org"], www_redirect=False)
    assert (await ask(strict, None, "example.org")).status == 400


async def test_a_host_that_is_not_blocked_is_marked() -> None:
    app = TrustedHostMiddleware(inside, allowed_hosts=["example.org"], block_untrusted_hosts=False)
    assert (await ask(app, None, "evil.test")).body == b"trusted=False"


async def test_a_websocket_is_refused_as_its_server_can() -> None:
    app = TrustedHostMiddleware(inside, allowed_hosts=["example.org"])
    assert (await ask(app, websocket_scope(), "example.org")).types == ["websocket.accept"]
    assert (await ask(app, websocket_scope(), "evil.test")).types == ["websocket.close"]
    denied = await ask(app, websocket_scope(extensions={"websocket.http.response": {}}), "evil.test")
    assert (denied.types[0], denied.status) == ("websocket.http.response.start", 400)


async def test_a_lifespan_passes() -> None:
    assert (await ask(TrustedHostMiddleware(inside, ["a.b"]), {"type": "lifespan"})).sent == []
    assert (await ask(HTTPSRedirectMiddleware(inside), {"type": "lifespan"})).sent == []


@pytest.mark.parametrize("pattern", ["a*", "*a", "a.*.b", "*.*", "a.*"])
def test_a_wildcard_stands_for_sub_domains_only(pattern: str) -> None:
    with pytest.raises(AssertionError, match="sub-domains"):
        TrustedHostMiddleware(inside, allowed_hosts=[pattern])


@pytest.mark.parametrize(
    "pattern", ["https://example.org", "example.org:80", "example.org/", "", "*.", "[::1]:80", "a::b::c"]
)
def test_what_is_no_host_cannot_be_allowed(pattern: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="without scheme, port or path"):
        TrustedHostMiddleware(inside, allowed_hosts=[pattern])
    with pytest.raises(ImproperlyConfigured, match="did you mean"):
        TrustedHostMiddleware(inside, allowed_hosts=pattern)


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("example.org", "https://example.org/a?b=c"),
        ("example.org:80", "https://example.org/a?b=c"),
        ("example.org:443", "https://example.org/a?b=c"),
        ("example.org:8080", "https://example.org:8080/a?b=c"),
        ("[::443]:80", "https://[::443]/a?b=c"),
    ],
)
async def test_http_goes_to_https_without_the_default_ports(host: str, target: str) -> None:
    wire = await ask(HTTPSRedirectMiddleware(inside), None, host)
    assert (wire.status, location(wire)) == (307, target)


async def test_ws_goes_to_wss() -> None:
    denied = await ask(
        HTTPSRedirectMiddleware(inside),
        websocket_scope("/w", extensions={"websocket.http.response": {}}),
        "example.org",
    )
    assert (denied.status, location(denied)) == (307, "wss://example.org/w")
    assert (await ask(HTTPSRedirectMiddleware(inside), websocket_scope(), "example.org")).types == ["websocket.close"]


async def test_what_is_encrypted_passes() -> None:
    assert (await ask(HTTPSRedirectMiddleware(inside), None, "example.org", scheme="https")).status == 200
    wire = await ask(HTTPSRedirectMiddleware(inside), websocket_scope(), "example.org", scheme="wss")
    assert wire.types == ["websocket.accept"]
