"""`examples/beside`, run as its README says: a web application in a nursery that is not its own."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.harness import PATIENCE, Process, program
from tests.e2e.whole import until
from tests.e2e.wire import HTTP
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def process() -> Iterator[Process]:
    with program(EXAMPLES / "beside" / "app.py", "127.0.0.1:0", "0") as process:
        yield process
        if process.running():
            process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        log = process.log()
        assert "the ticker ends" in log, log
        assert "nothing is left" in log, log
        assert "Traceback" not in log, log


def test_the_parts_of_the_program_know_each_other(process: Process) -> None:
    port = int(process.wait_for(r"^echo is on (\d+)$")[1])
    with process.client() as client, socket.create_connection(("127.0.0.1", port), PATIENCE) as echo:
        echo.sendall(b"hello")
        assert echo.recv(5) == b"hello"
        until(lambda: bool(client.get("/").json()["echoed"] == 5), process)
        with client.stream("GET", "/ticks") as answer:
            told = filter(None, answer.iter_lines())
            first, second = (int(next(told).removeprefix("data: ")) for _ in range(2))
        assert second == first + 1


def test_one_cancel_stops_all_and_requests_under_way_are_answered(process: Process) -> None:
    with process.client() as client, HTTP(process.connect()) as slow, HTTP(process.connect()) as ticks:
        slow.ask("/slow")
        ticks.ask("/ticks")
        assert ticks.begun()
        assert client.post("/stop").text == '"stopping"'
        answer, stream = slow.answer(), ticks.answer()
        assert answer is not None
        assert answer.body == b'"slow, but whole"'
        assert stream is not None
        assert stream.complete
    assert process.exit_code(PATIENCE) == 0
