"""The floor: ASGI applications written by hand, each of which does its job and keeps no promise.

No disconnect is noticed unless the name says so, no message is checked, nothing is cleaned up. Of the project it
imports types alone: it also runs in the environments of others, beside what they built.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import IO, Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "APPS",
    "CHUNK",
    "CHUNKS",
    "GREETING",
    "JSON",
    "MESSAGES",
    "ROUTES",
    "TEXT",
    "WORK",
    "Makers",
    "PassThrough",
    "Work",
    "chunks",
    "layered",
    "routes",
    "site",
    "table",
    "with_lifespan",
]

# What an application is called in `Case.app`, and what makes it.
Makers: TypeAlias = Mapping[str, Callable[[], ASGIApp]]

TEXT: Final = "Hello, world!"
JSON: Final = {"message": "Hello, world!", "id": 42, "ok": True}
CHUNK: Final = b"x" * 99 + b"\n"
CHUNKS: Final = 1000
MESSAGES: Final = 1000
GREETING: Final = "a message of some forty characters, more or less"

PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")
AS_JSON: Final = (b"content-type", b"application/json")
encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


ROUTES: Final = (10, 100, 1000, 10_000)
PIECE: Final = 64 * 1024  # of a file that is read back


class Work:
    """What is left for after the answer; counts, so that it can be seen to be done."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self) -> None:
        self.done += 1


WORK: Final = Work()


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


async def body_of(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            return body


async def post(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body of JSON and answer with how many items it has."""
    items = json.loads(await body_of(receive))["items"]
    await reply(send, encode({"items": len(items)}).encode(), AS_JSON)


async def form(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a urlencoded form and answer with one of its fields."""
    fields: dict[str, str] = {}
    for pair in (await body_of(receive)).split(b"&"):
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


async def upload(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a form with a file as it comes in, the file into a temporary one, and answer with how long that is."""
    kind = next(value for name, value in scope["headers"] if name == b"content-type")
    line = b"\r\n--" + kind.partition(b"boundary=")[2]
    rest = b"\r\n"  # what is not looked at yet
    fields: dict[str, Any] = {}
    name = ""
    file: IO[bytes] | None = None
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        rest += message["body"]
        while True:
            found = rest.find(line)
            head = rest.find(b"\r\n\r\n", found + len(line)) if found >= 0 else -1
            ends = rest.startswith(b"--", found + len(line))
            if found < 0 or (head < 0 and not ends):
                break
            if file is not None:
                file.write(rest[:found])
                file = None
            elif name:
                fields[name] = rest[:found].decode()
            if ends:
                break
            header = rest[found:head].decode("latin-1")
            name = header.partition(' name="')[2].partition('"')[0]
            if "filename=" in header:
                file = fields[name] = tempfile.SpooledTemporaryFile(1024 * 1024)  # noqa: SIM115
            rest = rest[head + 4 :]
        if file is not None and found < 0:
            file.write(memoryview(rest)[: -len(line)])
            rest = rest[-len(line) :]
    with fields["file"] as stored:
        stored.seek(0)
        size = 0
        while piece := stored.read(PIECE):
            size += len(piece)
    await reply(send, encode({"title": fields["title"], "size": size}).encode(), AS_JSON)


def blocking() -> str:
    return TEXT


async def sync(scope: Scope, receive: Receive, send: Send) -> None:
    """Have a thread find out what to say."""
    await reply(send, (await anyio.to_thread.run_sync(blocking)).encode())


async def background(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, then work."""
    await reply(send, TEXT.encode())
    await WORK()


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the chunks."""
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN]})
    async for chunk in chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def watched(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the chunks, and stop when the client leaves."""
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        await stream(scope, receive, send)
        group.cancel_scope.cancel()


STATIC: Final[Mapping[tuple[str, str], ASGIApp]] = {
    ("GET", "/"): plaintext,
    ("GET", "/json"): as_json,
    ("GET", "/dict"): as_json,
    ("GET", "/waiting"): waiting,
    ("GET", "/sync"): sync,
    ("GET", "/background"): background,
    ("GET", "/stream"): stream,
    ("GET", "/watched"): watched,
    ("POST", "/post"): post,
    ("POST", "/form"): form,
    ("POST", "/upload"): upload,
}
BY_PREFIX: Final[Mapping[tuple[str, str], ASGIApp]] = {
    ("GET", "/items"): item,
    ("GET", "/injected"): item,
    ("GET", "/api/v1/users"): item,
}


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    """Find method and path in a dictionary."""
    method, path = scope["method"], scope["path"]
    found = STATIC.get((method, path)) or BY_PREFIX.get((method, path.rpartition("/")[0]))
    if found is None:
        return await reply(send, b"Not Found", status=404)
    await found(scope, receive, send)


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


def layered(middlewares: int) -> ASGIApp:
    """One path behind middlewares that do nothing."""
    app: ASGIApp = plaintext
    for _ in range(middlewares):
        app = PassThrough(app)
    return app


def with_lifespan(app: ASGIApp) -> ASGIApp:
    """An application that answers its server's start and stop, too."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    return answering


APPS: Final[Makers] = {
    "one": lambda: plaintext,
    "site": lambda: site,
    "echo": lambda: echo,
    "layered": partial(layered, 5),
    **{f"routes {number}": partial(routes, number) for number in ROUTES},
}
