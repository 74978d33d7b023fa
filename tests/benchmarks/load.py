"""A client with many keep-alive connections to loopback servers: `python -m tests.benchmarks.load`.

It answers each line with one, as the workers do, and keeps its connections in between:

    {"port": 8000, "path": "/", "connections": 64, "requests": 5000} -> {"requests": 5000, "seconds": wall clock}

On each connection a request follows the answer to the one before. An answer that is no 200 ends it.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from typing import Final

__all__ = ["Client"]

HOST: Final = "127.0.0.1"
# Seconds without any answer after which it gives up.
PATIENCE: Final = 30.0


class Client:
    """Connections to one port."""

    def __init__(self, port: int, connections: int) -> None:
        self.connections = [socket.create_connection((HOST, port)) for _ in range(connections)]
        self.selector = selectors.DefaultSelector()
        self.missing: dict[socket.socket, int] = {}  # bytes of the answer that are still to come
        for connection in self.connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(connection, selectors.EVENT_READ, connection)

    def get(self, path: str, requests: int) -> float:
        """Seconds that so many requests take, at least one on each connection."""
        request = f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: load\r\naccept: */*\r\n\r\n".encode()
        size = self._size_of(request)
        sent = answered = 0
        begin = time.perf_counter()
        for each in self.connections:
            each.sendall(request)
            self.missing[each] = size
            sent += 1
        while answered < sent:
            ready = self.selector.select(PATIENCE)
            if not ready:
                raise RuntimeError("no answer")
            for key, _ in ready:
                connection: socket.socket = key.data
                got = connection.recv(65536)
                if not got or (self.missing[connection] == size and not got.startswith(b"HTTP/1.1 200 ")):
                    raise RuntimeError(f"got {got[:200]!r}")
                self.missing[connection] -= len(got)
                if self.missing[connection] > 0:
                    continue
                answered += 1
                if sent < requests:
                    connection.sendall(request)
                    self.missing[connection] = size
                    sent += 1
        return time.perf_counter() - begin

    def _size_of(self, request: bytes) -> int:
        """The length of an answer: the others are as long, for what changes in them is the date."""
        connection = self.connections[0]
        connection.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        while len(body) < length:
            body += connection.recv(65536)
        return len(head) + 4 + length


def main() -> None:
    """Answer until nobody asks any more."""
    clients: dict[int, Client] = {}
    while line := sys.stdin.readline():
        question = json.loads(line)
        port = question["port"]
        if port not in clients:
            clients[port] = Client(port, question["connections"])
        seconds = clients[port].get(question["path"], question["requests"])
        print(json.dumps({"requests": question["requests"], "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
