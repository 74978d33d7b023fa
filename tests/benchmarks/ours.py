"""The same jobs as in `raw.py`, as a user of Lilya writes them."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from anyio.lowlevel import checkpoint

from lilya.apps import Lilya
from lilya.background import Task
from lilya.middleware import DefineMiddleware
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.websockets import WebSocket
from tests.benchmarks import raw

__all__ = ["APPS", "layered", "routes", "site"]


async def plaintext() -> PlainText:
    return PlainText(raw.TEXT)


async def as_json() -> JSONResponse:
    return JSONResponse(raw.JSON)


async def as_dict() -> dict[str, Any]:
    return raw.JSON


async def item(request: Request) -> JSONResponse:
    return JSONResponse({"id": request.path_params["id"]})


async def injected(id: int) -> dict[str, int]:
    return {"id": id}


async def post(request: Request) -> dict[str, int]:
    return {"items": len((await request.json())["items"])}


async def form(request: Request) -> PlainText:
    async with request.form() as fields:
        return PlainText(fields["name"])


async def upload(request: Request) -> dict[str, Any]:
    async with request.form() as fields:
        file: Any = fields["file"]
        size = 0
        while piece := await file.read(raw.PIECE):
            size += len(piece)
        return {"title": fields["title"], "size": size}


def sync() -> PlainText:
    return PlainText(raw.TEXT)


async def background() -> PlainText:
    return PlainText(raw.TEXT, background=Task(raw.WORK))


async def waiting() -> PlainText:
    await checkpoint()
    return PlainText(raw.TEXT)


async def stream() -> StreamingResponse:
    return StreamingResponse(raw.chunks(), media_type="text/plain")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:  # until the client leaves: what says so may be let through
        await websocket.send_text(await websocket.receive_text())


def site() -> Lilya:
    """All small jobs behind one application."""
    return Lilya(
        routes=[
            Path("/about", plaintext),
            Path("/users/{name}/posts/{id:int}", plaintext),
            Path("/", plaintext),
            Path("/json", as_json),
            Path("/dict", as_dict),
            Path("/items/{id:int}", item),
            Path("/injected/{id:int}", injected),
            Path("/post", post, methods=["POST"]),
            Path("/form", form, methods=["POST"]),
            Path("/upload", upload, methods=["POST"]),
            Path("/sync", sync),
            Path("/background", background),
            Include("/api", routes=[Include("/v1", routes=[Include("/users", routes=[Path("/{id:int}", injected)])])]),
            Path("/waiting", waiting),
            Path("/waiting/uncut", waiting, on_disconnect="ignore"),
            Path("/stream", stream),
            Path("/watched", stream),
            WebSocketPath("/echo", echo),
        ]
    )


def layered(middlewares: int) -> Lilya:
    """One path behind middlewares that do nothing."""
    layers = [DefineMiddleware(raw.PassThrough) for _ in range(middlewares)]
    return Lilya(routes=[Path("/", plaintext)], middleware=layers)


def routes(number: int) -> Lilya:
    """`number` routes; each has a handler of its own."""

    def static() -> Any:
        async def handler() -> PlainText:
            return PlainText("ok")

        return handler

    def with_parameter() -> Any:
        async def handler(id: int) -> PlainText:
            return PlainText(str(id))

        return handler

    return Lilya(
        routes=[
            Path(path + "/{id:int}", with_parameter()) if has_parameter else Path(path, static())
            for path, has_parameter in raw.table(number)
        ]
    )


APPS: Final[raw.Makers] = {
    "one": lambda: Lilya(routes=[Path("/", plaintext)]),
    "site": site,
    "echo": site,
    "layered": partial(layered, 5),
    **{f"routes {number}": partial(routes, number) for number in raw.ROUTES},
}
