"""A new process takes over from an old one on the same port, under load, and no request fails."""

from __future__ import annotations

import select
import signal
import socket
import threading
import time

import pytest

from tests.e2e.harness import PATIENCE, Process, serving
from tests.e2e.wire import HTTP, Answer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="processes cannot share a port here"),
]

CLIENTS = 200
# Real seconds a client thinks between two requests: its connection is idle then.
PAUSE = 0.3
# Real seconds of load before and after the old process is told to stop.
BEFORE, AFTER = 1.0, 2.0


class Client(threading.Thread):
    """Asks again and again, on one connection as long as it is kept alive.

    A connection that ends before the first byte of an answer has failed nobody: a request that is safe is sent once
    more, as browsers and proxies do (RFC 9110, section 9.2.2, and RFC 9112, section 9.3.1). Each time is counted.
    """

    def __init__(self, port: int, go_on: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.go_on = go_on
        self.answers = 0
        self.retries = 0
        self.failures: list[str] = []

    def run(self) -> None:
        http: HTTP | None = None
        while self.go_on.is_set():
            try:
                http, answer = self._ask(http)
            except Exception as exc:
                self.failures.append(repr(exc))
                return
            if answer.status != 200 or not answer.complete or answer.body != b"at last":
                self.failures.append(repr(answer))
                return
            self.answers += 1
            time.sleep(PAUSE)
            if answer.headers.get("connection") == "close":
                http.sock.close()
                http = None
        if http is not None:
            http.sock.close()

    def _ask(self, http: HTTP | None) -> tuple[HTTP, Answer]:
        if http is not None and select.select([http.sock], [], [], 0)[0]:
            http.sock.close()  # ended while it was idle: every pool looks before it uses a connection again
            http = None
        for _ in range(3):
            try:
                if http is None:
                    http = HTTP(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))
                http.ask("/slowly")
                answer = http.answer()
                if answer is not None:
                    return http, answer
            except ConnectionError:
                pass
            if http is not None:
                http.sock.close()
            http = None
            self.retries += 1
        raise ConnectionError("refused or cut three times")


def has_served(process: Process) -> bool:
    return "end of /slowly" in process.log()


def test_no_request_fails_while_a_new_process_takes_over_the_port(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=10, reuse_port=True) as old:
        go_on = threading.Event()
        go_on.set()
        clients = [Client(old.port, go_on) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            with serving("bare.py:app", server, bind=f"127.0.0.1:{old.port}", reuse_port=True) as new:
                new.urls()
                time.sleep(BEFORE)
                old.signal(signal.SIGTERM)
                assert old.exit_code() == 0, old.report()
                assert "cancelled after" not in old.log(), old.report()
                time.sleep(AFTER)
                go_on.clear()
                for client in clients:
                    client.join(PATIENCE)
                assert has_served(new)
        finally:
            go_on.clear()
    assert [failure for client in clients for failure in client.failures] == []
    assert all(client.answers for client in clients)
    # What is left is a request that was on its way when its connection, idle until then, was closed, and connections
    # that the kernel had put into the queue of the old listener when it closed (Linux moves these to the new one where
    # `net.ipv4.tcp_migrate_req` is set).
    assert sum(client.retries for client in clients) < CLIENTS // 4
