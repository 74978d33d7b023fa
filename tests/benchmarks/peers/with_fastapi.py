"""The jobs as a user of FastAPI writes them, without its description of the API."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint
from fastapi import APIRouter, BackgroundTasks, FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.middleware import Middleware

from tests.benchmarks import raw

__all__ = ["apps"]


async def plaintext() -> PlainTextResponse:
    return PlainTextResponse(raw.TEXT)


async def as_json() -> JSONResponse:
    return JSONResponse(raw.JSON)


async def as_dict() -> dict[str, Any]:
    return raw.JSON


async def item(request: Request) -> JSONResponse:
    return JSONResponse({"id": int(request.path_params["id"])})


async def injected(id: int) -> dict[str, int]:
    return {"id": id}


async def post(request: Request) -> dict[str, int]:
    return {"items": len((await request.json())["items"])}


async def form(request: Request) -> PlainTextResponse:
    async with request.form() as fields:
        return PlainTextResponse(str(fields["name"]))


async def upload(request: Request) -> dict[str, Any]:
    async with request.form() as fields:
        file: Any = fields["file"]
        size = 0
        while piece := await file.read(raw.PIECE):
            size += len(piece)
        return {"title": fields["title"], "size": size}


async def waiting() -> PlainTextResponse:
    await checkpoint()
    return PlainTextResponse(raw.TEXT)


def sync() -> PlainTextResponse:
    return PlainTextResponse(raw.TEXT)


async def background(tasks: BackgroundTasks) -> PlainTextResponse:
    tasks.add_task(raw.WORK)
    return PlainTextResponse(raw.TEXT, background=tasks)


async def stream() -> StreamingResponse:
    return StreamingResponse(raw.chunks(), media_type="text/plain")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


def plain(**options: Any) -> FastAPI:
    return FastAPI(openapi_url=None, docs_url=None, redoc_url=None, **options)


def one() -> Any:
    app = plain()
    app.get("/")(plaintext)
    return app


def site() -> Any:
    app = plain()
    app.get("/about")(plaintext)
    app.get("/users/{name}/posts/{id:int}")(plaintext)
    app.get("/")(plaintext)
    app.get("/json")(as_json)
    app.get("/dict")(as_dict)
    app.get("/items/{id:int}")(item)
    app.get("/injected/{id:int}")(injected)
    app.post("/post")(post)
    app.post("/form")(form)
    app.post("/upload")(upload)
    app.get("/sync")(sync)
    app.get("/background")(background)
    users, v1, api = APIRouter(), APIRouter(), APIRouter()
    users.get("/{id:int}")(injected)
    v1.include_router(users, prefix="/users")
    api.include_router(v1, prefix="/v1")
    app.include_router(api, prefix="/api")
    app.get("/waiting")(waiting)
    app.get("/stream")(stream)
    app.get("/watched")(stream)
    app.websocket("/echo")(echo)
    return app


def layered() -> Any:
    app = plain(middleware=[Middleware(raw.PassThrough) for _ in range(5)])
    app.get("/")(plaintext)
    return app


def routes(number: int) -> Any:
    def static() -> Any:
        async def handler() -> PlainTextResponse:
            return PlainTextResponse("ok")

        return handler

    def with_parameter() -> Any:
        async def handler(id: int) -> PlainTextResponse:
            return PlainTextResponse(str(id))

        return handler

    app = plain()
    for path, has_parameter in raw.table(number):
        if has_parameter:
            app.get(path + "/{id:int}")(with_parameter())
        else:
            app.get(path)(static())
    return app


def apps(backend: str) -> raw.Makers:
    """What makes its applications."""
    return {
        "one": one,
        "site": site,
        "echo": site,
        "layered": layered,
        **{f"routes {number}": partial(routes, number) for number in raw.ROUTES},
    }
