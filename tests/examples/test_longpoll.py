"""`examples/longpoll.py`, run and tried as its docstring says."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.e2e.harness import Process, program
from tests.e2e.whole import reset, until
from tests.e2e.wire import HTTP
from tests.examples.docstring import EXAMPLES, curls

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def process() -> Iterator[Process]:
    with program(EXAMPLES / "longpoll.py", "127.0.0.1:0") as process:
        yield process
        if process.running():
            process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        log = process.log()
        assert "Traceback" not in log, log
        assert log.count("Running on") == 1, log  # by the server itself: nobody has configured a log


def until_waiting(process: Process, client: httpx.Client, number: int) -> None:
    until(lambda: bool(client.get("/status").json()["waiting"] == number), process)


def test_each_command_of_the_docstring_does_what_it_says(process: Process) -> None:
    poll, publish = curls("longpoll.py")
    with process.client() as client, HTTP(process.connect()) as waiting:
        waiting.ask(poll.target, poll.method)
        until_waiting(process, client, 1)
        published = client.request(publish.method, publish.target, **publish.options)
        assert (published.status_code, published.json()) == (201, {"number": 1})
        answer = waiting.answer()
        assert answer is not None
        assert answer.body == b'{"events":["first"],"after":1}'
        assert client.request(poll.method, poll.target).json() == {"events": ["first"], "after": 1}
        assert client.get("/status").json() == {"waiting": 0, "events": 1}


def test_nothing_is_lost_between_two_polls(process: Process) -> None:
    events = [f"event {number}" for number in range(100)]

    def publish() -> None:
        with process.client() as publisher:
            for event in events:
                publisher.post("/events", content=event)

    publishing = threading.Thread(target=publish)
    publishing.start()
    with process.client() as client:
        seen: list[str] = []
        after = 0
        while len(seen) < len(events):
            news = client.get("/events", params={"after": after}).json()
            seen += news["events"]
            after = news["after"]
    publishing.join()
    assert seen == events


def test_a_number_that_is_none_is_refused(process: Process) -> None:
    with process.client() as client:
        answer = client.get("/events?after=yesterday")
        assert answer.status_code == 400
        assert "yesterday" in answer.text


def test_clients_that_vanish_are_not_counted_any_more(process: Process) -> None:
    with process.client() as client, ExitStack() as stack:
        polls = [stack.enter_context(HTTP(process.connect())) for _ in range(20)]
        for each in polls:
            each.ask("/events?after=0")
        until_waiting(process, client, 20)
        for each in polls:
            reset(each.sock)
        until_waiting(process, client, 0)


def test_a_stop_answers_who_waits_with_204_and_when_to_come_back(process: Process) -> None:
    with process.client() as client, HTTP(process.connect()) as waiting:
        waiting.ask("/events?after=0")
        until_waiting(process, client, 1)
        process.signal(signal.SIGTERM)
        answer = waiting.answer()
        assert answer is not None
        assert (answer.status, answer.headers["retry-after"]) == (204, "1")
        assert process.exit_code() == 0
