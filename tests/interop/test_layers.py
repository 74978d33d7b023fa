"""Every middleware and permission of ours is a layer of any framework, and around any ASGI app."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import lilya.middleware
import lilya.permissions
from lilya.context import g, request_context, session
from lilya.middleware.app_settings import ApplicationSettingsMiddleware
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.clientip import ClientIPMiddleware, ClientIPScopeOnlyMiddleware
from lilya.middleware.compression import CompressionMiddleware, GZipMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware, LifespanGlobalContextMiddleware
from lilya.middleware.httpsredirect import HTTPSRedirectMiddleware
from lilya.middleware.request_context import RequestContextMiddleware
from lilya.middleware.security import SecurityMiddleware
from lilya.middleware.server_error import ServerErrorMiddleware
from lilya.middleware.session_context import SessionContextMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.permissions.allow_all import AllowAll
from lilya.permissions.deny_all import DenyAll
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.routing.client import Answer, call


class Sessions:
    """Gives a session, as `SessionContextMiddleware` wants one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "session": {"user": "Ada"}}, receive, send)


# Layers, outermost first, each a class and its keywords -> what the answer to `/` shows.
LAYERS: Mapping[str, tuple[list[tuple[Any, dict[str, Any]]], dict[str, str], int]] = {
    "clickjacking": ([(XFrameOptionsMiddleware, {})], {"x-frame-options": "DENY"}, 200),
    "settings": ([(ApplicationSettingsMiddleware, {})], {}, 200),
    "client ip": ([(ClientIPMiddleware, {})], {}, 200),
    "client ip in the scope": ([(ClientIPScopeOnlyMiddleware, {})], {}, 200),
    "compression": ([(CompressionMiddleware, {})], {"content-encoding": "gzip"}, 200),
    "gzip": ([(GZipMiddleware, {})], {"content-encoding": "gzip"}, 200),
    "cors": ([(CORSMiddleware, {"allow_origins": ["*"]})], {"access-control-allow-origin": "*"}, 200),
    "exceptions": ([(ExceptionMiddleware, {})], {}, 200),
    "g": ([(GlobalContextMiddleware, {})], {}, 200),
    "g in the lifespan": ([(LifespanGlobalContextMiddleware, {})], {}, 200),
    "https": ([(HTTPSRedirectMiddleware, {})], {"location": "https://example.org/"}, 307),
    "request context": ([(RequestContextMiddleware, {})], {}, 200),
    "security": (
        [(SecurityMiddleware, {"content_policy": "default-src 'self'"})],
        {"x-content-type-options": "nosniff"},
        200,
    ),
    "server error": ([(ServerErrorMiddleware, {})], {}, 200),
    "session context": ([(Sessions, {}), (SessionContextMiddleware, {})], {}, 200),
    "trusted host": ([(TrustedHostMiddleware, {"allowed_hosts": ["example.com"]})], {}, 400),
    "trusted referrer": ([(TrustedReferrerMiddleware, {"block_untrusted_referrers": True})], {}, 400),
    "allowed": ([(AllowAll, {})], {}, 200),
    "denied": ([(ExceptionMiddleware, {}), (DenyAll, {})], {}, 401),
}
# Those that need more than a layer around an app: tested where they live.
ELSEWHERE = frozenset(
    {
        "authentication",
        "capacity",
        "deadline",
        "ratelimit",
        "csrf",
        "sessions",
        "session_fixing",
        "lilya_exception",
        "asyncexit",
        "wsgi",
    }
)
ALL = pytest.mark.parametrize(("layers", "headers", "status"), LAYERS.values(), ids=LAYERS.keys())
ASKED: dict[str, Any] = {
    "headers": [(b"host", b"example.org"), (b"accept-encoding", b"gzip"), (b"origin", b"http://a.test")],
}


async def home(request: StarletteRequest) -> PlainTextResponse:
    return PlainTextResponse("hello " * 200)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("hello " * 200)(scope, receive, send)


def check(answer: Answer, headers: Mapping[str, str], status: int) -> None:
    assert answer.status == status
    assert headers.items() <= answer.headers.items()
    if status == 200 and "content-encoding" not in headers:
        assert answer.text == "hello " * 200


@ALL
async def test_around_any_app(layers: Any, headers: Mapping[str, str], status: int) -> None:
    wrapped: Any = app
    for cls, options in reversed(layers):
        wrapped = cls(wrapped, **options)
    check(await call(wrapped, **ASKED), headers, status)


@ALL
async def test_in_starlette(layers: Any, headers: Mapping[str, str], status: int) -> None:
    middleware: list[Any] = [Middleware(cls, **options) for cls, options in layers]
    check(await call(Starlette(routes=[Route("/", home)], middleware=middleware), **ASKED), headers, status)


@ALL
async def test_in_fastapi(layers: Any, headers: Mapping[str, str], status: int) -> None:
    host = FastAPI()
    host.add_api_route("/", home, response_class=PlainTextResponse)
    for cls, options in reversed(layers):
        host.add_middleware(cls, **options)
    check(await call(host, **ASKED), headers, status)


def test_every_middleware_and_permission_is_among_them() -> None:
    modules = [*_modules(lilya.middleware), *_modules(lilya.permissions)]
    classes = {name for module in modules if module.rpartition(".")[2] not in ELSEWHERE for name in _shown(module)}
    used = {cls.__name__ for layers, _, _ in LAYERS.values() for cls, _ in layers}
    assert classes - used == set()


def _modules(package: Any) -> list[str]:
    return [
        f"{package.__name__}.{module.name}"
        for module in pkgutil.iter_modules(package.__path__)
        if module.name[0] != "_"
    ]


def _shown(module: str) -> list[str]:
    found = importlib.import_module(module)
    return [name for name in found.__all__ if name.endswith(("Middleware", "All"))]


async def test_what_they_put_around_the_running_code_is_there_in_starlette() -> None:
    async def ask(request: StarletteRequest) -> PlainTextResponse:
        g.user = session["user"]
        return PlainTextResponse(f"{g.user} asks for {request_context.url.path}")

    layers: list[Any] = [GlobalContextMiddleware, RequestContextMiddleware, Sessions, SessionContextMiddleware]
    host = Starlette(routes=[Route("/x", ask)], middleware=[Middleware(layer) for layer in layers])
    assert (await call(host, "/x")).text == "Ada asks for /x"
