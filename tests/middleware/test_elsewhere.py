"""Our layers in Starlette, without a change."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.compression import GZipMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.httpsredirect import HTTPSRedirectMiddleware
from lilya.middleware.security import SecurityMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.testclient import AsyncTestClient
from lilya.testing import ServerOptions


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.headers["x-real-ip"] * 100)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_all_of_them_work_in_starlette(scheme: str) -> None:
    layers: list[Any] = [
        Middleware(TrustedHostMiddleware, allowed_hosts=["example.org"]),
        Middleware(HTTPSRedirectMiddleware),
        Middleware(ClientIPMiddleware),
        Middleware(SecurityMiddleware, "default-src 'self'"),
        Middleware(XFrameOptionsMiddleware),
        Middleware(TrustedReferrerMiddleware),
        Middleware(CORSMiddleware, allow_origins=["https://a.test"]),
        Middleware(GZipMiddleware),
    ]
    app = Starlette(routes=[Route("/", home)], middleware=layers)
    options = ServerOptions(client=("192.0.2.1", 5000))
    base_url = f"{scheme}://example.org"
    async with AsyncTestClient(app, base_url, follow_redirects=False, server_options=options) as client:
        answer = await client.get("/", headers={"origin": "https://a.test", "accept-encoding": "gzip"})
        if scheme == "http":
            assert (answer.status_code, answer.headers["location"]) == (307, "https://example.org/")
        else:
            assert answer.text == "192.0.2.1" * 100
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.headers["vary"] == "Accept-Encoding, Origin"
            assert answer.headers["access-control-allow-origin"] == "https://a.test"
            assert answer.headers["x-frame-options"] == "DENY"
        refused = await client.get("/", headers={"host": "evil.test"})
        assert (refused.status_code, refused.text) == (400, "Invalid host header")
