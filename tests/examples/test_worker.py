"""`examples/worker`, run and tried as its docstring and its README say."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.harness import Process, program
from tests.e2e.whole import until
from tests.examples.docstring import EXAMPLES, curls

pytestmark = [pytest.mark.e2e]

WORKER = EXAMPLES / "worker" / "worker.py"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with program(WORKER, "127.0.0.1:0", str(tmp_path / "jobs.sqlite")) as process:
        yield process
        stop(process)


def stop(process: Process) -> None:
    process.signal(signal.SIGTERM)
    assert process.exit_code() == 0, process.report()
    assert "the jobs are closed" in process.log()


def add(client: httpx.Client, text: str) -> int:
    answer = client.post("/jobs", content=text)
    assert answer.status_code == 202
    return int(answer.json()["id"])


def job(client: httpx.Client, id: int) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/jobs/{id}").json()
    return found


def test_each_command_of_the_docstring_does_what_it_says_and_the_readme_has_the_same(process: Process) -> None:
    post, show, ready, tasks, metrics = curls("worker/worker.py")
    with process.client() as client:
        added = client.request(post.method, post.target, **post.options)
        assert (added.status_code, added.json()) == (202, {"id": 1})
        until(lambda: job(client, 1)["state"] == "done", process)
        assert client.request(show.method, show.target).json() == {
            "id": 1,
            "text": "hello",
            "state": "done",
            "attempts": 1,
        }
        assert client.get(ready.target).text == "ready\n"
        assert re.search(r"worker  running  .*Jobs\.take \(worker/worker\.py:\d+\)", client.get(tasks.target).text)
        assert 'requests{route="/jobs",outcome="completed",status="202"} 1' in client.get(metrics.target).text
        assert client.get("/jobs/7").status_code == 404
    readme = (EXAMPLES / "worker" / "README.md").read_text(encoding="utf-8")
    assert [each for each in readme.splitlines() if each.startswith("curl ")] == [
        re.split(r"\s+#", line.strip())[0] for line in WORKER.read_text().splitlines() if line.startswith("    curl ")
    ]


def test_a_job_that_fails_is_marked_and_one_that_crashes_the_worker_three_times_too(process: Process) -> None:
    with process.client() as client:
        failing, crashing, good = add(client, "fail"), add(client, "crash"), add(client, "good")
        until(lambda: "service 'worker' is backing-off" in client.get("/readyz").text, process)
        until(lambda: job(client, good)["state"] == "done", process)
        assert job(client, failing)["state"] == "failed"
        assert (job(client, crashing)["state"], job(client, crashing)["attempts"]) == ("failed", 3)
        assert 'restarts{service="worker"} 3' in client.get("/metrics").text
        assert client.get("/readyz").status_code == 200


def test_what_waits_at_a_stop_is_done_by_the_next_process(tmp_path: Path) -> None:
    file = str(tmp_path / "jobs.sqlite")
    with program(WORKER, "127.0.0.1:0", file) as process:
        with process.client() as client:
            ids = [add(client, f"job {number}") for number in range(3)]
        stop(process)
        assert "Traceback" not in process.log()
    with program(WORKER, "127.0.0.1:0", file) as process:
        with process.client() as client:
            until(lambda: all(job(client, id)["state"] == "done" for id in ids), process)
        stop(process)
