"""The tree of tasks under real servers, each of which starts the tasks of its requests in its own way."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.e2e.harness import Process, serving
from tests.e2e.whole import until
from tests.e2e.wire import HTTP

pytestmark = [pytest.mark.e2e]


def exchanges(process: Process) -> dict[str, Any]:
    with process.client() as client:
        picture = json.loads(client.get("/tasks", headers={"accept": "application/json"}).text)
    return {node["name"]: node for node in picture["sections"][0]["nodes"]}


def test_a_request_that_waits_is_shown_with_where_it_waits_and_its_tasks(server: str) -> None:
    with serving("inspected.py:app", server) as process:
        with HTTP(process.connect()) as waiting:
            waiting.ask("/poll/weather")
            until(lambda: bool(exchanges(process).get("GET /poll/{topic}", {}).get("children")), process)
            found = exchanges(process)
        poll = found["GET /poll/{topic}"]
        assert re.fullmatch(r"news \(apps/inspected\.py:\d+\)", poll["where"])
        assert poll["awaits"] == "sleep_forever"
        assert [child["name"] for child in poll["children"]] == ["patience"]
        assert found["GET /tasks"]["where"] == "this page"


def test_pages_of_others_may_not_look(server: str) -> None:
    with serving("inspected.py:app", server) as process, process.client() as client:
        assert client.get("/tasks").status_code == 200
        assert client.get("/tasks", headers={"host": "rebound.example"}).status_code == 403
        assert client.get("/tasks", headers={"x-forwarded-for": "203.0.113.1"}).status_code == 403
