"""What an idle connection costs: `python -m tests.benchmarks.memory [--server hypercorn-trio] [--kind sse] [-n 1000]`.

Opens connections that do nothing to an application of ours and to one of raw ASGI, each in a process of its own under
the same server, and prints by how much the resident set grew for each connection. Fails where ours takes more than the
mark above the floor. Linux only: it asks `/proc`.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Final

from tests.benchmarks.serving import SERVERS, Server

__all__ = ["KINDS", "MARKS", "connect", "measure"]

# In bytes above the floor. A long poll is a handler that waits, and its reader; the floor is the reader alone.
MARKS: Final[Mapping[str, int]] = {"sse": 5 * 1024, "websocket": 4 * 1024, "poll": 11 * 1024}
# Connections made before it is measured: they fill what a process keeps for good.
WARM_UP: Final = 200

REQUESTS: Final[Mapping[str, bytes]] = {
    "sse": b"GET /sse HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "websocket": (
        b"GET /websocket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ),
    "poll": b"GET /poll HTTP/1.1\r\nhost: localhost\r\n\r\n",
}
KINDS: Final = tuple(REQUESTS)


def connect(port: int, kind: str) -> socket.socket:
    """A connection that waits; it has got its answer, where one is given before there is something to say."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(REQUESTS[kind])
    if kind == "poll":
        return connection
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(4096)
    assert got.split(b" ")[1] in (b"200", b"101"), got
    return connection


def grown(app: str, server: str, kind: str, number: int) -> float:
    """By how many bytes a server grows for each of so many connections."""
    with Server(app, server) as serving, ExitStack() as connections:
        for _ in range(WARM_UP):
            connections.enter_context(closing(connect(serving.port, kind)))
        before = serving.settled()
        for _ in range(number):
            connections.enter_context(closing(connect(serving.port, kind)))
        return (serving.settled() - before) / number


def measure(server: str, kind: str, number: int) -> tuple[float, float]:
    """Bytes for each connection of this kind: of ours, and of the floor."""
    return grown("lilya-holding", server, kind, number), grown("raw-holding", server, kind, number)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="What an idle connection costs.")
    parser.add_argument("--server", action="append", choices=SERVERS, help="default: both")
    parser.add_argument("--kind", action="append", choices=KINDS, help="default: all")
    parser.add_argument("-n", "--number", type=int, default=1000, help="connections (default: 1000)")
    options = parser.parse_args()
    good = True
    for server in options.server or SERVERS:
        for kind in options.kind or KINDS:
            mine, floor = measure(server, kind, options.number)
            above = mine - floor
            mark = MARKS.get(kind)
            good = good and (mark is None or above <= mark)
            print(
                f"{server}, {kind}: {mine / 1024:.1f} KiB, raw ASGI {floor / 1024:.1f} KiB: "
                f"{above / 1024:.1f} KiB above it" + ("" if mark is None else f", the mark is {mark / 1024:.0f}"),
                flush=True,
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
