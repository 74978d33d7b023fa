"""The main things in one file: a JSON route, a long poll, a stream, a websocket, a background task, a service.

Run it and try it from another terminal:

    python examples/quickstart.py
    curl http://127.0.0.1:8000/hello/ada
    curl http://127.0.0.1:8000/ticks                                    # leave with Ctrl-C: the server says so
    curl http://127.0.0.1:8000/wait &                                   # waits ...
    curl -X POST http://127.0.0.1:8000/say -d 'dinner is ready'         # ... and is answered

What it leaves out: configuration, templates, a database. One process keeps everything in memory.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator

import anyio

from lilya.apps import Lilya
from lilya.background import Task
from lilya.concurrency import Service
from lilya.requests import Request
from lilya.responses import JSONResponse, Response, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.servers import run
from lilya.websockets import WebSocket

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
log = logging.getLogger("quickstart")


class Board:
    """The last thing said, and who waits for the next one."""

    def __init__(self) -> None:
        self.text = ""
        self.changed = anyio.Event()

    def say(self, text: str) -> None:
        self.text = text
        self.changed.set()
        self.changed = anyio.Event()


async def hello(name: str) -> dict[str, str]:
    """A path parameter is injected by its name; what is returned becomes JSON."""
    return {"hello": name}


async def say(request: Request) -> Response:
    """Answers at once; the background task runs when the answer is out."""
    text = await request.text()
    request.app.state.board.say(text)
    return JSONResponse({"said": text}, status_code=202, background=Task(remember, text))


async def remember(text: str) -> None:
    await anyio.sleep(0.1)
    log.info("remembered %r", text)


async def wait(request: Request) -> Response:
    """A long poll. It ends when something is said, after 30 s, when the server drains - or when the client leaves:
    then the handler is cancelled at whatever it awaits, and nobody has to ask for that."""
    board: Board = request.app.state.board
    with anyio.move_on_after(30):
        async with anyio.create_task_group() as race:

            async def until_draining() -> None:
                await request.wait_draining()
                race.cancel_scope.cancel()

            race.start_soon(until_draining)
            await board.changed.wait()
            race.cancel_scope.cancel()
            return JSONResponse({"said": board.text})
    return Response(status_code=204)


async def ticks(request: Request) -> StreamingResponse:
    """A stream. When the client leaves, the generator is cancelled and its `finally` runs."""

    async def lines() -> AsyncIterator[str]:
        try:
            n = 0
            while not request.draining:
                yield f"tick {n}\n"
                n += 1
                await anyio.sleep(1)
        finally:
            log.info("the reader of ticks is gone")

    return StreamingResponse(lines(), media_type="text/plain")


async def echo(websocket: WebSocket) -> None:
    """A websocket. Leaving the loop, by the client or by us, ends the handler."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


async def heartbeat() -> None:
    """A service: it starts before the first request and is stopped after the last."""
    while True:
        log.info("still here: %d exchange(s) open", len(app.statistics().exchanges))
        await anyio.sleep(60)


app = Lilya(
    routes=[
        Path("/hello/{name}", hello),
        Path("/say", say, methods=["POST"]),
        Path("/wait", wait),
        Path("/ticks", ticks),
        WebSocketPath("/echo", echo),
    ],
    services=[Service(heartbeat)],
)


@app.on_event("startup")
async def prepare() -> None:
    app.state.board = Board()


if __name__ == "__main__":
    run(app, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")  # hypercorn on trio
