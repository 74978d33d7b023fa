"""`tasks`: the tree of a running application, drawn; and what is said where there is none."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.driving import APP, files, lilya, serving

pytestmark = pytest.mark.realtime

NODE: dict[str, Any] = {"name": "GET /x", "state": "handling", "age": 75.2, "where": "app.py:3 home", "awaits": "sleep"}
PICTURE = {
    "state": "serving",
    "threads": 1,
    "failed_tasks": 0,
    "unseen": 3,
    "sections": [
        {
            "title": "Exchanges",
            "count": 5,
            "nodes": [{**NODE, "children": [{"name": "[red]\x1b[31mchild", "age": 0.5, "children": [], "more": 2}]}],
        }
    ],
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"/tasks": (200, json.dumps(PICTURE)), "/no": (403, ""), "/other": (200, "{}"), "/text": (200, "hi")}
        status, body = found.get(self.path, (404, ""))
        if self.headers["Accept"] != "application/json":
            status = 406
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Where something answers as a TaskTree does."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_tree_is_drawn_and_nothing_in_it_is_obeyed(tmp_path: Path, url: str) -> None:
    result = lilya("tasks", "--url", f"{url}/tasks", cwd=tmp_path, env={"http_proxy": "http://127.0.0.1:1"})
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "serving, worker threads at work: 1, tasks failed so far: 0, tasks not looked at: 3",
        "└── Exchanges (5)",
        "    ├── GET /x  handling  1 min 15 s  app.py:3 home, in sleep",
        "    │   └── [red]?[31mchild  500 ms",
        "    │       └── and 2 more",
        "    └── and 4 more",
    ]


def test_what_is_no_tree_is_told(tmp_path: Path, url: str) -> None:
    for path, said in [
        ("/nothing", "name the path where the TaskTree is mounted"),
        ("/no", "answers 403"),
        ("/other", "is no TaskTree"),
        ("/text", "is no TaskTree"),
    ]:
        result = lilya("tasks", "--url", f"{url}{path}", cwd=tmp_path)
        assert (result.code, result.out) == (1, "")
        assert said in result.err
    assert "did you mean http://localhost:1" in lilya("tasks", "--url", "localhost:1", cwd=tmp_path).err
    assert "does not answer" in lilya("tasks", "--url", "http://127.0.0.1:1/", cwd=tmp_path).err


def test_the_tree_of_a_served_application_is_found_and_drawn(tmp_path: Path) -> None:
    text = APP.replace("Path\n", "Path, Include\nfrom lilya.contrib.inspect import TaskTree\n")
    files(
        tmp_path, app=text.replace("routes=[", "routes=[Include('/ops', routes=[Include('/tasks', app=TaskTree())]),")
    )
    with serving("runserver", "--port", "0", cwd=tmp_path, log=tmp_path / "log.txt") as it:
        result = lilya("tasks", "--url", f"{it.url}/ops/tasks", cwd=tmp_path)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith("serving, worker threads at work: ")
        assert "GET /ops/tasks" in result.out
        assert re.search(r"task tree    http://localhost:\S*.*/ops/tasks\n", it.log())
    nobody = lilya("tasks", cwd=tmp_path)
    assert "http://127.0.0.1:8000/ops/tasks does not answer" in nobody.err or nobody.code == 0


def test_an_application_that_mounts_none_is_told_how(tmp_path: Path) -> None:
    result = lilya("tasks", cwd=files(tmp_path, app=APP))
    assert result.code == 1
    assert 'Include("/tasks", app=TaskTree())' in result.err
