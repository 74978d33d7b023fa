"""The tree of tasks, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import Process

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

ASK = """() => {
  fetch("/wait").catch(() => {})
  window.source = new EventSource("/endless")
}"""


def test_it_shows_what_comes_and_goes_without_being_loaded_anew(page: Page, site: Process, gallery: Gallery) -> None:
    other = page.context.new_page()
    other.goto(site.url)
    page.goto(f"{site.url}/tasks")
    page.get_by_text("housekeeping").wait_for()
    page.get_by_text("sweep the floor").wait_for()
    page.evaluate("window.same = true")
    other.evaluate(ASK)
    page.get_by_text("GET /wait", exact=True).wait_for()
    page.get_by_text("GET /endless", exact=True).wait_for()
    assert gallery.look(page, "tasks") == []
    other.close()
    page.get_by_text("GET /wait", exact=True).wait_for(state="detached")
    assert page.evaluate("same")


def test_a_reader_who_pauses_is_left_alone(page: Page, site: Process) -> None:
    other = page.context.new_page()
    other.goto(site.url)
    page.goto(f"{site.url}/tasks")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused").wait_for()
    pieces = page.evaluate_handle(
        """() => {
          const seen = {count: 0}
          source.addEventListener("message", () => seen.count += 1)
          return seen
        }"""
    )
    other.evaluate(ASK)
    page.wait_for_function("seen => seen.count > 1", arg=pieces)
    assert not page.get_by_text("GET /wait", exact=True).is_visible()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("GET /wait", exact=True).wait_for()
