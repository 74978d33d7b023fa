"""Line breaks from the client that would become headers of ours."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest

from lilya.apps import Lilya
from lilya.authentication import AuthenticationError
from lilya.middleware import DefineMiddleware
from lilya.middleware.authentication import BaseAuthMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.ratelimit import RateLimitMiddleware
from lilya.middleware.sessions import SessionMiddleware
from lilya.requests import Connection, Request
from lilya.responses import PlainText, RedirectResponse
from lilya.routing import Path
from tests.routing.client import Answer
from tests.support.wire import http_scope, request

BREAKS = ["a\r\nset-cookie: evil=1", "a\nset-cookie: evil=1", "a\rset-cookie: evil=1", "a\x00b", "é\r\n"]


async def echo(request: Request) -> PlainText:
    given = request.query_params.get("x", "")
    answer = PlainText("")
    how = request.query_params["how"]
    if how == "header":
        answer.headers["x-echo"] = given
    elif how == "cookie":
        answer.set_cookie("c", given)
    elif how == "redirect":
        return RedirectResponse(f"/{given}")  # type: ignore[return-value]
    elif how == "session":
        request.session["x"] = given
    return answer


class Fails(BaseAuthMiddleware):
    """Says what the client said."""

    async def authenticate(self, conn: Connection, **kwargs: Any) -> None:
        if "fail" in conn.query_params:
            raise AuthenticationError(conn.query_params["fail"])


LAYERS: list[Any] = [
    DefineMiddleware(RateLimitMiddleware, 1000, 60, key=lambda connection: connection.headers.get("x-key")),
    DefineMiddleware(CORSMiddleware, allow_origins=["*"], allow_headers=["*"], allow_credentials=True),
    DefineMiddleware(SessionMiddleware, "key"),
    DefineMiddleware(CSRFMiddleware, "key"),
    Fails,
]


@pytest.mark.parametrize("how", ["header", "cookie", "redirect", "session", "fail", "fields"])
@pytest.mark.parametrize("text", BREAKS)
async def test_a_line_break(text: str, how: str) -> None:
    app = Lilya(routes=[Path("/", echo, methods=["GET", "POST"])], middleware=LAYERS)
    quoted = quote(text)
    headers = [(b"host", b"a.test")]
    if how == "fields":
        raw = text.encode("latin-1")
        headers += [(b"origin", raw), (b"x-key", raw), (b"cookie", b"csrftoken=" + raw + b"; session=" + raw)]
        headers += [(b"access-control-request-headers", raw), (b"authorization", raw)]
    query = f"how={how}&x={quoted}" + (f"&fail={quoted}" if how == "fail" else "")
    wire = Answer(request())
    with suppress(ValueError):  # refused where it was set, and answered with 500: loud, and nothing got through
        await app(http_scope("/", headers=headers, query_string=query.encode()), wire.receive, wire.send)
    for name, value in wire.sent[0]["headers"]:
        assert not set(name + value) & set(b"\r\n\0")
        assert not value.startswith(b"evil")
