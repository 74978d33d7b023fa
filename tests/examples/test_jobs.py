"""`examples/jobs`, run as its README says."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.harness import Process, program
from tests.e2e.whole import until
from tests.e2e.wire import HTTP
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]

APP = EXAMPLES / "jobs" / "app.py"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with program(APP, "127.0.0.1:0", str(tmp_path)) as process:
        yield process
        if process.running():
            process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()


@pytest.fixture
def client(process: Process) -> Iterator[httpx.Client]:
    with process.client() as client:
        yield client


def add(client: httpx.Client, lines: int, name: str = "text.txt") -> dict[str, Any]:
    answer = client.post("/jobs", files={"text": (name, b"tea and cake and tea\n" * lines)})
    assert answer.status_code == 201
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    return job


def state(client: httpx.Client, id: int) -> Any:
    return client.get(f"/jobs/{id}").json()["state"]


def test_events_tell_the_progress_to_its_end_and_then_to_stay_away(client: httpx.Client) -> None:
    job = add(client, 10)
    told = []
    with client.stream("GET", f"/jobs/{job['id']}/events") as answer:
        told = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: ")]
    done = [each["done"] for each in told]
    assert done == sorted(done)
    assert len(set(done)) > 3
    last = told[-1]
    assert (last["state"], last["done"], last["words"]) == ("done", 10, {"tea": 20, "and": 20, "cake": 10})
    again = client.get(f"/jobs/{job['id']}/events", headers={"last-event-id": str(last["version"])})
    assert again.status_code == 204


def test_long_polls_tell_the_same(client: httpx.Client) -> None:
    job = add(client, 10)
    done = []
    while job["state"] not in ("done", "failed"):
        job = client.get(f"/jobs/{job['id']}", params={"after": job["version"]}).json()
        done.append(job["done"])
    assert job["words"]["cake"] == 10
    assert done == sorted(done)
    assert len(done) > 3
    assert client.get("/jobs/1?after=x").status_code == 400
    assert client.get("/jobs/99").status_code == 404


def test_a_job_is_cancelled_while_it_waits_and_while_it_is_worked_on(process: Process, client: httpx.Client) -> None:
    first, second, third = add(client, 10_000), add(client, 5), add(client, 5)
    until(lambda: bool(client.get("/jobs/1").json()["done"] > 2), process)
    assert client.delete(f"/jobs/{second['id']}").json()["state"] == "cancelled"
    cancelled = client.delete(f"/jobs/{first['id']}").json()
    assert cancelled["state"] == "cancelled"
    assert 2 < cancelled["done"] < 10_000
    until(lambda: bool(state(client, third["id"]) == "done"), process)
    assert client.delete(f"/jobs/{third['id']}").json()["state"] == "done"
    assert [job["state"] for job in client.get("/jobs").json()] == ["done", "cancelled", "cancelled"]


def test_a_stop_lets_a_short_job_end_and_hands_a_long_one_back(tmp_path: Path) -> None:
    with program(APP, "127.0.0.1:0", str(tmp_path)) as process, process.client() as client:
        add(client, 50)  # a second: shorter than the drain
        add(client, 170)  # with the first, longer than it
        until(lambda: bool(client.get("/jobs/1").json()["done"] > 2), process)
        with HTTP(process.connect()) as poll, HTTP(process.connect()) as events:
            poll.ask("/jobs/2?after=99999999999999")
            events.ask("/jobs/1/events")
            assert events.begun()
            process.signal(signal.SIGTERM)
            answer, stream = poll.answer(), events.answer()
            assert answer is not None
            assert (answer.status, answer.headers["retry-after"]) == (204, "1")
            assert stream is not None
            assert stream.complete
        assert process.exit_code() == 0, process.report()
    with program(APP, "127.0.0.1:0", str(tmp_path)) as process, process.client() as client:
        assert state(client, 1) == "done"
        assert state(client, 2) in ("waiting", "running")
        until(lambda: bool(state(client, 2) == "done"), process)
        assert client.get("/jobs/2").json()["words"] == {"tea": 340, "and": 340, "cake": 170}


def test_what_a_stop_cuts_is_continued_where_it_was_and_a_kill_loses_no_job(tmp_path: Path) -> None:
    def start_and_end(number: signal.Signals) -> int:
        with program(APP, "127.0.0.1:0", str(tmp_path)) as process, process.client() as client:
            if not client.get("/jobs").json():
                add(client, 400)
            begun: int = client.get("/jobs/1").json()["done"]
            until(lambda: bool(client.get("/jobs/1").json()["done"] > begun + 2), process)
            process.signal(number)
            process.exit_code()
            return begun

    assert start_and_end(signal.SIGKILL) < 50
    assert start_and_end(signal.SIGTERM) < 50  # from the beginning: a kill saves nothing
    assert start_and_end(signal.SIGKILL) > 50


def test_what_is_no_job_is_refused(client: httpx.Client) -> None:
    assert client.post("/jobs", content=b"text").status_code == 400
    assert client.post("/jobs", files={"other": ("a", b"b")}).status_code == 400
    assert client.post("/jobs", data={"text": "no file"}).status_code == 400
    assert client.get("/jobs").json() == []
