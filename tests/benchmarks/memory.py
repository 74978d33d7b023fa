"""What an idle connection costs: `python -m tests.benchmarks.memory [--server hypercorn-trio] [--kind sse] [-n 1000]`.

Opens connections that do nothing to an application of ours and to one of raw ASGI, each in a process of its own under
the same server, and prints by how much the resident set grew for each connection. Fails where ours takes more than the
mark above the floor. Linux only: it asks `/proc`.
"""

from __future__ import annotations

import argparse
import gc
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Final

from lilya.apps import Lilya
from lilya.pubsub import MemoryPubSub
from lilya.responses import EventStreamResponse
from lilya.routing import Path, WebSocketPath
from lilya.servers import run
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket

__all__ = ["MARKS", "measure"]

ROOT: Final = FilePath(__file__).parents[2]
SERVERS: Final = ("hypercorn-trio", "uvicorn")
# In bytes above the floor.
MARKS: Final[Mapping[str, int]] = {"sse": 5 * 1024, "websocket": 4 * 1024}
# Connections made before it is measured: they fill what a process keeps for good.
WARM_UP: Final = 200

REQUESTS: Final[Mapping[str, bytes]] = {
    "sse": b"GET /sse HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "websocket": (
        b"GET /websocket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ),
}


def ours() -> ASGIApp:
    """Subscribes every connection to a topic on which nothing is said."""
    pubsub = MemoryPubSub()

    async def sse() -> EventStreamResponse:
        return EventStreamResponse(pubsub.subscribe("news"))

    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    return Lilya(routes=[Path("/sse", sse), WebSocketPath("/websocket", websocket)])


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """The floor: holds the connection, and hears its client leave."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
    else:
        await receive()
        await send({"type": "websocket.accept"})
    while not (await receive())["type"].endswith("disconnect"):
        pass


def resident(pid: int) -> int:
    """The resident set of a process, in bytes."""
    lines = FilePath(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def connect(port: int, kind: str) -> socket.socket:
    """A connection that has got its answer, and waits."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(REQUESTS[kind])
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(4096)
    assert got.split(b" ")[1] in (b"200", b"101"), got
    return connection


def wait_for(port: int) -> None:
    """Wait until somebody listens there; the application is started a little before."""
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.05)


def settled(pid: int) -> int:
    """The resident set once it has stopped to change."""
    before = resident(pid)
    while True:
        time.sleep(0.5)
        now = resident(pid)
        if abs(now - before) < 64 * 1024:
            return now
        before = now


def grown(app: str, server: str, kind: str, number: int) -> float:
    """By how many bytes a server grows for each of so many connections."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--serve", app, "--server", server]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    connections: list[socket.socket] = []
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        wait_for(port)
        connections += (connect(port, kind) for _ in range(WARM_UP))
        before = settled(process.pid)
        connections += (connect(port, kind) for _ in range(number))
        return (settled(process.pid) - before) / number
    finally:
        for connection in connections:
            connection.close()
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def measure(server: str, kind: str, number: int) -> tuple[float, float]:
    """Bytes for each connection of this kind: of ours, and of the floor."""
    return grown("ours", server, kind, number), grown("raw", server, kind, number)


def serve(app: str, server: str) -> None:
    """Serve until terminated; says its port first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    library, _, backend = server.partition("-")
    gc.collect()
    gc.freeze()

    async def announced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            print(port, flush=True)
        await target(scope, receive, send)

    target = ours() if app == "ours" else raw
    config = {"access_log": False} if library == "uvicorn" else None  # nobody reads what it would say
    run(announced, f"127.0.0.1:{port}", backend=backend or "asyncio", server=library, config=config)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="What an idle connection costs.")
    parser.add_argument("--server", action="append", choices=SERVERS, help="default: both")
    parser.add_argument("--kind", action="append", choices=list(MARKS), help="default: both")
    parser.add_argument("-n", "--number", type=int, default=1000, help="connections (default: 1000)")
    parser.add_argument("--serve", choices=("ours", "raw"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.server[0])
        return 0
    good = True
    for server in options.server or SERVERS:
        for kind in options.kind or MARKS:
            mine, floor = measure(server, kind, options.number)
            above = mine - floor
            good = good and above <= MARKS[kind]
            print(
                f"{server}, {kind}: {mine / 1024:.1f} KiB, raw ASGI {floor / 1024:.1f} KiB: "
                f"{above / 1024:.1f} KiB above it, the mark is {MARKS[kind] / 1024:.0f}",
                flush=True,
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
