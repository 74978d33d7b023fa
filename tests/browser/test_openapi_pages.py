"""The pages around the viewers of OpenAPI, whose scripts come from elsewhere: here they do not come, or are our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import Process

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

VIEWERS = ("swagger", "redoc", "elements", "rapidoc")
MISSING = "The viewer of this page could not be loaded."


@pytest.mark.parametrize("viewer", VIEWERS)
def test_a_viewer_that_does_not_come_leaves_a_page_that_says_so_and_leads_to_the_document(
    page: Page, site: Process, gallery: Gallery, viewer: str
) -> None:
    page.route("https://**", lambda route: route.abort())
    page.goto(f"{site.url}/docs/{viewer}")
    page.get_by_text(MISSING).wait_for()
    assert gallery.look(page, f"openapi-{viewer}") == []
    page.get_by_role("link", name="/openapi.json").click()
    page.wait_for_url(f"{site.url}/openapi.json")


def test_without_scripts_the_page_says_the_same(browser: Browser, site: Process) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.route("https://**", lambda route: route.abort())
        page.goto(f"{site.url}/docs/redoc")
        assert MISSING in page.inner_text("main")


def test_a_viewer_that_comes_is_started_with_the_document_and_nothing_else_is_said(page: Page, site: Process) -> None:
    script = "window.SwaggerUIBundle = given => document.querySelector(given.dom_id).textContent = given.url"
    page.route("https://**/*.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.route("https://**/*.css", lambda route: route.abort())
    page.goto(f"{site.url}/docs/swagger")
    page.get_by_text("/openapi.json").wait_for()
    assert page.inner_text("body") == "/openapi.json"
