"""Every route and application of ours is an ASGI app of its own, in any framework or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.background import Task
from lilya.controllers import Controller, WebSocketController
from lilya.requests import Request
from lilya.responses import EventStreamResponse, JSONResponse, PlainText, StreamingResponse
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.staticfiles import StaticFiles
from lilya.websockets import WebSocket
from tests.interop.hosts import EVERYWHERE, PREFIX
from tests.interop.hosts import Host as Hosting
from tests.routing.client import PATIENCE, Answer, call, talk
from tests.support.wire import CONNECT, GONE, Wire, http_scope, left, request, text, websocket_scope


async def x(request: Request) -> dict[str, str]:
    return {"url": str(request.url), "reversed": str(request.path_for("x"))}


def sync_x(request: Request) -> dict[str, str]:
    return {"url": str(request.url), "reversed": str(request.path_for("x"))}


class X(Controller):
    """The same as a controller."""

    async def get(self, request: Request) -> dict[str, str]:
        return await x(request)


PARTS: Mapping[str, Callable[[], Any]] = {
    "Path": lambda: Path("/x", x, name="x"),
    "Path, sync": lambda: Path("/x", sync_x, name="x"),
    "Path, controller": lambda: Path("/x", X, name="x"),
    "Include of routes": lambda: Include("/", routes=[Path("/x", x, name="x")]),
    "Include of an app": lambda: Include("/", app=Router([Path("/x", x, name="x")])),
    "Host": lambda: Host("example.org", Router([Path("/x", x, name="x")])),
    "Router": lambda: Router([Path("/x", x, name="x")]),
    "Lilya": lambda: Lilya(routes=[Path("/x", x, name="x")]),
    "ChildLilya": lambda: ChildLilya(routes=[Path("/x", x, name="x")]),
}
ALL_PARTS = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())


@EVERYWHERE
@ALL_PARTS
async def test_it_answers_reverses_misses_and_refuses_by_itself(host: Hosting, part: Callable[[], Any]) -> None:
    app = host(part())
    url = f"http://example.org{PREFIX}/x"
    assert (await call(app, f"{PREFIX}/x")).json == {"url": url, "reversed": url}
    lost = await call(app, f"{PREFIX}/y")
    assert (lost.status, lost.text) == (404, "Not Found")
    refused = await call(app, f"{PREFIX}/x", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
    head = await call(app, f"{PREFIX}/x", "HEAD")
    assert (head.status, head.body) == (200, b"")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for data in websocket.iter_text():
        await websocket.send_text(data)


class Echo(WebSocketController):
    """The same as a controller."""

    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_text(data)


SOCKETS: Mapping[str, Callable[[], Any]] = {
    "WebSocketPath": lambda: WebSocketPath("/x", echo),
    "controller": lambda: WebSocketPath("/x", Echo),
    "Include": lambda: Include("/", routes=[WebSocketPath("/x", echo)]),
    "Router": lambda: Router([WebSocketPath("/x", echo)]),
    "Lilya": lambda: Lilya(routes=[WebSocketPath("/x", echo)]),
}


@EVERYWHERE
@pytest.mark.parametrize("part", SOCKETS.values(), ids=SOCKETS.keys())
async def test_a_websocket_talks_and_an_unknown_path_is_refused(host: Hosting, part: Callable[[], Any]) -> None:
    app = host(part())
    wire = await leave(app, websocket_scope(f"{PREFIX}/x"), CONNECT, text("hello"))
    assert [message.get("text") for message in wire.sent if message["type"] == "websocket.send"] == ["hello"]
    refused = await talk(app, f"{PREFIX}/y")
    assert refused.types == ["websocket.close"]


@EVERYWHERE
async def test_static_files_are_served_and_misses_are_404(host: Hosting, tmp_path: FilePath) -> None:
    (tmp_path / "a.txt").write_text("a file")
    app = host(StaticFiles(directory=tmp_path))
    answer = await call(app, f"{PREFIX}/a.txt")
    assert (answer.text, answer.headers["content-type"]) == ("a file", "text/plain; charset=utf-8")
    ranged = await call(app, f"{PREFIX}/a.txt", headers=[(b"range", b"bytes=2-3")])
    assert (ranged.status, ranged.text) == (206, "fi")
    assert (await call(app, f"{PREFIX}/../a.txt")).status == 404
    assert (await call(app, f"{PREFIX}/b.txt")).status == 404
    assert (await call(app, f"{PREFIX}/a.txt", "POST")).status == 405


# -- leaving ----------------------------------------------------------------------------------------------------------


class Stay:
    """Handlers that stay until they are cancelled, and note how they ended."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def waiting(self) -> None:
        await self.stay()

    async def stay(self) -> None:
        try:
            self.log.append("here")
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.log.append("cancelled")
            raise

    async def streaming(self) -> StreamingResponse:
        async def body() -> Any:
            yield b"first"
            await self.stay()

        return StreamingResponse(body())

    async def events(self) -> EventStreamResponse:
        async def body() -> Any:
            yield {"data": "first"}
            await self.stay()

        return EventStreamResponse(body(), ping_interval=1000)

    async def feed(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await self.stay()


async def leave(app: Any, scope: dict[str, Any], *messages: Any) -> Wire:
    """Call `app` as a client that leaves after a while."""
    wire = Wire(*messages)

    async def leaves() -> None:
        await anyio.sleep(5)
        wire.put(left() if scope["type"] == "websocket" else GONE)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(leaves)
            await app(scope, wire.receive, wire.send)
    return wire


@EVERYWHERE
@pytest.mark.parametrize("kind", ["waiting", "streaming", "events"])
@pytest.mark.parametrize("around", [lambda route: route, lambda route: Lilya(routes=[route])], ids=["Path", "Lilya"])
async def test_a_client_that_leaves_cancels_the_work(host: Hosting, kind: str, around: Any) -> None:
    stay = Stay()
    app = host(around(Path("/x", getattr(stay, kind))))
    wire = await leave(app, http_scope(f"{PREFIX}/x"), request())
    assert stay.log == ["here", "cancelled"]
    assert wire.most_readers == 1
    if kind != "waiting":
        assert b"first" in wire.body


@EVERYWHERE
async def test_a_websocket_whose_client_leaves_is_cancelled(host: Hosting) -> None:
    stay = Stay()
    wire = await leave(host(WebSocketPath("/x", stay.feed)), websocket_scope(f"{PREFIX}/x"), CONNECT)
    assert stay.log == ["here", "cancelled"]
    assert wire.most_readers == 1


@EVERYWHERE
async def test_background_work_follows_the_answer(host: Hosting) -> None:
    sent: list[int] = []
    answer = Answer(request())

    async def work() -> None:
        sent.append(len(answer.sent))

    async def home() -> JSONResponse:
        return JSONResponse("done", background=Task(work))

    await host(Path("/x", home))(http_scope(f"{PREFIX}/x"), answer.receive, answer.send)
    assert answer.json == "done"
    assert sent == [2]


@EVERYWHERE
async def test_an_exception_nobody_handles_reaches_the_server_as_it_is(host: Hosting) -> None:
    class Mine(Exception):
        """Nobody knows it."""

    async def broken() -> PlainText:
        raise Mine

    with pytest.raises(Mine):
        await call(host(Path("/x", broken)), f"{PREFIX}/x")
