"""The jobs as a user of BlackSheep writes them. It has no threads for sync handlers, and no tasks after an answer.

Untyped on purpose: of those compared with, it alone is in none of the project's environments.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from anyio.lowlevel import checkpoint

from tests.benchmarks import raw

__all__ = ["apps"]

blacksheep: Any = import_module("blacksheep")
answers: Any = import_module("blacksheep.server.responses")


def plaintext() -> Any:
    """A handler may be registered once only: so each of them is made where it is used."""

    async def handler() -> Any:
        return answers.text(raw.TEXT)

    return handler


async def as_json() -> Any:
    return answers.json(raw.JSON)


async def as_dict() -> Any:
    return raw.JSON


def item() -> Any:
    async def handler(id: int) -> Any:
        return answers.json({"id": id})

    return handler


async def post(request: Any) -> Any:
    return answers.json({"items": len((await request.json())["items"])})


async def form(request: Any) -> Any:
    return answers.text((await request.form())["name"])


async def upload(request: Any) -> Any:
    fields = await request.form()
    file = fields["file"][0]
    size = 0
    while piece := file.file.read(raw.PIECE):
        size += len(piece)
    return answers.json({"title": fields["title"], "size": size})


async def waiting() -> Any:
    await checkpoint()
    return answers.text(raw.TEXT)


def stream() -> Any:
    async def handler() -> Any:
        return blacksheep.Response(200, content=blacksheep.StreamedContent(b"text/plain", raw.chunks))

    return handler


async def echo(websocket: Any) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except blacksheep.WebSocketDisconnectError:
        pass


for injected in (post, form, upload):
    injected.__annotations__ = {"request": blacksheep.Request}
echo.__annotations__ = {"websocket": blacksheep.WebSocket}


def made() -> tuple[Any, Any]:
    router = blacksheep.Router()
    return blacksheep.Application(router=router), router


def one() -> Any:
    app, router = made()
    router.add_get("/", plaintext())
    return app


def site() -> Any:
    app, router = made()
    router.add_get("/about", plaintext())
    router.add_get("/users/{name}/posts/{int:id}", item())
    router.add_get("/", plaintext())
    router.add_get("/json", as_json)
    router.add_get("/dict", as_dict)
    router.add_get("/items/{int:id}", item())
    router.add_get("/injected/{int:id}", item())
    router.add_post("/post", post)
    router.add_post("/form", form)
    router.add_post("/upload", upload)
    router.add_get("/api/v1/users/{int:id}", item())
    router.add_get("/waiting", waiting)
    router.add_get("/stream", stream())
    router.add_get("/watched", stream())
    router.add_ws("/echo", echo)
    return app


def layered() -> Any:
    app = one()
    for _ in range(5):
        app = raw.PassThrough(app)
    return app


def routes(number: int) -> Any:
    def static() -> Any:
        async def handler() -> Any:
            return answers.text("ok")

        return handler

    def with_parameter() -> Any:
        async def handler(id: int) -> Any:
            return answers.text(str(id))

        return handler

    app, router = made()
    for path, has_parameter in raw.table(number):
        if has_parameter:
            router.add_get(path + "/{int:id}", with_parameter())
        else:
            router.add_get(path, static())
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
