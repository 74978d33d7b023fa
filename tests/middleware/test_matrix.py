"""Our layers in other frameworks, and theirs in ours: every piece of a stream passes at once, and so does a disconnect.

A row is a framework with one streaming path; a column is a layer around it. Layers of ours are built as the framework
builds any ASGI middleware.
"""

from __future__ import annotations

import pkgutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse as FastAPIStream
from litestar import Litestar
from litestar import get as litestar_get
from litestar.response import Stream as LitestarStream
from quart import Quart
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware as StarletteCORS
from starlette.middleware.gzip import GZipMiddleware as StarletteGZip
from starlette.middleware.trustedhost import TrustedHostMiddleware as StarletteTrustedHost
from starlette.requests import Request as StarletteRequest
from starlette.responses import StreamingResponse as StarletteStream
from starlette.routing import Mount, Route

from lilya import middleware
from lilya._define import DefineMiddleware
from lilya.apps import Lilya
from lilya.authentication import BasicAuthBackend
from lilya.middleware.app_settings import ApplicationSettingsMiddleware
from lilya.middleware.asyncexit import AsyncExitStackMiddleware
from lilya.middleware.authentication import AuthenticationMiddleware
from lilya.middleware.capacity import CapacityMiddleware
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.clientip import ClientIPMiddleware, ClientIPScopeOnlyMiddleware
from lilya.middleware.compression import CompressionMiddleware, GZipMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.deadline import DeadlineMiddleware
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware, LifespanGlobalContextMiddleware
from lilya.middleware.httpsredirect import HTTPSRedirectMiddleware
from lilya.middleware.lilya_exception import LilyaExceptionMiddleware
from lilya.middleware.ratelimit import RateLimitMiddleware
from lilya.middleware.request_context import RequestContextMiddleware
from lilya.middleware.security import SecurityMiddleware
from lilya.middleware.server_error import ServerErrorMiddleware
from lilya.middleware.session_context import SessionContextMiddleware
from lilya.middleware.session_fixing import SessionFixingMiddleware
from lilya.middleware.sessions import SessionMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.middleware.wsgi import WSGIMiddleware
from lilya.responses import StreamingResponse
from lilya.routing import Include, Path
from lilya.testing import MemoryServer, http_scope
from lilya.types import ASGIApp, Receive, Scope, Send

KIND = "text/event-stream"


class InSession:
    """A layer that wants a session, in one."""

    def __init__(self, app: ASGIApp, layer: type[Any]) -> None:
        self.app = SessionMiddleware(layer(app), "key")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


OURS: dict[str, DefineMiddleware] = {
    layer.cls.__name__: layer
    for layer in (
        DefineMiddleware(ApplicationSettingsMiddleware),
        DefineMiddleware(AsyncExitStackMiddleware),
        DefineMiddleware(AuthenticationMiddleware, BasicAuthBackend({"ada": "lovelace"})),
        DefineMiddleware(CapacityMiddleware, 1),
        DefineMiddleware(ClientIPMiddleware),
        DefineMiddleware(ClientIPScopeOnlyMiddleware),
        DefineMiddleware(CompressionMiddleware),
        DefineMiddleware(CORSMiddleware, allow_origins=["*"]),
        DefineMiddleware(CSRFMiddleware, "key"),
        DefineMiddleware(DeadlineMiddleware, 60),
        DefineMiddleware(ExceptionMiddleware),
        DefineMiddleware(GlobalContextMiddleware),
        DefineMiddleware(GZipMiddleware),
        DefineMiddleware(HTTPSRedirectMiddleware),
        DefineMiddleware(LilyaExceptionMiddleware),
        DefineMiddleware(LifespanGlobalContextMiddleware),
        DefineMiddleware(RateLimitMiddleware, 10, 60),
        DefineMiddleware(RequestContextMiddleware),
        DefineMiddleware(SecurityMiddleware, "default-src 'self'"),
        DefineMiddleware(ServerErrorMiddleware),
        DefineMiddleware(SessionMiddleware, "key"),
        DefineMiddleware(TrustedHostMiddleware, allowed_hosts=["example.org"]),
        DefineMiddleware(TrustedReferrerMiddleware),
        DefineMiddleware(XFrameOptionsMiddleware),
    )
}
OURS |= {
    layer.__name__: DefineMiddleware(InSession, layer) for layer in (SessionContextMiddleware, SessionFixingMiddleware)
}
THEIRS: dict[str, DefineMiddleware] = {
    layer.cls.__name__: layer
    for layer in (
        DefineMiddleware(StarletteCORS, allow_origins=["*"]),
        DefineMiddleware(StarletteGZip),
        DefineMiddleware(StarletteTrustedHost, allowed_hosts=["example.org"]),
    )
}


class Feed:
    """A stream that says when it is made and when it is closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed: anyio.Event | None = None

    async def events(self) -> AsyncIterator[bytes]:
        try:
            while True:
                self.made += 1
                yield f"data: {self.made}\n\n".encode()
                await anyio.sleep(1)
        finally:
            assert self.closed is not None
            self.closed.set()


def starlette(feed: Feed, layer: DefineMiddleware) -> ASGIApp:
    async def stream(request: StarletteRequest) -> StarletteStream:
        return StarletteStream(feed.events(), media_type=KIND)

    app: Any = Starlette(routes=[Route("/", stream)])
    app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    return app  # type: ignore[no-any-return]


def fastapi(feed: Feed, layer: DefineMiddleware) -> ASGIApp:
    app: Any = FastAPI()

    @app.get("/")  # type: ignore[untyped-decorator]
    async def stream() -> FastAPIStream:
        return FastAPIStream(feed.events(), media_type=KIND)

    app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    return app  # type: ignore[no-any-return]


def quart(feed: Feed, layer: DefineMiddleware) -> ASGIApp:
    app: Any = Quart("matrix")

    @app.get("/")  # type: ignore[untyped-decorator]
    async def stream() -> Any:
        response = await app.make_response((feed.events(), {"content-type": KIND}))
        response.timeout = None
        return response

    app.asgi_app = layer(app.asgi_app)
    return app  # type: ignore[no-any-return]


def litestar(feed: Feed, layer: DefineMiddleware) -> ASGIApp:
    @litestar_get("/")
    async def stream() -> LitestarStream:
        return LitestarStream(feed.events(), media_type=KIND)

    def build(app: Any) -> Any:
        return layer(app)

    app: Any = Litestar(route_handlers=[stream], middleware=[build], openapi_config=None, logging_config=None)
    return app  # type: ignore[no-any-return]


def lilya(feed: Feed, layer: DefineMiddleware) -> ASGIApp:
    async def stream() -> StreamingResponse:
        return StreamingResponse(feed.events(), media_type=KIND)

    return Lilya(routes=[Path("/", stream)], middleware=[layer])


Build = Callable[[Feed, DefineMiddleware], ASGIApp]
HOSTS: dict[str, Build] = {
    "starlette": starlette,
    "fastapi": fastapi,
    "quart": quart,
    "litestar": litestar,
    "lilya": lilya,
}
TABLE: list[tuple[str, Build, DefineMiddleware]] = [
    (f"{name}-in-{host}", build, layer) for host, build in HOSTS.items() for name, layer in OURS.items()
]
TABLE += [(f"{name}-of-starlette-in-lilya", lilya, layer) for name, layer in THEIRS.items()]


def test_the_table_has_every_layer_of_ours() -> None:
    modules = [import_module(f"lilya.middleware.{each.name}") for each in pkgutil.iter_modules(middleware.__path__)]
    ours = {name for module in modules for name, kind in vars(module).items() if name.endswith("Middleware")}
    # What is a base class, a definition, or an application in itself (see the test of it below).
    assert ours - {"BaseAuthMiddleware", "DefineMiddleware", "WSGIMiddleware"} == {*OURS}


@pytest.mark.parametrize(("build", "layer"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
async def test_a_stream_flushes_and_hears_of_a_disconnect(build: Build, layer: DefineMiddleware, backend: str) -> None:
    if build is quart and backend == "trio":
        pytest.skip("Quart runs on asyncio")
    feed = Feed()
    feed.closed = anyio.Event()
    async with MemoryServer(build(feed, layer)) as server:
        exchange = server.request(http_scope("GET", "/", scheme="https", server=("example.org", 443)))
        head = await exchange.head()
        assert head.status == 200
        for expected in (1, 2, 3):
            assert await exchange.chunk() == f"data: {expected}\n\n".encode()
            assert feed.made == expected  # this piece came before the next one was made
        # Now it sleeps: one that is at its `yield` other frameworks leave to the garbage collector.
        await anyio.wait_all_tasks_blocked()
        exchange.disconnect()
        with anyio.fail_after(5):
            await feed.closed.wait()


# -- an application of ours for those of WSGI -------------------------------------------------------------------------


class Pieces:
    """The body of a WSGI application: endless, and says when it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return b"piece"

    def close(self) -> None:
        self.closed.set()


def in_fastapi(app: Any) -> Any:
    """Mounted in FastAPI."""
    host = FastAPI()
    host.mount("/", app)
    return host


MOUNTS: dict[str, Callable[[Any], Any]] = {
    "alone": lambda app: app,
    "starlette": lambda app: Starlette(routes=[Mount("/", app)]),
    "fastapi": in_fastapi,
    "lilya": lambda app: Lilya(routes=[Include("/", app=app)]),
    "starlette in lilya": lambda app: Lilya(routes=[Include("/", app=Starlette(routes=[Mount("/", app)]))]),
}


@pytest.mark.parametrize("mount", MOUNTS.values(), ids=MOUNTS.keys())
async def test_a_wsgi_application_streams_and_its_body_is_closed_at_a_disconnect(mount: Callable[[Any], Any]) -> None:
    pieces = Pieces()

    def application(environ: Any, start_response: Any) -> Pieces:
        start_response("200 OK", [("content-type", KIND)])
        return pieces

    async with MemoryServer(mount(WSGIMiddleware(application)), lifespan=False) as server:
        exchange = server.request(http_scope("GET", "/"))
        assert (await exchange.head()).status == 200
        for _ in range(3):
            assert await exchange.chunk() == b"piece"
        exchange.disconnect()
        await exchange.aclose()
    assert pieces.closed.is_set()
