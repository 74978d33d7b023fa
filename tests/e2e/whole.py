"""One server for all tests of a module: `apps/whole.py`, started once under each server (the fixture `whole`).

Its tests tell their requests apart by ids, which the application repeats in its log, and leave nothing behind: the
fixture sees to it that the process ends with code 0 and an application in which nothing runs.
"""

from __future__ import annotations

import itertools
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

from tests.e2e.harness import PATIENCE, Process
from tests.e2e.wire import HTTP

__all__ = ["QUIET", "Whole", "reset", "until"]

# What makes each server log nothing of a request that went well.
QUIET = {"uvicorn": {"access_log": False}}


class Whole:
    """A running `apps/whole.py`. `server` is one of `SERVERS`; `tls` is for clients, where it speaks TLS."""

    def __init__(self, server: str, process: Process, tls: ssl.SSLContext | None = None) -> None:
        self.server = server
        self.process = process
        self.tls = tls
        self.http = process.client(verify=tls or True)
        self._ids = itertools.count(1)
        self._read = 0

    def new_id(self) -> str:
        """An id no request had before."""
        return f"id{next(self._ids)}"

    def connect(self, *, receive_buffer: int | None = None) -> HTTP:
        """A connection that shows what is on the wire."""
        return HTTP(self.socket(receive_buffer=receive_buffer))

    def socket(self, *, receive_buffer: int | None = None) -> socket.socket:
        """A connection to it, encrypted where it wants that; the protocol agreed upon is HTTP/1.1."""
        sock = self.process.connect(receive_buffer=receive_buffer)
        return sock if self.tls is None else self.tls.wrap_socket(sock, server_hostname="localhost")

    # -- what it says -----------------------------------------------------------------------------------------------

    def said(self, what: str, id: str) -> re.Match[str]:
        """Wait until it says `what` of a request: group 1 is when, group 2 what else."""
        return self.process.wait_for(rf"^{what} {id} ([\d.]+) ?(.*)$")

    def seconds_until(self, what: str, id: str, since: float) -> float:
        """Wait until it says `what`, and return how long that was after `since`."""
        return float(self.said(what, id)[1]) - since

    def new_log(self) -> str:
        """What was logged since this was last asked."""
        log = self.process.log()
        new, self._read = log[self._read :], len(log)
        return new

    # -- what it does -----------------------------------------------------------------------------------------------

    def statistics(self) -> dict[str, Any]:
        """What runs in it, besides the asking."""
        found: dict[str, Any] = self.http.get("/statistics").json()
        return found

    def until_idle(self) -> None:
        """Wait until nothing runs in it."""
        until(lambda: self.statistics()["exchanges"] == 0 and not self.statistics()["tasks"], self.process)

    def release(self) -> None:
        """Let go on what waits for it."""
        assert self.http.post("/release").status_code == 204

    def is_well(self) -> None:
        """It answers, at once."""
        asked = time.monotonic()
        with self.process.client(verify=self.tls or True) as client:
            assert client.get("/items/1").json() == {"id": 1}
        assert time.monotonic() - asked < 2


def until(true: Callable[[], bool], process: Process, patience: float = PATIENCE) -> None:
    """Wait until a condition holds; fails with the log when it does not in time."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, f"it never came true{process.report()}"
        time.sleep(0.01)


def reset(sock: socket.socket) -> None:
    """Leave without a goodbye: the connection is reset (RFC 9293, section 3.10.7)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
