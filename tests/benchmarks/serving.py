"""Servers in processes of their own, on loopback: `python -m tests.benchmarks.serving APP --server hypercorn-trio`.

`Server` starts and ends one, and asks Linux what it takes: CPU time, memory, and how often it was woken up.
"""

from __future__ import annotations

import argparse
import gc
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path as FilePath
from types import TracebackType
from typing import Any, Final, Self

import hypercorn.config
import hypercorn.trio
import trio
import uvicorn

from lilya.apps import Lilya
from lilya.pubsub import MemoryPubSub
from lilya.responses import EventStreamResponse, JSONResponse
from lilya.routing import Path, WebSocketPath
from lilya.servers import run
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.benchmarks import ours, raw
from tests.benchmarks.asking import ROOT

__all__ = ["APPS", "SERVERS", "Server"]

SERVERS: Final = ("hypercorn-trio", "uvicorn")
# Seconds a server is given until it listens, and until it has ended.
START: Final = 20.0
END: Final = 20.0
# Neither a ping nor the closing of an idle connection falls into what is measured.
NEVER: Final = 3600.0


def holding() -> Lilya:
    """Subscribes every connection to a topic on which nothing is said."""
    pubsub = MemoryPubSub()

    async def sse() -> EventStreamResponse:
        return EventStreamResponse(pubsub.subscribe("news"), ping_interval=NEVER)

    async def poll() -> JSONResponse:
        async with pubsub.subscribe("news") as events:
            return JSONResponse((await anext(events)).data)

    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    return Lilya(routes=[Path("/sse", sse), Path("/poll", poll), WebSocketPath("/websocket", websocket)])


async def raw_holding(scope: Scope, receive: Receive, send: Send) -> None:
    """The floor: holds the connection, and hears its client leave."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
    elif scope["path"] == "/sse":
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
    while not (await receive())["type"].endswith("disconnect"):
        pass


def both() -> ASGIApp:
    """The site of Lilya and that of the floor in one process; the query says whose: `?raw` or `?own`."""
    own = ours.site()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (raw.site if scope.get("query_string") == b"raw" else own)(scope, receive, send)

    return app


APPS: Final[Mapping[str, Callable[[], ASGIApp]]] = {
    "both": both,
    "lilya-holding": holding,
    "raw-holding": lambda: raw.with_lifespan(raw_holding),
}


class Server:
    """A server with one of `APPS`, in a process of its own; a context manager, which ends it. Linux only.

    `plain`: as the server's own command would run it; else by `lilya.servers.run`.
    """

    def __init__(self, app: str, server: str, *, plain: bool = False) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.serving", app, "--server", server]
        self._process = subprocess.Popen([*command, *(["--plain"] if plain else [])], cwd=ROOT, stdout=subprocess.PIPE)
        self.port = 0

    def __enter__(self) -> Self:
        """Wait until it listens; the application is started a little before."""
        assert self._process.stdout is not None
        try:
            self.port = int(self._process.stdout.readline() or 0)
            assert self.port, "it did not start"
            end = time.monotonic() + START
            while True:
                try:
                    socket.create_connection(("127.0.0.1", self.port)).close()
                except ConnectionRefusedError:
                    assert time.monotonic() < end, "nobody listens"
                    time.sleep(0.05)
                else:
                    return self
        except BaseException:
            self.end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Tell it to stop, and wait until it has."""
        self._process.terminate()
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def cpu(self) -> float:
        """CPU seconds of the process until now, to the nanosecond: its CPU clock, by the number Linux has for it."""
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def resident(self) -> int:
        """The resident set, in bytes."""
        return self._counted("status", "VmRSS:") * 1024

    def switches(self) -> dict[str, int]:
        """How often each of its threads went to sleep until now; as often it was woken up."""
        found = {}
        for task in FilePath(f"/proc/{self._process.pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends meanwhile
                found[task.name] = self._counted(f"task/{task.name}/status", "voluntary_ctxt_switches:")
        return found

    def _counted(self, file: str, field: str) -> int:
        lines = FilePath(f"/proc/{self._process.pid}/{file}").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field))

    def settled(self) -> int:
        """The resident set once it has stopped to change."""
        before = self.resident()
        while True:
            time.sleep(0.5)
            now = self.resident()
            if abs(now - before) < 64 * 1024:
                return now
            before = now


def serve(app: str, server: str, plain: bool) -> None:
    """Serve until terminated; says its port first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logging.disable(logging.CRITICAL)  # each connection would be noted
    target = APPS[app]()
    gc.collect()
    gc.freeze()

    async def announced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            print(port, flush=True)
        await target(scope, receive, send)

    library, _, backend = server.partition("-")
    if not plain:
        config = {"access_log": False, "ws_ping_interval": None} if library == "uvicorn" else None
        run(announced, f"127.0.0.1:{port}", backend=backend or "asyncio", server=library, config=config)
        return
    print(port, flush=True)
    if library == "uvicorn":
        uvicorn.run(target, port=port, access_log=False, log_level="error", timeout_keep_alive=int(NEVER))
        return
    own = hypercorn.config.Config()
    own.bind = [f"127.0.0.1:{port}"]
    own.keep_alive_timeout = NEVER
    worker: Any = hypercorn.trio.serve
    trio.run(partial(worker, target, own, mode="asgi"))


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving")
    parser.add_argument("app", choices=list(APPS))
    parser.add_argument("--server", choices=SERVERS, required=True)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    serve(options.app, options.server, options.plain)


if __name__ == "__main__":
    main()
