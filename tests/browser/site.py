"""What the browser is sent to: every page and endpoint the tests of this folder want. A program: site.py BIND [ORIGIN].

The log tells what the application has seen; `ORIGIN` is another origin whose pages may ask, by CORS.
"""

from __future__ import annotations

import io
import sys
import wave
from collections.abc import AsyncGenerator
from typing import Any

import anyio
from anyio.abc import TaskStatus

from lilya.apps import Lilya
from lilya.concurrency import Service, open_nursery
from lilya.contrib.inspect import TaskTree
from lilya.exceptions import ClientDisconnect, PermissionDenied
from lilya.middleware import DefineMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.requests import Request
from lilya.responses import (
    EventStreamResponse,
    HTMLResponse,
    JSONResponse,
    PlainText,
    Response,
    SimpleFileResponse,
    StreamingResponse,
)
from lilya.routing import Include, Path, WebSocketPath
from lilya.servers import run
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket

PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><h1>A page</h1></html>'
LAST = 60  # of the events
PAUSE = 0.02  # seconds between two of them


def say(*words: object) -> None:
    """Into the log."""
    print(*words)  # noqa: T201


class Preflights:
    """Says which preflights come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            say("preflight", scope["path"])
        await self.app(scope, receive, send)


async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


# -- events and streams -----------------------------------------------------------------------------------------------


async def events(request: Request) -> Response:
    """The numbers up to the last one, from the one after the last that was seen. 204 ends it for good."""
    last = request.headers.get("last-event-id")
    say("events after", last)
    seen = int(last or 0)
    if seen == LAST:
        return Response(status_code=204)

    async def numbers() -> AsyncGenerator[dict[str, Any]]:
        number = seen
        try:
            for number in range(seen + 1, LAST + 1):
                yield {"id": number, "data": number}
                await anyio.sleep(PAUSE)
        finally:
            say("events ended at", number)

    return EventStreamResponse(numbers(), retry=50)


async def endless_events() -> EventStreamResponse:
    async def nothing() -> AsyncGenerator[str]:
        yield "hello"
        await anyio.sleep_forever()

    return EventStreamResponse(nothing())


async def stream(request: Request) -> StreamingResponse:
    """A piece now, and one more each time somebody asks for `/next`."""

    async def pieces() -> AsyncGenerator[str]:
        try:
            while True:
                wanted = request.app.state.next = anyio.Event()
                say("stream waits")
                yield "piece "
                await wanted.wait()
        finally:
            say("stream ended")

    return StreamingResponse(pieces(), media_type="text/plain")


async def next_piece(request: Request) -> None:
    request.app.state.next.set()


async def wait() -> None:
    """A handler that has nothing to say: who asks must leave."""
    say("wait begun")
    try:
        await anyio.sleep_forever()
    finally:
        say("wait ended")


# -- websockets -------------------------------------------------------------------------------------------------------


async def close(websocket: WebSocket, code: int) -> None:
    await websocket.accept()
    await websocket.close(code, "as you like")


async def deny() -> None:
    raise PermissionDenied("not you")


async def crash_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    raise RuntimeError("a secret")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept("lilya.echo" if "lilya.echo" in websocket.scope["subprotocols"] else None)
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                say("websocket closed with", message["code"])
                return
            text = message.get("text")
            await (websocket.send_text(text) if text is not None else websocket.send_bytes(message["bytes"]))
    finally:
        say("websocket ended")


# -- uploads and downloads --------------------------------------------------------------------------------------------


async def upload(request: Request) -> dict[str, int]:
    size = 0
    try:
        async for piece in request.stream():
            if size == 0:
                say("upload begun")
            size += len(piece)
            if "slowly" in request.query_params:
                await anyio.sleep(0.002)
    except ClientDisconnect:
        say("upload left")
        raise
    return {"size": size}


async def form(request: Request) -> JSONResponse:
    async with request.form() as sent:
        file = sent["file"]
        assert not isinstance(file, str)
        return JSONResponse({"name": file.filename, "size": file.size, "text": sent["text"]})


def sound() -> bytes:
    """Half a minute of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", "not compressed"))
        file.writeframes(bytes(30 * 2 * 44_100))
    return buffer.getvalue()


async def download(request: Request) -> Response:
    say("download range", request.headers.get("range"))
    numbers = b"".join(b"%07d\n" % number for number in range(100_000))
    return SimpleFileResponse(
        numbers,
        filename="Übersicht 2026.txt",
        content_disposition_type="attachment",
        headers={"etag": '"numbers"'},
    )


async def play(request: Request) -> Response:
    say("sound range", request.headers.get("range"))
    return SimpleFileResponse(request.app.state.sound, media_type="audio/wav", headers={"etag": '"sound"'})


# -- cookies and other origins ----------------------------------------------------------------------------------------


async def set_cookies() -> Response:
    response = HTMLResponse(PAGE)
    response.set_cookie("plain", "1", samesite=None)
    response.set_cookie("hidden", "2", httponly=True)
    response.set_cookie("lax", "3", samesite="lax")
    response.set_cookie("strict", "4", samesite="strict")
    response.set_cookie("brief", "5", max_age=1)
    response.set_cookie("elsewhere", "6", path="/elsewhere")
    return response


async def delete_cookies() -> Response:
    response = Response()
    response.delete_cookie("hidden")
    return response


async def show(request: Request) -> JSONResponse:
    say(request.method, "handled")
    headers = {"x-shown": "yes", "x-hidden": "yes"}
    return JSONResponse({"cookies": sorted(request.cookies), "method": request.method}, headers=headers)


# -- forged requests --------------------------------------------------------------------------------------------------

FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A form</title><h1>A form</h1><form method="post">
<input type="hidden" name="csrf_token" value="{token}">
<label>Text <input name="text"></label><button>Send</button></form></html>"""


async def show_form(request: Request) -> HTMLResponse:
    return HTMLResponse(FORM.format(token=request.scope["csrf_token"]))


async def take_form(request: Request) -> PlainText:
    sent = await request.form()
    return PlainText(f"sent: {sent['text']}")


# -- errors -----------------------------------------------------------------------------------------------------------


async def crash(request: Request) -> None:
    """What a person may see of it: a group, causes, long lines."""
    basket = {f"fruit {number}": "apple " * number for number in range(20)}
    try:
        basket["pear"]
    except KeyError as error:
        problems = [ValueError("too" + " long" * 60), TypeError("x" * 400)]
        raise ExceptionGroup("Several <things> went wrong", problems) from error


# -- what it shows of itself -------------------------------------------------------------------------------------------


async def keep_house(*, task_status: TaskStatus[None]) -> None:
    """A service with a task of its own."""
    async with open_nursery() as nursery:
        nursery.start_soon(anyio.sleep_forever, name="sweep the floor")
        task_status.started()


def make_app(origin: str | None) -> Lilya:
    """The application."""
    middleware = [DefineMiddleware(Preflights)]
    if origin is not None:
        middleware.append(
            DefineMiddleware(
                CORSMiddleware,
                allow_origins=[origin],
                allow_methods=["GET", "PUT"],
                allow_headers=["X-Wanted"],
                allow_credentials=True,
                expose_headers=["X-Shown"],
            )
        )
    return Lilya(
        debug=True,
        enable_openapi=True,
        services=[Service(keep_house, name="housekeeping")],
        middleware=middleware,
        routes=[
            Path("/", page),
            Path("/events", events),
            Path("/endless", endless_events),
            Path("/stream", stream),
            Path("/next", next_piece, methods=["POST"]),
            Path("/wait", wait),
            WebSocketPath("/close/{code:int}", close),
            WebSocketPath("/deny", deny),
            WebSocketPath("/crash", crash_socket),
            WebSocketPath("/echo", echo),
            Path("/upload", upload, methods=["POST"]),
            Path("/form", form, methods=["POST"]),
            Path("/download", download),
            Path("/sound", play),
            Path("/cookies", set_cookies),
            Path("/cookies", delete_cookies, methods=["DELETE"]),
            Path("/show", show, methods=["GET", "POST", "PUT", "DELETE"]),
            Path("/elsewhere/show", show),
            Path("/crash", crash),
            Include("/tasks", app=TaskTree(interval=0.2)),
            Include(
                "/guarded",
                routes=[
                    Path("/form", show_form),
                    Path("/form", take_form, methods=["POST"]),
                    WebSocketPath("/echo", echo),
                ],
                middleware=[DefineMiddleware(CSRFMiddleware, "a long random secret")],
            ),
        ],
    )


if __name__ == "__main__":
    app = make_app(sys.argv[2] if len(sys.argv) > 2 else None)
    app.state.sound = sound()
    run(app, sys.argv[1])
