"""The jobs as a user of Starlette writes them. It injects nothing, and answers with responses alone."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.benchmarks import raw

__all__ = ["apps"]


async def plaintext(request: Request) -> PlainTextResponse:
    return PlainTextResponse(raw.TEXT)


async def as_json(request: Request) -> JSONResponse:
    return JSONResponse(raw.JSON)


async def item(request: Request) -> JSONResponse:
    return JSONResponse({"id": request.path_params["id"]})


async def post(request: Request) -> JSONResponse:
    return JSONResponse({"items": len((await request.json())["items"])})


async def form(request: Request) -> PlainTextResponse:
    async with request.form() as fields:
        return PlainTextResponse(str(fields["name"]))


async def upload(request: Request) -> JSONResponse:
    async with request.form() as fields:
        file: Any = fields["file"]
        size = 0
        while piece := await file.read(raw.PIECE):
            size += len(piece)
        return JSONResponse({"title": fields["title"], "size": size})


async def waiting(request: Request) -> PlainTextResponse:
    await checkpoint()
    return PlainTextResponse(raw.TEXT)


def sync(request: Request) -> PlainTextResponse:
    return PlainTextResponse(raw.TEXT)


async def background(request: Request) -> PlainTextResponse:
    return PlainTextResponse(raw.TEXT, background=BackgroundTask(raw.WORK))


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(raw.chunks(), media_type="text/plain")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


def site() -> Any:
    return Starlette(
        routes=[
            Route("/about", plaintext),
            Route("/users/{name}/posts/{id:int}", plaintext),
            Route("/", plaintext),
            Route("/json", as_json),
            Route("/items/{id:int}", item),
            Route("/post", post, methods=["POST"]),
            Route("/form", form, methods=["POST"]),
            Route("/upload", upload, methods=["POST"]),
            Route("/sync", sync),
            Route("/background", background),
            Mount("/api", routes=[Mount("/v1", routes=[Mount("/users", routes=[Route("/{id:int}", item)])])]),
            Route("/waiting", waiting),
            Route("/stream", stream),
            Route("/watched", stream),
            WebSocketRoute("/echo", echo),
        ]
    )


def layered() -> Any:
    return Starlette(routes=[Route("/", plaintext)], middleware=[Middleware(raw.PassThrough) for _ in range(5)])


def routes(number: int) -> Any:
    def static() -> Any:
        async def handler(request: Request) -> PlainTextResponse:
            return PlainTextResponse("ok")

        return handler

    def with_parameter() -> Any:
        async def handler(request: Request) -> PlainTextResponse:
            return PlainTextResponse(str(request.path_params["id"]))

        return handler

    return Starlette(
        routes=[
            Route(path + "/{id:int}", with_parameter()) if has_parameter else Route(path, static())
            for path, has_parameter in raw.table(number)
        ]
    )


def apps(backend: str) -> raw.Makers:
    """What makes its applications."""
    return {
        "one": lambda: Starlette(routes=[Route("/", plaintext)]),
        "site": site,
        "echo": site,
        "layered": layered,
        **{f"routes {number}": partial(routes, number) for number in raw.ROUTES},
    }
