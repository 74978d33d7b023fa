"""A browser for the tests: Debian's Chromium, driven by Playwright. What is not installed is a skip that says so.

Each module has a browser of its own: Playwright's event loop runs in the main thread for as long as it is open, and no
other test may meet it there.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import PATIENCE, Process, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SITE = Path(__file__).parent / "site.py"
NAMES = ("chromium", "chromium-browser", "google-chrome")

# It shall ask nobody but us.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser is installed: looked for {', '.join(NAMES)}")
    sandbox = () if os.geteuid() else ("--no-sandbox",)  # it refuses to run as root with one
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that knows of nothing: no cookie, no cache. An error in its scripts fails the test."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, errors


@pytest.fixture(scope="module")
def site() -> Iterator[Process]:
    """`site.py`, which must be left in good order."""
    with program(SITE, "127.0.0.1:0") as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        assert "cancelled after" not in process.log(), process.report()


@pytest.fixture(scope="session")
def gallery() -> Gallery:
    """Where pictures of the pages are kept: `LILYA_PICTURES`, or a temporary folder."""
    folder = os.environ.get("LILYA_PICTURES")
    return Gallery(Path(folder) if folder else Path(tempfile.mkdtemp(prefix="lilya-pictures-")))


@pytest.fixture(autouse=True)
def say_where(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print where the pictures are, for whoever runs the tests with `-s` or reads a failure."""
    yield
    if "gallery" in request.fixturenames:
        print(f"pictures: {request.getfixturevalue('gallery').folder}")  # noqa: T201
