"""The jobs as a user of Litestar writes them, without its description of the API."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint
from litestar import Litestar, MediaType, Request, Router, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Response, Stream

from tests.benchmarks import raw

__all__ = ["apps"]


def plaintext(path: str) -> Any:
    @get(path, media_type=MediaType.TEXT)
    async def handler() -> str:
        return raw.TEXT

    return handler


def as_json(path: str) -> Any:
    @get(path)
    async def handler() -> dict[str, Any]:
        return raw.JSON

    return handler


def item(path: str) -> Any:
    @get(path)
    async def handler(id: int) -> dict[str, int]:
        return {"id": id}

    return handler


@get("/users/{name:str}/posts/{id:int}", media_type=MediaType.TEXT)
async def posts(name: str, id: int) -> str:
    return raw.TEXT


@post("/post", status_code=200)
async def items(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"items": len((await request.json())["items"])}


@post("/form", status_code=200, media_type=MediaType.TEXT)
async def form(request: Request[Any, Any, Any]) -> str:
    return str((await request.form())["name"])


@post("/upload", status_code=200, request_max_body_size=None)
async def upload(request: Request[Any, Any, Any]) -> dict[str, Any]:
    fields = await request.form()
    file: Any = fields["file"]
    size = 0
    while piece := await file.read(raw.PIECE):
        size += len(piece)
    await file.close()
    return {"title": fields["title"], "size": size}


@get("/waiting", media_type=MediaType.TEXT)
async def waiting() -> str:
    await checkpoint()
    return raw.TEXT


@get("/sync", media_type=MediaType.TEXT, sync_to_thread=True)
def sync() -> str:
    return raw.TEXT


@get("/background", media_type=MediaType.TEXT)
async def background() -> Response[str]:
    return Response(raw.TEXT, background=BackgroundTask(raw.WORK))


@get(["/stream", "/watched"])
async def stream() -> Stream:
    return Stream(raw.chunks(), media_type="text/plain")


@websocket("/echo")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def made(*handlers: Any, **options: Any) -> Any:
    return Litestar(route_handlers=handlers, openapi_config=None, logging_config=None, **options)


def site() -> Any:
    users = Router("/users", route_handlers=[item("/{id:int}")])
    api = Router("/api", route_handlers=[Router("/v1", route_handlers=[users])])
    return made(
        plaintext("/about"),
        posts,
        plaintext("/"),
        as_json("/json"),
        as_json("/dict"),
        item("/items/{id:int}"),
        item("/injected/{id:int}"),
        items,
        form,
        upload,
        sync,
        background,
        api,
        waiting,
        stream,
        echo,
    )


def routes(number: int) -> Any:
    def static(path: str) -> Any:
        @get(path, media_type=MediaType.TEXT)
        async def handler() -> str:
            return "ok"

        return handler

    def with_parameter(path: str) -> Any:
        @get(path, media_type=MediaType.TEXT)
        async def handler(id: int) -> str:
            return str(id)

        return handler

    return made(
        *(
            with_parameter(path + "/{id:int}") if has_parameter else static(path)
            for path, has_parameter in raw.table(number)
        )
    )


def apps(backend: str) -> raw.Makers:
    """What makes its applications."""
    return {
        "one": lambda: made(plaintext("/")),
        "site": site,
        "echo": site,
        "layered": lambda: made(plaintext("/"), middleware=[raw.PassThrough] * 5),
        **{f"routes {number}": partial(routes, number) for number in raw.ROUTES},
    }
