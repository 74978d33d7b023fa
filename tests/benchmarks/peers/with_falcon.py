"""The jobs as a user of Falcon writes them. It has no includes, and no middleware of ASGI's kind but around it all."""

from __future__ import annotations

from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any

import falcon
import falcon.asgi
from anyio.lowlevel import checkpoint

from tests.benchmarks import raw

__all__ = ["apps"]

TEXT = falcon.MEDIA_TEXT


class Plaintext:
    async def on_get(self, req: Any, resp: Any, **parameters: Any) -> None:
        resp.content_type = TEXT
        resp.text = raw.TEXT


class Json:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.media = raw.JSON


class Item:
    async def on_get(self, req: Any, resp: Any, id: int) -> None:
        resp.media = {"id": id}


class Post:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.media = {"items": len((await req.get_media())["items"])}


class Form:
    async def on_post(self, req: Any, resp: Any) -> None:
        resp.content_type = TEXT
        resp.text = (await req.get_media())["name"]


class Upload:
    """It gives the pieces as they come: what the others do with them is done here."""

    async def on_post(self, req: Any, resp: Any) -> None:
        title, size = None, 0
        with SpooledTemporaryFile(1024 * 1024) as file:
            async for part in await req.get_media():
                if part.name == "title":
                    title = await part.text
                else:
                    async for piece in part.stream:
                        file.write(piece)
            file.seek(0)
            while piece := file.read(raw.PIECE):
                size += len(piece)
        resp.media = {"title": title, "size": size}


class Waiting:
    async def on_get(self, req: Any, resp: Any) -> None:
        await checkpoint()
        resp.content_type = TEXT
        resp.text = raw.TEXT


class Sync:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = TEXT
        resp.text = await falcon.sync_to_async(raw.blocking)


class Background:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = TEXT
        resp.text = raw.TEXT
        resp.schedule(raw.WORK)


class Streamed:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = TEXT
        resp.stream = raw.chunks()


class Echo:
    async def on_websocket(self, req: Any, ws: Any) -> None:
        await ws.accept()
        try:
            while True:
                await ws.send_text(await ws.receive_text())
        except falcon.WebSocketDisconnected:
            pass


def made(resources: dict[str, Any]) -> Any:
    app = falcon.asgi.App()
    for path, resource in resources.items():
        app.add_route(path, resource)
    return app


def site() -> Any:
    return made(
        {
            "/about": Plaintext(),
            "/users/{name}/posts/{id:int}": Plaintext(),
            "/": Plaintext(),
            "/json": Json(),
            "/dict": Json(),
            "/items/{id:int}": Item(),
            "/injected/{id:int}": Item(),
            "/post": Post(),
            "/form": Form(),
            "/upload": Upload(),
            "/sync": Sync(),
            "/background": Background(),
            "/api/v1/users/{id:int}": Item(),
            "/waiting": Waiting(),
            "/stream": Streamed(),
            "/watched": Streamed(),
            "/echo": Echo(),
        }
    )


def layered() -> Any:
    app = made({"/": Plaintext()})
    for _ in range(5):
        app = raw.PassThrough(app)
    return app


class Ok:
    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = TEXT
        resp.text = "ok"


class Number:
    async def on_get(self, req: Any, resp: Any, id: int) -> None:
        resp.content_type = TEXT
        resp.text = str(id)


def routes(number: int) -> Any:
    return made(
        {
            path + "/{id:int}" if has_parameter else path: Number() if has_parameter else Ok()
            for path, has_parameter in raw.table(number)
        }
    )


def apps(backend: str) -> raw.Makers:
    """What makes its applications."""
    return {
        "one": lambda: made({"/": Plaintext()}),
        "site": site,
        "echo": site,
        "layered": layered,
        **{f"routes {number}": partial(routes, number) for number in raw.ROUTES},
    }
