"""Bare ASGI applications for the tests of the test tools."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["app_of", "hello", "read_body", "reply"]


def app_of(http: ASGIApp | None = None, websocket: ASGIApp | None = None, lifespan: ASGIApp | None = None) -> ASGIApp:
    """One application of three; a lifespan that does nothing where none is given."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        part = {"http": http, "websocket": websocket, "lifespan": lifespan or no_lifespan}[scope["type"]]
        assert part is not None
        await part(scope, receive, send)

    return app


async def no_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def reply(send: Send, body: bytes = b"ok", status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, b"hello")


async def read_body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("gone")
        body += message["body"]
        if not message["more_body"]:
            return body


async def wait_disconnect(receive: Receive) -> None:
    """Receive until the client is gone."""
    while not (await receive())["type"].endswith(".disconnect"):
        await anyio.lowlevel.checkpoint()
