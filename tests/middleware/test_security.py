"""The headers that protect the users of a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.security import SecurityMiddleware
from lilya.responses.base import PlainText
from lilya.types import Receive, Scope, Send
from tests.support.wire import Wire, http_scope, websocket_scope

OTHERS = {
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31556926; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
}


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainText(scope.get("csp_nonce", ""))(scope, receive, send)


async def framed(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainText("", headers={"X-Frame-Options": "SAMEORIGIN"})(scope, receive, send)


async def ask(layer: Any, /, **more: Any) -> Wire:
    wire = Wire()
    await layer(http_scope(**more), wire.receive, wire.send)
    return wire


def fields(wire: Wire) -> dict[str, str]:
    assert type(wire.sent[0]["headers"]) is list
    found = [(name.decode(), value.decode()) for name, value in wire.sent[0]["headers"]]
    assert len(found) == len(dict(found))
    return {name: value for name, value in found if name not in ("content-length", "content-type")}


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("default-src 'self'", "default-src 'self'"),
        (
            {"default-src": ["'self'", "*.a.test"], "img-src": "*", "upgrade-insecure-requests": ""},
            "default-src 'self' *.a.test; img-src *; upgrade-insecure-requests",
        ),
    ],
)
async def test_the_seven_headers(policy: Any, text: str) -> None:
    assert fields(await ask(SecurityMiddleware(inside, policy))) == {"content-security-policy": text, **OTHERS}


async def test_none_leaves_a_header_out() -> None:
    without = SecurityMiddleware(inside, strict_transport_security=None, xss_protection=None)
    assert fields(await ask(without)) == {
        name: value for name, value in OTHERS.items() if name not in ("strict-transport-security", "x-xss-protection")
    }


async def test_what_the_answer_says_itself_is_kept() -> None:
    assert fields(await ask(SecurityMiddleware(framed)))["x-frame-options"] == "SAMEORIGIN"
    assert fields(await ask(XFrameOptionsMiddleware(framed))) == {"x-frame-options": "SAMEORIGIN"}


async def test_every_request_has_a_nonce_of_its_own_that_the_page_knows() -> None:
    app = SecurityMiddleware(SecurityMiddleware(inside, "script-src 'nonce-{nonce}'"), "script-src 'nonce-{nonce}'")
    first, second = await ask(app), await ask(app)
    assert fields(first)["content-security-policy"] == f"script-src 'nonce-{first.body.decode()}'"
    assert len(first.body) >= 22
    assert first.body != second.body


@pytest.mark.parametrize(
    "options",
    [
        {"content_policy": {"default-src": "'self'; script-src *"}},
        {"content_policy": {"default-src": ["a.test,", "b.test"]}},
        {"content_policy": "default-src\r\nset-cookie: a=b"},
        {"referrer_policy": "same-origin\n"},
    ],
)
def test_a_value_cannot_begin_another_header_or_directive(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        SecurityMiddleware(inside, **options)


async def test_frame_options_come_from_the_argument_else_the_settings_else_deny() -> None:
    app = SimpleNamespace(settings=SimpleNamespace(x_frame_options="sameorigin"))
    assert fields(await ask(XFrameOptionsMiddleware(inside), app=app)) == {"x-frame-options": "SAMEORIGIN"}
    assert fields(await ask(XFrameOptionsMiddleware(inside, "deny"), app=app)) == {"x-frame-options": "DENY"}
    assert fields(await ask(XFrameOptionsMiddleware(inside))) == {"x-frame-options": "DENY"}


def test_an_option_browsers_pass_over_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="SAMEORIGIN"):
        XFrameOptionsMiddleware(inside, "allow-from https://a.test")


@pytest.mark.parametrize("layer", [SecurityMiddleware, XFrameOptionsMiddleware])
async def test_websocket_and_lifespan_pass_with_everything_they_were_given(layer: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    wire = Wire()
    receive, send = wire.receive, wire.send
    scopes: list[Scope] = [websocket_scope(), {"type": "lifespan"}]
    for scope in scopes:
        await layer(app)(scope, receive, send)
    assert seen == [(scope, receive, send) for scope in scopes]
