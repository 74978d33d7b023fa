"""Downloads: saved under their names, had in parts, and resumed; media that is played from the middle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.harness import Process
from tests.e2e.watching import new_log

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PART = """async headers => {
  const answer = await fetch("/download", {headers})
  return [answer.status, answer.headers.get("content-range"), await answer.text()]
}"""


def test_a_download_is_saved_whole_and_under_its_name(page: Page, site: Process, tmp_path: Path) -> None:
    page.goto(site.url)
    with page.expect_download() as expected:
        page.evaluate("location.href = '/download'")
    expected.value.save_as(tmp_path / "saved")
    assert expected.value.suggested_filename == "Übersicht 2026.txt"
    assert (tmp_path / "saved").stat().st_size == 800_000


def test_parts_put_together_are_the_whole(page: Page, site: Process) -> None:
    page.goto(site.url)
    status, where, first = page.evaluate(PART, {"range": "bytes=0-399999"})
    assert (status, where) == (206, "bytes 0-399999/800000")
    status, where, rest = page.evaluate(PART, {"range": "bytes=400000-", "if-range": '"numbers"'})
    assert (status, where) == (206, "bytes 400000-799999/800000")
    assert (first + rest).split() == [f"{number:07}" for number in range(100_000)]


def test_what_has_changed_is_sent_whole_and_what_lies_behind_the_end_is_refused(page: Page, site: Process) -> None:
    page.goto(site.url)
    status, where, text = page.evaluate(PART, {"range": "bytes=400000-", "if-range": '"older"'})
    assert (status, where, len(text)) == (200, None, 800_000)
    assert page.evaluate(PART, {"range": "bytes=800000-"})[:2] == [416, "bytes */800000"]


def test_a_sound_can_be_played_from_the_middle(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    position = page.evaluate(
        """() => new Promise((resolve, reject) => {
          const sound = new Audio("/sound")
          sound.preload = "auto"
          sound.onerror = () => reject(new Error(sound.error.message))
          sound.onloadedmetadata = () => sound.currentTime = 25
          sound.onseeked = () => resolve([Math.round(sound.duration), sound.currentTime])
        })"""
    )
    assert position == [30, 25]
    assert re.search(r"sound range bytes=\d+-", log())
