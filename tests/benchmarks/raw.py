"""The floor: ASGI applications written by hand, each of which does its job and keeps no promise.

No disconnect is noticed unless the name says so, no message is checked, nothing is cleaned up.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import anyio
from anyio.lowlevel import checkpoint

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "CHUNK",
    "CHUNKS",
    "GREETING",
    "JSON",
    "MESSAGES",
    "TEXT",
    "PassThrough",
    "chunks",
    "echo",
    "routes",
    "site",
    "stream",
    "table",
    "waiting",
]

TEXT: Final = "Hello, world!"
JSON: Final = {"message": "Hello, world!", "id": 42, "ok": True}
CHUNK: Final = b"x" * 99 + b"\n"
CHUNKS: Final = 1000
MESSAGES: Final = 1000
GREETING: Final = "a message of some forty characters, more or less"

PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")
AS_JSON: Final = (b"content-type", b"application/json")
encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


class PassThrough:
    """The smallest middleware there is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def reply(send: Send, body: bytes, kind: tuple[bytes, bytes] = PLAIN, status: int = 200) -> None:
    headers = [(b"content-length", b"%d" % len(body)), kind]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def plaintext(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, TEXT.encode())


async def as_json(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, encode(JSON).encode(), AS_JSON)


async def item(scope: Scope, receive: Receive, send: Send) -> None:
    number = int(scope["path"].rpartition("/")[2])
    await reply(send, encode({"id": number}).encode(), AS_JSON)


async def post(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body of JSON and answer with how many items it has."""
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    await reply(send, encode({"items": len(json.loads(body)["items"])}).encode(), AS_JSON)


async def form(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a urlencoded form and answer with one of its fields."""
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    fields: dict[str, str] = {}
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        fields[decoded(name)] = decoded(value)
    await reply(send, fields["name"].encode())


def decoded(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait once for the event loop, then answer."""
    await checkpoint()
    await reply(send, TEXT.encode())


STATIC: Final[Mapping[tuple[str, str], ASGIApp]] = {
    ("GET", "/"): plaintext,
    ("GET", "/json"): as_json,
    ("POST", "/post"): post,
    ("POST", "/form"): form,
}
BY_PREFIX: Final[Mapping[tuple[str, str], ASGIApp]] = {("GET", "/items"): item, ("GET", "/api/v1/users"): item}


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    """Find method and path in a dictionary."""
    method, path = scope["method"], scope["path"]
    found = STATIC.get((method, path)) or BY_PREFIX.get((method, path.rpartition("/")[0]))
    if found is None:
        return await reply(send, b"Not Found", status=404)
    await found(scope, receive, send)


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the chunks, and stop when the client leaves."""
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        await send({"type": "http.response.start", "status": 200, "headers": [PLAIN]})
        async for chunk in chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        group.cancel_scope.cancel()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def table(number: int) -> list[tuple[str, bool]]:
    """So many paths, every second one with a parameter behind it."""
    return [(f"/api/v1/thing{each}" + ("" if each % 2 else "/list"), bool(each % 2)) for each in range(number)]


def routes(number: int) -> ASGIApp:
    """`number` routes in two dictionaries."""
    static: dict[str, Callable[[Send], Awaitable[None]]] = {}
    prefixes: dict[str, Callable[[Send, int], Awaitable[None]]] = {}
    for path, has_parameter in table(number):
        if has_parameter:
            prefixes[path] = lambda send, id: reply(send, str(id).encode())
        else:
            static[path] = lambda send: reply(send, b"ok")

    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        path = scope["path"]
        found = static.get(path)
        if found is not None and scope["method"] == "GET":
            return await found(send)
        head, _, tail = path.rpartition("/")
        prefixed = prefixes.get(head)
        if prefixed is not None and tail.isdigit() and scope["method"] == "GET":
            return await prefixed(send, int(tail))
        await reply(send, b"Not Found", status=404)

    return app
