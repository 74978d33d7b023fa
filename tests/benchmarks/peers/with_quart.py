"""The jobs as a user of Quart-Trio writes them; on asyncio, of Quart, which it is made of."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint
from quart import Blueprint, Quart, Response, jsonify, request, websocket
from quart_trio import QuartTrio

from tests.benchmarks import raw

__all__ = ["apps"]


def text(words: str) -> Response:
    return Response(words, content_type="text/plain; charset=utf-8")


async def plaintext(**parameters: Any) -> Response:
    return text(raw.TEXT)


async def as_json() -> Response:
    return jsonify(raw.JSON)


async def as_dict() -> dict[str, Any]:
    return raw.JSON


async def item(id: int) -> Response:
    return jsonify({"id": id})


async def injected(id: int) -> dict[str, int]:
    return {"id": id}


async def post() -> dict[str, int]:
    return {"items": len((await request.get_json())["items"])}


async def form() -> Response:
    return text((await request.form)["name"])


async def upload() -> dict[str, Any]:
    files = await request.files
    fields = await request.form
    size = 0
    while piece := files["file"].read(raw.PIECE):
        size += len(piece)
    return {"title": fields["title"], "size": size}


async def waiting() -> Response:
    await checkpoint()
    return text(raw.TEXT)


def sync() -> Response:
    return text(raw.TEXT)


async def stream() -> Response:
    return Response(raw.chunks(), content_type="text/plain; charset=utf-8")


async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def work() -> None:
    await raw.WORK()


def made(backend: str) -> Any:
    app = (QuartTrio if backend == "trio" else Quart)("bench", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = None
    return app


def one(backend: str) -> Any:
    app = made(backend)
    app.add_url_rule("/", "plaintext", plaintext)
    return app


def site(backend: str) -> Any:
    app = made(backend)

    async def background() -> Response:
        app.add_background_task(work)
        return text(raw.TEXT)

    app.add_url_rule("/about", "about", plaintext)
    app.add_url_rule("/users/<name>/posts/<int:id>", "posts", plaintext)
    app.add_url_rule("/", "plaintext", plaintext)
    app.add_url_rule("/json", "json", as_json)
    app.add_url_rule("/dict", "dict", as_dict)
    app.add_url_rule("/items/<int:id>", "item", item)
    app.add_url_rule("/injected/<int:id>", "injected", injected)
    app.add_url_rule("/post", "post", post, methods=["POST"])
    app.add_url_rule("/form", "form", form, methods=["POST"])
    app.add_url_rule("/upload", "upload", upload, methods=["POST"])
    app.add_url_rule("/sync", "sync", sync)
    app.add_url_rule("/background", "background", background)
    users, v1, api = (Blueprint(name, __name__) for name in ("users", "v1", "api"))
    users.add_url_rule("/<int:id>", "user", injected)
    v1.register_blueprint(users, url_prefix="/users")
    api.register_blueprint(v1, url_prefix="/v1")
    app.register_blueprint(api, url_prefix="/api")
    app.add_url_rule("/waiting", "waiting", waiting)
    app.add_url_rule("/stream", "stream", stream)
    app.add_url_rule("/watched", "watched", stream)
    app.add_websocket("/echo", "echo", echo)
    return app


def layered(backend: str) -> Any:
    app = one(backend)
    for _ in range(5):
        app.asgi_app = raw.PassThrough(app.asgi_app)
    return app


def routes(backend: str, number: int) -> Any:
    def static() -> Any:
        async def handler() -> Response:
            return text("ok")

        return handler

    def with_parameter() -> Any:
        async def handler(id: int) -> Response:
            return text(str(id))

        return handler

    app = made(backend)
    for path, has_parameter in raw.table(number):
        if has_parameter:
            app.add_url_rule(path + "/<int:id>", path, with_parameter())
        else:
            app.add_url_rule(path, path, static())
    return app


def apps(backend: str) -> raw.Makers:
    """What makes its applications."""
    return {
        "one": partial(one, backend),
        "site": partial(site, backend),
        "echo": partial(site, backend),
        "layered": partial(layered, backend),
        **{f"routes {number}": partial(routes, backend, number) for number in raw.ROUTES},
    }
