"""Our layers in other frameworks, and theirs in ours: every piece of a stream passes at once, and so does a disconnect.

A row is a framework with one streaming path; a column is a layer around it. Layers of ours are built as the framework
builds any ASGI middleware.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
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
from starlette.routing import Route

from lilya._define import DefineMiddleware
from lilya.apps import Lilya
from lilya.middleware.app_settings import ApplicationSettingsMiddleware
from lilya.middleware.asyncexit import AsyncExitStackMiddleware
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.clientip import ClientIPMiddleware
from lilya.middleware.compression import CompressionMiddleware, GZipMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware
from lilya.middleware.httpsredirect import HTTPSRedirectMiddleware
from lilya.middleware.lilya_exception import LilyaExceptionMiddleware
from lilya.middleware.request_context import RequestContextMiddleware
from lilya.middleware.security import SecurityMiddleware
from lilya.middleware.server_error import ServerErrorMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.responses import StreamingResponse
from lilya.routing import Path
from lilya.testing import MemoryServer, http_scope
from lilya.types import ASGIApp

KIND = "text/event-stream"

OURS: dict[str, DefineMiddleware] = {
    layer.cls.__name__: layer
    for layer in (
        DefineMiddleware(ApplicationSettingsMiddleware),
        DefineMiddleware(AsyncExitStackMiddleware),
        DefineMiddleware(ClientIPMiddleware),
        DefineMiddleware(CompressionMiddleware),
        DefineMiddleware(CORSMiddleware, allow_origins=["*"]),
        DefineMiddleware(ExceptionMiddleware),
        DefineMiddleware(GlobalContextMiddleware),
        DefineMiddleware(GZipMiddleware),
        DefineMiddleware(HTTPSRedirectMiddleware),
        DefineMiddleware(LilyaExceptionMiddleware),
        DefineMiddleware(RequestContextMiddleware),
        DefineMiddleware(SecurityMiddleware, "default-src 'self'"),
        DefineMiddleware(ServerErrorMiddleware),
        DefineMiddleware(TrustedHostMiddleware, allowed_hosts=["example.org"]),
        DefineMiddleware(TrustedReferrerMiddleware),
        DefineMiddleware(XFrameOptionsMiddleware),
    )
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
