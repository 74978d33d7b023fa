"""`examples/feed`, run as its README says: it measures, a browser that comes back has what it missed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.harness import Process, program
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def process() -> Iterator[Process]:
    with program(EXAMPLES / "feed" / "main.py", "127.0.0.1:0") as process:
        yield process
        if process.running():
            process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()


def events(response: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, as their fields."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


def test_it_measures_and_replays(process: Process) -> None:
    with process.client() as client:
        assert "<title>Feed</title>" in client.get("/").text
        with client.stream("GET", "/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            stream = events(response)
            assert next(stream) == {"retry": "1000"}
            first, second = next(stream), next(stream)
        assert first["event"] == second["event"] == "sample"
        assert set(json.loads(first["data"])) == {"at", "cpu", "late", "load", "listeners"}
        with client.stream("GET", "/events", headers={"last-event-id": first["id"]}) as response:
            stream = events(response)
            next(stream)
            assert next(stream) == second
        with client.stream("GET", "/events", headers={"last-event-id": "of another server"}) as response:
            stream = events(response)
            next(stream)
            assert next(stream)["event"] == "gap"
            assert next(stream) == first


def test_a_stop_ends_the_stream_with_a_last_retry(process: Process) -> None:
    with process.client() as client, client.stream("GET", "/events") as response:
        stream = events(response)
        next(stream)
        process.signal(signal.SIGTERM)
        assert [*stream][-1] == {"retry": "1000"}
        assert process.exit_code() == 0
