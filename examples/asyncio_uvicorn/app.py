"""An asyncio program: a web application under uvicorn, with a library beside it that knows nothing but asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator

import anyio
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import EventStreamResponse, JSONResponse
from lilya.routing import Path
from lilya.servers import serve

HISTORY = 1000  # messages


class Wall:
    """What was written by websocket, for those who read by HTTP."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.changed = asyncio.Condition()

    async def write(self, line: str) -> None:
        """Add a line, and tell those who wait. The oldest make room."""
        async with self.changed:
            self.lines = [*self.lines, line][-HISTORY:]
            self.changed.notify_all()

    async def listen(self, connection: ServerConnection) -> None:
        """One connection of the `websockets` library."""
        async for message in connection:
            await self.write(str(message))
            await connection.send("written")


def make_app(wall: Wall) -> Lilya:
    """The web side. Handlers may await what asyncio has, and what anyio has: here they are the same loop."""

    async def lines() -> JSONResponse:
        return JSONResponse(wall.lines)

    async def write(request: Request) -> JSONResponse:
        await wall.write(await request.text())
        return JSONResponse({"written": len(wall.lines)}, status_code=201)

    async def follow() -> EventStreamResponse:
        async def news() -> AsyncGenerator[str]:
            while True:
                async with wall.changed:
                    await wall.changed.wait()
                    line = wall.lines[-1]
                yield line

        return EventStreamResponse(news())

    async def slow() -> str:
        await anyio.sleep(1)
        return "slow, but whole"

    return Lilya(
        routes=[
            Path("/", lines),
            Path("/", write, methods=["POST"]),
            Path("/follow", follow),
            Path("/slow", slow),
        ]
    )


async def main(bind: str, port: int) -> None:
    """Both servers in one task group: whatever ends one of them ends both."""
    wall = Wall()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with serve_websockets(wall.listen, "127.0.0.1", port) as websockets:
        print("websockets are on", next(iter(websockets.sockets)).getsockname()[1])
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(make_app(wall), bind, backend="asyncio", server="uvicorn"))
            group.create_task(websockets.serve_forever())


if __name__ == "__main__":
    arguments = sys.argv[1:] or ["127.0.0.1:8000", "7000"]
    with contextlib.suppress(asyncio.CancelledError):  # a signal came, and everything has ended
        asyncio.run(main(arguments[0], int(arguments[1])))
    print("nothing is left")
