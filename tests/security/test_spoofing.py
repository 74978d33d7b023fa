"""Clients that lie about where they come from, and whom they mean."""

from __future__ import annotations

import pytest

from lilya.apps import Lilya
from lilya.middleware import DefineMiddleware
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.ratelimit import RateLimitMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path
from tests.routing.client import call


async def link(request: Request) -> PlainText:
    return PlainText(str(request.path_for("link")))


@pytest.mark.parametrize("host", ["evil.test", "bank.test@evil.test", "evil.test#bank.test", "bank.test.evil.test", ""])
async def test_a_link_to_another_host(host: str) -> None:
    layer = DefineMiddleware(TrustedHostMiddleware, allowed_hosts=["bank.test"])
    app = Lilya(routes=[Path("/", link, name="link")], middleware=[layer])
    answer = await call(app, headers=[(b"host", host.encode()), (b"x-forwarded-host", b"bank.test")])
    assert answer.status == 400
    fine = await call(app, headers=[(b"host", b"bank.test"), (b"x-forwarded-host", b"evil.test")])
    assert fine.text == "http://bank.test/"


async def test_two_hosts() -> None:
    app = TrustedHostMiddleware(PlainText("in"), allowed_hosts=["bank.test"])
    assert (await call(app, headers=[(b"host", b"bank.test"), (b"host", b"evil.test")])).status == 400
    guarded = CSRFMiddleware(PlainText("in"), "key")
    hosts = [(b"host", b"bank.test"), (b"host", b"evil.test"), (b"origin", b"https://evil.test")]
    assert (await call(guarded, "/", "POST", headers=hosts)).status == 403


FORWARDED = [(b"x-forwarded-for", b"6.6.6.6"), (b"forwarded", b"for=6.6.6.6"), (b"x-real-ip", b"6.6.6.6")]


async def test_an_address_the_client_makes_up() -> None:
    async def show(request: Request) -> PlainText:
        return PlainText(f"{request.scope['real-clientip']} {request.headers.get('x-real-ip')}")

    layer = DefineMiddleware(ClientIPMiddleware, trusted_proxies=["10.0.0.1"])
    app = Lilya(routes=[Path("/", show)], middleware=[layer])
    for field in FORWARDED:
        assert (await call(app, client=("192.0.2.1", 1), headers=[field])).text == "192.0.2.1 192.0.2.1"
    behind = [(b"x-forwarded-for", b"6.6.6.6, 192.0.2.1")]
    assert (await call(app, client=("10.0.0.1", 1), headers=behind)).text == "192.0.2.1 192.0.2.1"


async def test_a_limit_escaped_by_made_up_addresses() -> None:
    app = RateLimitMiddleware(PlainText("in"), 1, 60)
    statuses = []
    for number in range(4):
        headers = [(b"x-forwarded-for", f"6.6.6.{number}".encode()), (b"forwarded", f"for=7.7.7.{number}".encode())]
        statuses.append((await call(app, client=("192.0.2.1", number), headers=headers)).status)
    assert statuses == [200, 429, 429, 429]


async def test_a_limit_escaped_by_the_addresses_of_one_network() -> None:
    app = RateLimitMiddleware(PlainText("in"), 1, 60)
    statuses = [(await call(app, client=(f"2001:db8::{number:x}", 1))).status for number in range(1, 5)]
    assert statuses == [200, 429, 429, 429]
