"""The tokens of `CSRFMiddleware` by hand."""

from __future__ import annotations

import pytest

from lilya.contrib.security.csrf import (
    build_csrf_cookie,
    decode_csrf_token,
    ensure_csrf_cookie,
    generate_csrf_token,
    get_or_set_csrf_token,
    tokens_match,
)
from lilya.datastructures import Secret
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.csrf import CSRFMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from tests.routing.client import call
from tests.support.wire import http_scope

SECRET = "a secret"


def test_a_token_is_ours_or_is_none() -> None:
    token = generate_csrf_token(SECRET)
    assert len(token) == 128
    assert decode_csrf_token(Secret(SECRET), token) == token[:64]
    assert decode_csrf_token(["new", SECRET], token) == token[:64]
    for wrong in (token[:-1], token.upper(), "", "é" * 128, generate_csrf_token("another")):
        assert decode_csrf_token(SECRET, wrong) is None
    assert tokens_match(SECRET, token, token)
    assert not tokens_match(SECRET, token, generate_csrf_token(SECRET))
    assert not tokens_match(SECRET, "same", "same")
    with pytest.raises(ImproperlyConfigured):
        generate_csrf_token("")


def test_a_response_sets_the_cookie_once() -> None:
    response = PlainText("")
    ensure_csrf_cookie(response, "one", secure=True)
    ensure_csrf_cookie(response, "two")
    assert response.headers.getlist("set-cookie") == ["csrftoken=one; Path=/; SameSite=lax; Secure"]
    assert build_csrf_cookie("t", cookie_name="c", samesite="strict").to_header(header="") == (
        "c=t; Path=/; SameSite=strict"
    )


async def test_what_is_set_by_hand_the_middleware_believes() -> None:
    response = PlainText("")
    request = Request(http_scope())
    token = get_or_set_csrf_token(request, SECRET, response=response)
    assert get_or_set_csrf_token(request, SECRET) == token == request.scope["csrf_token"]
    cookie = response.headers["set-cookie"].partition(";")[0].encode()
    app = CSRFMiddleware(PlainText("in"), SECRET)
    headers = [(b"host", b"a.test"), (b"cookie", cookie), (b"x-csrftoken", token.encode())]
    assert (await call(app, "/", "POST", headers=headers)).text == "in"
    again = Request(http_scope(headers=headers))
    assert get_or_set_csrf_token(again, SECRET, response=response) == token
    assert len(get_or_set_csrf_token(Request(http_scope()), SECRET)) == 128
