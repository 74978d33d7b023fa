"""The page of `examples/filedrop`: what a person does with it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import Process, program
from tests.examples.docstring import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

SIZE = 40_000_000


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with program(EXAMPLES / "filedrop" / "app.py", "127.0.0.1:0", str(tmp_path / "files")) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "Traceback" not in process.log(), process.log()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A file that takes a while."""
    path = tmp_path / "A film with a rather long name that has to be broken somewhere on a narrow screen, 2026.mkv"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


@pytest.fixture
def upload_at(page: Page) -> Callable[[int], None]:
    """Sets how many bytes a second the network of the page takes; -1 is as many as it can."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def upload_at(speed: int) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": speed}
        session.send("Network.emulateNetworkConditions", conditions)

    return upload_at


def test_an_upload_is_stopped_resumed_and_downloaded(
    page: Page, process: Process, film: Path, tmp_path: Path, gallery: Gallery, upload_at: Callable[[int], None]
) -> None:
    page.goto(process.url)
    page.get_by_text("There is nothing here yet.").wait_for()
    assert gallery.look(page, "filedrop-empty") == []

    upload_at(8_000_000)
    page.set_input_files("#chosen", film)
    page.wait_for_function("document.querySelector('progress')?.value > 0.1")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("what has arrived is kept").wait_for()
    assert gallery.look(page, "filedrop-stopped") == []
    part = next((tmp_path / "files" / ".parts").iterdir())
    assert 0 < part.stat().st_size < SIZE

    upload_at(-1)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("link", name=film.name).wait_for()
    assert page.locator("#uploads li").count() == 0
    assert gallery.look(page, "filedrop-done") == []
    with page.expect_download() as expected:
        page.get_by_role("link", name=film.name).click()
    expected.value.save_as(tmp_path / "saved")
    assert expected.value.suggested_filename == film.name
    assert (tmp_path / "saved").stat().st_size == SIZE


def test_an_upload_that_is_forgotten_leaves_nothing(
    page: Page, process: Process, film: Path, tmp_path: Path, upload_at: Callable[[int], None]
) -> None:
    page.goto(process.url)
    upload_at(8_000_000)
    page.set_input_files("#chosen", film)
    page.wait_for_function("document.querySelector('progress')?.value > 0.05")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Forget").click()
    page.wait_for_function("document.querySelectorAll('#uploads li').length === 0")
    assert list((tmp_path / "files" / ".parts").iterdir()) == []
