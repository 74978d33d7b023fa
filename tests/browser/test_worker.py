"""What `examples/worker` shows a person of its health and its tasks."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import program
from tests.examples.docstring import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_its_health_can_be_read_and_its_tasks_looked_at(page: Page, tmp_path: Path, gallery: Gallery) -> None:
    with program(EXAMPLES / "worker" / "worker.py", "127.0.0.1:0", str(tmp_path / "jobs.sqlite")) as process:
        for path, expected in (("livez", "live"), ("readyz", "ready")):
            answer = page.goto(f"{process.url}/{path}")
            assert answer is not None
            assert (answer.status, page.inner_text("body").strip()) == (200, expected)
        page.goto(f"{process.url}/tasks")
        page.get_by_text("worker", exact=True).wait_for()
        assert gallery.look(page, "worker-tasks") == []
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()
