"""What is done to each program, and in how few words the outcome is told.

Each situation gets a running server of its own. What it says is made of what was seen: of the log, of answers, of the
clock. Nothing is said of a program that was not run.
"""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.e2e.harness import Process
from tests.e2e.wire import HTTP, WebSocket

__all__ = ["SITUATIONS"]


def seen(server: Process, what: str, patience: float = 4.0) -> float | None:
    """When the program said it, as seconds since the epoch; None if it did not in time."""
    end = time.time() + patience
    while time.time() < end:
        if found := re.search(rf"<{what} ([\d.]+)>", server.log()):
            return float(found[1])
        time.sleep(0.01)
    return None


def in_seconds(server: Process, what: str, since: float, patience: float = 4.0) -> str:
    """How long after `since` the program said it."""
    at = seen(server, what, patience)
    if at is None:
        return f"not within {patience:.0f} s"
    return "at once" if at - since < 0.35 else f"after {at - since:.1f} s"


def leave(sock: socket.socket) -> float:
    """Close a connection as a browser does."""
    sock.close()
    return time.time()


def ping(server: Process, patience: float = 3.0) -> float | None:
    """How long another client waits for its answer; None where it gets none in time."""
    began = time.time()
    sock = server.connect()
    sock.settimeout(patience)
    with HTTP(sock) as http, suppress(OSError):
        answer = http.get("/ping")
        if answer is not None and answer.status == 200:
            return time.time() - began
    return None


def handler_waits(server: Process) -> str:
    http = HTTP(server.connect())
    http.ask("/slow")
    assert seen(server, "slow began") is not None
    left = leave(http.sock)
    ended = in_seconds(server, "slow ended", left)
    return "runs to its end" if seen(server, "slow done", 0.2) else f"cancelled {ended}"


def handler_asks(server: Process) -> str:
    with HTTP(server.connect()) as http:
        http.ask("/asks")
        if seen(server, "asks began", 0.5) is None:
            return "cannot be asked"
        left = leave(http.sock)
    return "is told " + in_seconds(server, "asks told", left)


def _stream(server: Process, name: str) -> str:
    http = HTTP(server.connect())
    http.ask(f"/{name}")
    assert http.begun()
    time.sleep(0.3)
    return "closed " + in_seconds(server, f"{name} ended", leave(http.sock))


def stream(server: Process) -> str:
    return _stream(server, "ticks")


def silent_stream(server: Process) -> str:
    return _stream(server, "silence")


def endless_stream(server: Process) -> str:
    http = HTTP(server.connect(receive_buffer=4096))
    http.ask("/spin")
    assert seen(server, "spin began") is not None
    time.sleep(0.3)
    left = leave(http.sock)
    waited = ping(server)
    others = "nobody else is served any more" if waited is None else "others are served"
    return f"closed {in_seconds(server, 'spin ended', left)}; {others}"


def task_fails(server: Process) -> str:
    with HTTP(server.connect()) as http:
        answer = http.get("/tasks")
        assert answer is not None
        ran = "runs" if seen(server, "second done", 1.0) else "does not run"
    served = "" if ping(server) is not None else "; the server is dead"
    logged = "logged" if "the first task fails" in server.log() else "not in the log"
    return f"{logged}; the second {ran}{served}"


def task_at_stop(server: Process) -> str:
    with HTTP(server.connect()) as http:
        assert http.get("/late") is not None
    assert seen(server, "late began") is not None
    server.signal(signal.SIGTERM)
    return "finished" if seen(server, "late done", 3.0) else "lost"


def sync_iterable(server: Process) -> str:
    with HTTP(server.connect()) as http:
        http.ask("/blocking")
        if seen(server, "blocking began", 1.0) is None:
            return "takes none"
        waited = ping(server)
        return "others are served" if waited is not None and waited < 0.15 else f"others wait ({waited or 3:.1f} s)"


def group(server: Process) -> str:
    with HTTP(server.connect()) as http:
        answer = http.get("/group")
        assert answer is not None
        return str(answer.status)


def websocket_leaves(server: Process) -> str:
    client = WebSocket(server.connect(), "/feed")
    assert seen(server, "feed began") is not None
    time.sleep(0.2)
    return "ended " + in_seconds(server, "feed ended", leave(client.sock), 7.0)


def websocket_flood(server: Process) -> str:
    client = WebSocket(server.connect(), "/feed")
    assert seen(server, "feed began") is not None
    before = memory(server)
    client.sock.settimeout(0.5)
    with suppress(TimeoutError, OSError):
        end = time.time() + 3
        while time.time() < end:
            client.send(b"x" * 65536)
    grown = memory(server) - before
    client.sock.close()
    return f"{grown} MiB" if grown >= 5 else "under 5 MiB"


def memory(server: Process) -> int:
    """The memory of the process, in MiB (Linux)."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) // 1024


def stop_with_stream(server: Process) -> str:
    http = HTTP(server.connect())
    http.ask("/ticks")
    assert http.begun()
    server.signal(signal.SIGTERM)
    began = time.time()
    patience = 14.0
    while server.running() and time.time() < began + patience:
        time.sleep(0.05)
    took = time.time() - began
    stopped = "still there after 14 s" if server.running() else f"stopped after {round(took)} s"
    closed = "" if seen(server, "ticks ended", 0.2) else "; its `finally` did not run"
    http.sock.close()
    return stopped + closed


def start_fails(server: Process) -> str:
    try:
        code: int | None = server.exit_code(4)
    except AssertionError:
        code = None
    logged = "logged" if "the lifespan fails" in server.log() else "not in the log"
    return f"{logged}; " + ("serves all the same" if code is None else f"exit code {code}")


# What happens -> what is done, in the order of the page.
SITUATIONS: Final[Mapping[str, Callable[[Process], str]]] = {
    "the client leaves while a `GET` handler waits 3 s": handler_waits,
    "... while a handler asks each 0.1 s whether it is still there": handler_asks,
    "... during a stream, a line each 0.2 s": stream,
    "... during a stream that is silent for 3 s": silent_stream,
    "... during a stream that never pauses": endless_stream,
    "... a websocket whose handler waits 5 s for news": websocket_leaves,
    "a websocket floods a handler that does not receive, for 3 s: memory": websocket_flood,
    "the first of two background tasks fails": task_fails,
    "SIGTERM while a background task runs 1 s": task_at_stop,
    "SIGTERM while a stream without end is open": stop_with_stream,
    "a sync iterable is streamed that blocks": sync_iterable,
    'a "not found" is raised in a task group': group,
    "the lifespan fails at the start": start_fails,
}
