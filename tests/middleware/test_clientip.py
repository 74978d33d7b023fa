"""Where a request comes from: the client behind proxies, the page before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lilya.clientip import TrustedProxies, get_ip
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.clientip import ClientIPMiddleware, ClientIPScopeOnlyMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.responses.base import PlainText
from lilya.types import Receive, Scope, Send
from tests.support.wire import Wire, http_scope, websocket_scope


def scope_of(peer: str | None = "10.0.0.1", *headers: tuple[str, str], **more: Any) -> Scope:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return http_scope(client=None if peer is None else (peer, 5000), headers=pairs, **more)


def xff(value: str) -> tuple[str, str]:
    return "x-forwarded-for", value


def forwarded(value: str) -> tuple[str, str]:
    return "forwarded", value


@pytest.mark.parametrize(
    ("proxies", "scope", "found"),
    [
        ([], scope_of("192.0.2.1", xff("1.1.1.1")), "192.0.2.1"),
        (["10.0.0.1"], scope_of("10.0.0.1", xff("1.1.1.1")), "1.1.1.1"),
        (["10.0.0.1"], scope_of("10.0.0.1", xff("6.6.6.6, 1.1.1.1:8080")), "1.1.1.1"),
        (["10.0.0.0/8"], scope_of("10.0.0.1", xff("6.6.6.6, 1.1.1.1, 10.0.0.2")), "1.1.1.1"),
        (["10.0.0.0/8"], scope_of("10.0.0.1", xff("6.6.6.6"), xff("1.1.1.1, 10.0.0.2")), "1.1.1.1"),
        (["10.0.0.0/8"], scope_of("10.0.0.1", xff("10.0.0.9, 10.0.0.2")), "10.0.0.9"),
        (["10.0.0.1"], scope_of("::ffff:10.0.0.1", xff("1.1.1.1")), "1.1.1.1"),
        (["10.0.0.0/8"], scope_of("testclient", xff("1.1.1.1")), "testclient"),
        (["testclient"], scope_of("testclient", xff("1.1.1.1")), "1.1.1.1"),
        (["10.0.0.1"], scope_of("10.0.0.1"), "10.0.0.1"),
        (["unix"], scope_of(None, xff("2001:DB8::1")), "2001:db8::1"),
        (["unix"], scope_of("", forwarded('for="[2001:db8:0::1]:4711";proto=https')), "2001:db8::1"),
        (["unix"], scope_of(None, forwarded("for=6.6.6.6, For=1.1.1.1;by=_a")), "1.1.1.1"),
        (["unix"], scope_of(None, forwarded("for=1.1.1.1"), xff("6.6.6.6")), "1.1.1.1"),
        (["*"], scope_of("192.0.2.1", xff("1.1.1.1, 2.2.2.2")), "1.1.1.1"),
        (["*"], scope_of("192.0.2.1", forwarded("for=1.1.1.1, for=2.2.2.2")), "1.1.1.1"),
        (None, scope_of(None, xff("1.1.1.1")), "1.1.1.1"),
        (None, scope_of("192.0.2.1", xff("1.1.1.1")), "192.0.2.1"),
    ],
)
def test_the_client_is_the_last_one_not_trusted(proxies: list[str] | None, scope: Scope, found: str) -> None:
    assert get_ip(scope, trusted_proxies=proxies) == found


@pytest.mark.parametrize(
    "scope",
    [
        scope_of(None),
        scope_of(None, forwarded("for=1.1.1.1, for=unknown")),
        scope_of(None, forwarded("for=1.1.1.1, for=_hidden")),
        scope_of(None, forwarded("for=1.1.1.1, proto=https")),
        scope_of(None, xff("1.1.1.1, what")),
        scope_of(None, xff("[nonsense")),
    ],
)
async def test_nobody_is_guessed(scope: Scope) -> None:
    with pytest.raises(ValueError, match="unknown"):
        get_ip(scope)
    await ClientIPScopeOnlyMiddleware(PlainText(""))(scope, Wire().receive, Wire().send)
    assert scope["real-clientip"] == "unknown"


def test_the_only_header_the_proxy_writes_can_be_named() -> None:
    scope = scope_of(None, forwarded("for=6.6.6.6"), xff("1.1.1.1"))
    assert get_ip(scope, headers=["x-forwarded-for"]) == "1.1.1.1"


def test_addresses_can_be_changed_before_and_after() -> None:
    scope = scope_of("proxy-7", xff("1.2.3.4"))
    found = get_ip(
        scope,
        trusted_proxies=["proxy"],
        sanitize_proxyip=lambda ip: ip.partition("-")[0],
        sanitize_clientip=lambda ip: ip.rpartition(".")[0] + ".0",
    )
    assert found == "1.2.3.0"


def test_the_settings_of_the_application_say_whom_to_trust() -> None:
    app = SimpleNamespace(settings=SimpleNamespace(trusted_proxies=["10.0.0.1"]))
    assert get_ip(scope_of("10.0.0.1", xff("1.1.1.1"), app=app)) == "1.1.1.1"


@pytest.mark.parametrize("proxies", ["10.0.0.1", ["10.0.0.1/8"], ["proxy/8"]])
async def test_proxies_that_are_none_are_told_when_built(proxies: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        TrustedProxies(proxies)
    with pytest.raises(ImproperlyConfigured):
        ClientIPMiddleware(PlainText(""), trusted_proxies=proxies)
    app = SimpleNamespace(settings=SimpleNamespace(trusted_proxies=proxies))
    with pytest.raises(ImproperlyConfigured):
        await ClientIPMiddleware(PlainText(""))(scope_of(app=app), Wire().receive, Wire().send)


async def test_the_client_cannot_write_x_real_ip() -> None:
    layer = ClientIPMiddleware(PlainText(""), trusted_proxies=["10.0.0.1"])
    scope = scope_of("10.0.0.1", xff("1.1.1.1"), ("X-Real-IP", "6.6.6.6"))
    given = list(scope["headers"])
    server_list = scope["headers"]
    await layer(scope, Wire().receive, Wire().send)
    assert scope["headers"] == [(b"x-forwarded-for", b"1.1.1.1"), (b"x-real-ip", b"1.1.1.1")]
    assert server_list == given
    hidden = scope_of(None, ("x-real-ip", "6.6.6.6"))
    await ClientIPMiddleware(PlainText(""))(hidden, Wire().receive, Wire().send)
    assert (hidden["headers"], hidden["real-clientip"]) == ([], "unknown")


async def test_websockets_have_clients_and_a_lifespan_has_none() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    scope = websocket_scope(client=("192.0.2.1", 1))
    await ClientIPMiddleware(app)(scope, Wire().receive, Wire().send)
    assert scope["real-clientip"] == "192.0.2.1"
    lifespan: Scope = {"type": "lifespan"}
    await ClientIPMiddleware(app)(lifespan, Wire().receive, Wire().send)
    await TrustedReferrerMiddleware(app)(lifespan, Wire().receive, Wire().send)
    assert lifespan == {"type": "lifespan"}


@pytest.mark.parametrize(
    ("options", "referrer", "trusted"),
    [
        ({}, "http://example.org/page", True),
        ({}, "https://EXAMPLE.org:443/page", True),
        ({}, "http://example.org:8080/", False),
        ({}, "http://example.org@evil.test/", False),
        ({}, "http://example.org.evil.test/", False),
        ({}, "http://evil.test/?http://example.org/", False),
        ({}, "http://[::1/", False),
        ({}, "http://example.org:99999/", False),
        ({}, "ftp://example.org/", False),
        ({}, "http:///page", False),
        ({}, "example.org", False),
        ({}, "", False),
        ({"allow_same_origin": False}, "http://example.org/", False),
        ({"allowed_referrers": [""]}, "", True),
        ({"allowed_referrers": ["a.test", "*.b.test"]}, "https://a.test:8000/x", True),
        ({"allowed_referrers": ["a.test", "*.b.test"]}, "https://x.b.test", True),
        ({"allowed_referrers": ["a.test", "*.b.test"]}, "https://b.test", False),
        ({"allowed_referrers": ["*"]}, "anything", True),
    ],
)
async def test_a_referrer_is_trusted_by_its_host(options: dict[str, Any], referrer: str, trusted: bool) -> None:
    headers = [("host", "example.org"), *([("referer", referrer)] if referrer else [])]
    scope, wire = scope_of(None, *headers), Wire()
    await TrustedReferrerMiddleware(PlainText("in"), **options)(scope, wire.receive, wire.send)
    assert (scope["referrer_is_trusted"], wire.body) == (trusted, b"in")
    blocked = Wire()
    layer = TrustedReferrerMiddleware(PlainText("in"), block_untrusted_referrers=True, **options)
    await layer(scope_of(None, *headers), blocked.receive, blocked.send)
    assert (blocked.status, blocked.body) == ((200, b"in") if trusted else (400, b"Invalid referrer"))


def test_referrers_that_are_none_are_told_when_built() -> None:
    with pytest.raises(ImproperlyConfigured, match="did you mean"):
        TrustedReferrerMiddleware(PlainText(""), allowed_referrers="a.test")
    with pytest.raises(AssertionError, match="allowed_referrers"):
        TrustedReferrerMiddleware(PlainText(""), allowed_referrers=["a*"])
