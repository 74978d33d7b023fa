"""A server under clients that behave badly, for a while: nothing may be left of them, nothing said without a reason.

`LILYA_SOAK=600 pytest -s tests/e2e/test_soak.py` does it for ten minutes under each server, else it is a few seconds.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest

from tests.e2e.harness import Process, serving
from tests.e2e.whole import reset, until
from tests.e2e.wire import HTTP, WebSocket

SECONDS: Final = float(os.environ.get("LILYA_SOAK", "4"))
WARM_UP: Final = 2.0  # seconds until caches are full and worker threads are there
CLIENTS: Final = 8

# In seconds. What makes each server forget idle clients soon, and log nothing of a request that went well.
KEEP_ALIVE: Final = 1
CONFIG: Final[Mapping[str, Mapping[str, Any]]] = {
    "hypercorn-trio": {"keep_alive_timeout": KEEP_ALIVE},
    "uvicorn": {"access_log": False, "timeout_keep_alive": KEEP_ALIVE},
}

# What the process may hold more at the end than after the warm-up, however long it lasted between.
MORE_BYTES: Final = 300_000
MORE_CONNECTIONS: Final = 2  # that the server has not let go of yet: each is a file and some tasks of its own

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2 * SECONDS + 120)]

# Each line of the log is one of these, or there is something to explain.
EXPLAINED: Final = re.compile(
    r"""
      serving\ on\ .+
    | INFO\ lilya\.servers.*
    | INFO\ hypercorn\.error:\ Running\ on\ .*
    | INFO\ lilya\.lifespan:\ draining:.*
    | INFO\ uvicorn\.error:\ (Started|Waiting|Application|Uvicorn|Shutting|Finished|connection\ (open|closed)).*
    | INFO\ uvicorn\.error:\ .*"WebSocket\ /(echo|feed)"\ \[accepted\]
    | INFO:\ .*
    | ERROR\ lilya\.services:\ service\ 'flaky'\ failed\ <-\ RuntimeError\('on\ purpose'\)
    | WARNING\ lilya\.services:\ service\ 'flaky'\ failed;\ restarting\ it\ in\ .*
    | WARNING\ uvicorn\.error:\ Invalid\ HTTP\ request\ received\.
    """,
    re.VERBOSE,
)


class Client:
    """One who does, in random order, all that clients do to a server. Each act is a connection of its own."""

    def __init__(self, process: Process, seed: int) -> None:
        self.process = process
        self.random = random.Random(seed)
        self.acts: list[Callable[[], None]] = [
            self.ask_often,
            self.leave_while_it_waits,
            self.leave_a_stream,
            self.read_slowly,
            self.upload,
            self.stop_in_the_middle,
            self.echo,
            self.leave_a_feed,
        ]
        self.done = 0
        self.failure: BaseException | None = None

    def act_until(self, end: float) -> None:
        """Act until the clock says `end`."""
        try:
            while time.monotonic() < end:
                act = self.random.choice(self.acts)
                with suppress(ConnectionError):
                    act()
                self.done += 1
        except BaseException as exc:  # shown by the thread that waits for us
            self.failure = exc

    def pause(self, longest: float) -> None:
        time.sleep(self.random.uniform(0, longest))

    def leave(self, connection: HTTP | WebSocket) -> None:
        """With or without a goodbye."""
        if self.random.random() < 0.5:
            reset(connection.sock)
        else:
            connection.sock.close()

    def http(self, **options: Any) -> HTTP:
        return HTTP(self.process.connect(**options))

    def ask_often(self) -> None:
        paths = ["/plain", "/group", "/blocking", "/follow-up", "/follow-up?detached", "/poll"]
        with self.http() as http:
            for path in self.random.choices(paths, k=self.random.randrange(1, 6)):
                answer = http.get(path)
                assert answer is not None, path
                assert answer.complete, path
                assert answer.status in (200, 204), (path, answer)

    def leave_while_it_waits(self) -> None:
        http = self.http()
        http.ask(self.random.choice(["/waits", "/poll", "/group", "/blocking", "/follow-up"]))
        self.pause(0.1)
        self.leave(http)

    def leave_a_stream(self) -> None:
        http = self.http()
        http.ask(self.random.choice(["/ticks", "/flood"]))
        for _ in range(self.random.randrange(3)):
            http.sock.recv(1024)
        self.pause(0.05)
        self.leave(http)

    def read_slowly(self) -> None:
        http = self.http(receive_buffer=4096)
        http.ask("/flood")
        for _ in range(3):
            http.sock.recv(100)
            self.pause(0.1)
        self.leave(http)

    def upload(self) -> None:
        with self.http() as http:
            if self.random.random() < 0.5:
                http.ask("/upload", "POST", b"x" * self.random.randrange(1, 300_000))
            else:
                http.ask("/form", "POST", b"a=1&b=2")
            assert http.answer() is not None

    def stop_in_the_middle(self) -> None:
        http = self.http()
        whole = b"POST /upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n" + b"x" * 50000
        http.sock.sendall(whole[: self.random.randrange(1, len(whole))])
        self.pause(0.1)
        self.leave(http)

    def echo(self) -> None:
        with WebSocket(self.process.connect(), "/echo") as websocket:
            for number in range(self.random.randrange(5)):
                websocket.send(str(number))
                assert websocket.text() == str(number)
            if self.random.random() < 0.5:
                websocket.close()
                websocket.closed()

    def leave_a_feed(self) -> None:
        websocket = WebSocket(self.process.connect(), "/feed")
        for _ in range(self.random.randrange(4)):
            websocket.text()
        self.leave(websocket)


def soak(process: Process, seconds: float) -> int:
    """Let all clients act for so long; how many acts there were."""
    end = time.monotonic() + seconds
    clients = [Client(process, seed) for seed in range(CLIENTS)]
    threads = [threading.Thread(target=client.act_until, args=(end,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.failure is not None:
            raise client.failure
    return sum(client.done for client in clients)


def measure(process: Process, query: str = "") -> dict[str, Any]:
    """What the process holds, once it has let go of its clients."""

    def asked(query: str) -> Any:
        with HTTP(process.connect()) as http:
            answer = http.get("/measure" + query)
            assert answer is not None
            return json.loads(answer.body)

    until(lambda: bool(asked("?idle")), process)
    time.sleep(2 * KEEP_ALIVE)  # servers keep what a client has left as long as one that is idle
    found: dict[str, Any] = asked(query)
    return found


def own(tasks: list[str]) -> list[str]:
    """Those that are not the server's: it has some for each connection, and keeps idle ones for a while."""
    return [name for name in tasks if not name.startswith("hypercorn.")]


@pytest.mark.parametrize("server", ["hypercorn-trio", "uvicorn"])
def test_nothing_is_left_of_clients_that_behave_badly(server: str) -> None:
    with serving("soaked.py:app", server, drain_timeout=5, config=CONFIG[server]) as process:
        process.urls()
        soak(process, WARM_UP)
        before = measure(process, "?since=start")
        acts = soak(process, SECONDS)
        after = measure(process)

        grown = after["bytes"] - before["bytes"]
        print(f"\n{server}: {acts} acts, {grown:+} bytes, {after['outcomes']}")  # noqa: T201 (shown by -s)
        assert len(own(after["tasks"])) <= len(own(before["tasks"])), after["tasks"]
        assert len(after["tasks"]) <= len(before["tasks"]) + 3 * MORE_CONNECTIONS, after["tasks"]
        assert after["files"] <= before["files"] + MORE_CONNECTIONS
        assert after["threads"] <= 64  # those of the limiters, which wait for work a while
        assert grown < MORE_BYTES, "\n" + "\n".join(after["grown"])
        assert after["open"] == 1, "each exchange that began has ended"
        assert after["restarts"] > before["restarts"]
        assert acts > 5 * SECONDS

        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        unexplained = [line for line in process.log().splitlines() if not EXPLAINED.fullmatch(line)]
        assert not unexplained, "\n".join(unexplained[:20])
