"""The documentation, built as a site and looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import ROOT, Process, program

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.timeout(180),  # the first one builds the site, which is half a minute of work
    pytest.mark.skipif(
        not all(map(find_spec, ("zensical", "mkdocstrings_handlers"))),
        reason="zensical and mkdocstrings-python, of the dependency group docs, are not installed",
    ),
]


@pytest.fixture(scope="module")
def docs(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The site. It asks for the browser first: where there is none, nothing is built."""
    folder = tmp_path_factory.mktemp("docs") / "built"
    command = [sys.executable, "-m", "tests.docs.site", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    with program(Path(__file__).with_name("folder.py"), "127.0.0.1:0", str(folder / "site")) as process:
        yield process


@pytest.mark.parametrize("path", ["/", "/tutorial/4-a-stream/", "/reference/lilya.pubsub/"])
def test_its_pages_can_be_read_light_and_dark_on_screens_wide_and_narrow(
    page: Page, docs: Process, gallery: Gallery, path: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{docs.url}{path}")
    assert gallery.look(page, f"docs{path.rstrip('/').replace('/', '-')}") == []
    assert [url for url in asked if not url.startswith(docs.url)] == []
