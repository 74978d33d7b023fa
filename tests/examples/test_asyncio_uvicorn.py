"""`examples/asyncio_uvicorn`, run as its README says: uvicorn, and a library that knows nothing but asyncio."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.harness import PATIENCE, Process, program
from tests.e2e.wire import HTTP, WebSocket
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def process() -> Iterator[Process]:
    with program(EXAMPLES / "asyncio_uvicorn" / "app.py", "127.0.0.1:0", "0") as process:
        yield process
        if process.running():
            process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        log = process.log()
        assert "nothing is left" in log, log
        assert "Traceback" not in log, log
        assert "never retrieved" not in log, log


def write(process: Process, line: str) -> None:
    port = int(process.wait_for(r"^websockets are on (\d+)$")[1])
    with WebSocket(socket.create_connection(("127.0.0.1", port), PATIENCE), "/") as websocket:
        websocket.send(line)
        assert websocket.text() == "written"
        websocket.close()
        assert websocket.closed()[0] == 1000


def test_what_is_written_by_one_library_is_read_by_the_other(process: Process) -> None:
    with process.client() as client, HTTP(process.connect()) as following:
        following.ask("/follow")
        assert following.begun()
        write(process, "first")
        assert client.post("/", content="second").json() == {"written": 2}
        assert client.get("/").json() == ["first", "second"]
        process.signal(signal.SIGTERM)
        stream = following.answer()
        assert stream is not None
        assert stream.complete
        assert b"data: first\n\ndata: second\n\n" in stream.body


def test_a_signal_ends_both_servers_and_requests_under_way_are_answered(process: Process) -> None:
    with HTTP(process.connect()) as slow, HTTP(process.connect()) as following:
        slow.ask("/slow")
        following.ask("/follow")
        assert following.begun()
        process.signal(signal.SIGTERM)
        answer, stream = slow.answer(), following.answer()
        assert answer is not None
        assert answer.body == b'"slow, but whole"'
        assert stream is not None
        assert stream.complete
    assert process.exit_code() == 0
