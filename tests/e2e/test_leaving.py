"""Clients that leave while a handler is at work for them."""

from __future__ import annotations

import resource
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import serving
from tests.e2e.whole import QUIET, Whole, reset, until
from tests.e2e.wire import HTTP

pytestmark = [pytest.mark.e2e]

# Seconds after the client's leaving; the median of so many attempts, because the machine may be busy with others.
AT_ONCE = 0.1
ATTEMPTS = 5
MANY = 1000


def close(sock: socket.socket) -> None:
    """Leave with a goodbye."""
    sock.close()


def seconds_to_leave(whole: Whole, leave: Any, path: str, method: str = "GET", body: bytes = b"") -> float:
    """How long a handler goes on after its client has left."""
    id = whole.new_id()
    with whole.connect() as connection:
        connection.ask(f"{path}?id={id}", method, body)
        whole.said("began", id)
        time.sleep(0.06)  # the watch has seen it: from here on a reader waits for the disconnect
        since = time.monotonic()
        leave(connection.sock)
    return whole.seconds_until("left", id, since)


@pytest.mark.parametrize("leave", [close, reset])
@pytest.mark.parametrize("path", ["/sleep", "/poll", "/helped"])
def test_a_handler_ends_at_once_when_its_client_leaves(whole: Whole, path: str, leave: Any) -> None:
    took = [seconds_to_leave(whole, leave, path) for _ in range(ATTEMPTS)]
    assert statistics.median(took) < AT_ONCE, took


@pytest.mark.parametrize("path", ["/sleep", "/poll"])
def test_so_does_one_that_has_not_read_its_body(whole: Whole, path: str) -> None:
    took = [seconds_to_leave(whole, reset, path, "POST", b"x" * 40_000) for _ in range(ATTEMPTS)]
    assert statistics.median(took) < AT_ONCE, took


def test_one_that_never_began_to_wait_is_ended_too(whole: Whole) -> None:
    took = []
    for _ in range(ATTEMPTS):
        id = whole.new_id()
        with whole.connect() as connection:
            connection.ask(f"/sleep?id={id}")
            since = time.monotonic()
        took.append(whole.seconds_until("left", id, since))
    assert statistics.median(took) < AT_ONCE, took


def test_a_handler_that_was_cancelled_is_no_error_and_its_helpers_are_gone(whole: Whole) -> None:
    whole.new_log()
    id = whole.new_id()
    with whole.connect() as connection:
        connection.ask(f"/helped?id={id}")
        whole.said("began", id)
    whole.said("helper", id)
    assert whole.said("left", id)[2] in ("Cancelled", "CancelledError")
    whole.until_idle()
    log = whole.new_log()
    assert "ERROR" not in log
    assert "Traceback" not in log


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(whole: Whole) -> None:
    whole.new_log()
    id = whole.new_id()
    with whole.process.connect() as sock:
        sock.sendall(
            f"POST /length?id={id} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nhalf".encode("ascii")
        )
        whole.said("began", id)
    assert whole.said("left", id)[2] == "ClientDisconnect"
    whole.until_idle()
    log = whole.new_log()
    assert "ERROR" not in log
    assert "Traceback" not in log


# -- many at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def room() -> Iterator[None]:
    """Let this process, and the server it starts, open enough files."""
    wanted = 2 * MANY
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"needs {wanted} open files, the system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident(pid: int) -> int:
    """The resident set of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def let_many_wait_and_vanish(whole: Whole) -> float:
    """Open `MANY` long polls, let all clients vanish; how many seconds until no handler is left."""
    with ExitStack() as stack:
        connections: list[HTTP] = []
        while len(connections) < MANY:  # in turns, within the backlog of the listener
            for _ in range(50):
                connections.append(stack.enter_context(whole.connect()))
                connections[-1].ask("/wait")
            until(lambda: bool(whole.statistics()["waiting"] == len(connections)), whole.process)
        assert whole.statistics()["exchanges"] == MANY
        for each in connections:
            reset(each.sock)
    since = time.monotonic()
    until(lambda: bool(whole.statistics()["waiting"] == 0), whole.process)
    took = time.monotonic() - since
    whole.until_idle()
    return took


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc for the memory of a process")
def test_a_thousand_long_polls_whose_clients_vanish_leave_nothing(room: None, server: str) -> None:
    with serving("whole.py:app", server, config=QUIET.get(server)) as process:
        whole = Whole(server, process)
        with whole.http:
            blocks = whole.http.get("/memory").json()
            whole.new_log()
            assert let_many_wait_and_vanish(whole) < 2
            assert whole.new_log() == ""
            # Nothing is kept; what the interpreter does not give back to the system it uses again.
            assert whole.http.get("/memory").json() < 1.1 * blocks
            once = resident(process.pid)
            assert let_many_wait_and_vanish(whole) < 2
            assert whole.http.get("/memory").json() < 1.1 * blocks
            assert resident(process.pid) < 1.25 * once  # what the allocator keeps varies by some MB
