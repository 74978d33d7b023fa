"""The debug page, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import Process

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_it_can_be_read_light_and_dark_on_screens_wide_and_narrow(page: Page, site: Process, gallery: Gallery) -> None:
    answer = page.goto(f"{site.url}/crash?{'q' * 300}=1")
    assert answer is not None
    assert answer.status == 500
    assert gallery.look(page, "debug") == []


def test_all_that_is_folded_can_be_opened_and_read(page: Page, site: Process, gallery: Gallery) -> None:
    page.goto(f"{site.url}/crash")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert gallery.look(page, "debug-open") == []


def test_its_links_lead_to_what_they_name_and_keys_reach_what_is_folded(page: Page, site: Process) -> None:
    page.goto(f"{site.url}/crash")
    links = page.locator("nav a")
    assert links.count() == 4
    for number in range(links.count()):
        target = links.nth(number).get_attribute("href")
        assert target is not None
        assert page.locator(target).count() == 1
    closed = page.locator("details:not([open])")
    before = closed.count()
    closed.first.locator("> summary").focus()
    page.keyboard.press("Enter")
    assert closed.count() == before - 1


def test_it_needs_nothing_but_itself(page: Page, site: Process) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.url}/crash")
    assert [url for url in asked if not url.endswith("/favicon.ico")] == [f"{site.url}/crash"]
    assert "Several <things> went wrong" in page.inner_text("header")
