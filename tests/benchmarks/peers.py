"""The same jobs for others, where they are installed: for comparison, never for a verdict."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lilya.types import ASGIApp
from tests.benchmarks import raw
from tests.benchmarks.cases import Makers

__all__ = ["peers"]


def peers() -> Makers:
    """Who can be compared with: name and what makes its application."""
    return {"starlette": starlette} if find_spec("starlette") is not None else {}


def starlette() -> ASGIApp:
    """Untyped on purpose: it need not be there."""
    applications: Any = import_module("starlette.applications")
    responses: Any = import_module("starlette.responses")
    routing: Any = import_module("starlette.routing")
    sockets: Any = import_module("starlette.websockets")

    async def plaintext(request: Any) -> Any:
        return responses.PlainTextResponse(raw.TEXT)

    async def as_json(request: Any) -> Any:
        return responses.JSONResponse(raw.JSON)

    async def item(request: Any) -> Any:
        return responses.JSONResponse({"id": request.path_params["id"]})

    async def post(request: Any) -> Any:
        return responses.JSONResponse({"items": len((await request.json())["items"])})

    async def stream(request: Any) -> Any:
        return responses.StreamingResponse(raw.chunks(), media_type="text/plain")

    async def echo(websocket: Any) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except sockets.WebSocketDisconnect:
            pass

    app: ASGIApp = applications.Starlette(
        routes=[
            routing.Route("/about", plaintext),
            routing.Route("/users/{name}/posts/{id:int}", plaintext),
            routing.Route("/", plaintext),
            routing.Route("/json", as_json),
            routing.Route("/items/{id:int}", item),
            routing.Route("/post", post, methods=["POST"]),
            routing.Route("/stream", stream),
            routing.WebSocketRoute("/echo", echo),
        ]
    )
    return app
