"""`examples/quickstart.py`, run and tried as its docstring says."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.harness import Process, program
from tests.e2e.wire import HTTP, WebSocket
from tests.examples.docstring import EXAMPLES, curls

pytestmark = [pytest.mark.e2e]


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with program(EXAMPLES / "quickstart.py", "127.0.0.1:0") as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.report()


def test_each_command_of_the_docstring_does_what_it_says(process: Process) -> None:
    hello, ticks, wait, say = curls("quickstart.py")
    with process.client() as client:
        assert client.request(hello.method, hello.target).json() == {"hello": "ada"}

        with client.stream(ticks.method, ticks.target) as answer:
            lines = answer.iter_lines()
            assert [next(lines), next(lines)] == ["tick 0", "tick 1"]
        process.wait_for("the reader of ticks is gone")

        answers: list[httpx.Response] = []

        def until_answered() -> None:
            with process.client() as other:
                answers.append(other.request(wait.method, wait.target))

        waiting = threading.Thread(target=until_answered)
        waiting.start()
        while not answers:  # what is said before somebody waits is not for him
            said = client.request(say.method, say.target, **say.options)
            assert (said.status_code, said.json()) == (202, {"said": say.body})
            waiting.join(0.1)
        waiting.join()
        assert answers[0].json() == {"said": say.body}
        process.wait_for(f"remembered '{say.body}'")


def test_the_websocket_answers_in_upper_case(process: Process) -> None:
    with WebSocket(process.connect(), "/echo") as websocket:
        websocket.send("hello")
        assert websocket.text() == "HELLO"
        websocket.close()
        assert websocket.closed()[0] == 1000


def test_the_service_runs_and_each_line_is_logged_once(process: Process) -> None:
    process.wait_for(r"^INFO quickstart: still here: \d+ exchange")
    assert process.log().count("unning on http") == 1


def test_a_stop_answers_who_waits_and_ends_who_reads() -> None:
    with program(EXAMPLES / "quickstart.py", "127.0.0.1:0") as process:
        with HTTP(process.connect()) as waiting, HTTP(process.connect()) as reading:
            reading.ask("/ticks")
            assert reading.begun()
            waiting.ask("/wait")
            process.signal(signal.SIGTERM)
            answer, ticks = waiting.answer(), reading.answer()
            assert answer is not None
            assert answer.status == 204
            assert ticks is not None
            assert ticks.complete
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log()
