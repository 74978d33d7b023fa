"""The page of `examples/jobs`: progress by events or by polls, also across a restart of the server."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import free_port, program
from tests.examples.docstring import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

APP = EXAMPLES / "jobs" / "app.py"


def add(page: Page, name: str, lines: int) -> None:
    text = b"tea and cake and tea\n" * lines
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "text/plain", "buffer": text})
    page.get_by_role("button", name="Count").click()
    page.get_by_text(name).wait_for()


@pytest.mark.parametrize("query", ["", "?poll"], ids=["events", "polls"])
def test_progress_is_shown_to_the_end_also_when_the_server_restarts(page: Page, tmp_path: Path, query: str) -> None:
    bind, folder = f"127.0.0.1:{free_port()}", str(tmp_path)
    with program(APP, bind, folder) as first:
        page.goto(f"{first.url}/{query}")
        add(page, "long.txt", 120)
        page.wait_for_function("document.querySelector('progress')?.value > 2")
        first.signal(signal.SIGKILL)
        first.exit_code()
        page.get_by_text("The connection was lost").wait_for()
    with program(APP, bind, folder) as second:
        page.get_by_text("tea 240, and 240, cake 120").wait_for()
        assert page.inner_text("#note") == ""
        second.signal(signal.SIGTERM)
        assert second.exit_code() == 0, second.report()


def test_jobs_are_added_watched_and_cancelled(page: Page, tmp_path: Path, gallery: Gallery) -> None:
    with program(APP, "127.0.0.1:0", str(tmp_path)) as process:
        page.goto(process.url)
        page.get_by_text("There are no jobs yet.").wait_for()
        add(page, "A short one.txt", 3)
        page.get_by_text("tea 6, and 6, cake 3").wait_for()
        add(page, "A text with a long-name-that-has-to-be-broken-somewhere-on-a-narrow-screen.txt", 10_000)
        add(page, "The one behind.txt", 3)
        page.wait_for_function("document.querySelectorAll('progress')[1].value > 2")
        assert gallery.look(page, "jobs") == []
        page.locator("li", has_text="The one behind").get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled: 0 of 3 lines").wait_for()
        page.locator("li", has_text="A text").get_by_role("button", name="Cancel").click()
        page.get_by_text("of 10000 lines").wait_for()
        page.wait_for_function(
            "[...document.querySelectorAll('button')].filter(each => each.checkVisibility()).length === 1"
        )
        assert gallery.look(page, "jobs-over") == []
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()
