"""`CSRFMiddleware` against a real browser: forms of ours pass, those that other pages make it send do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SITE
from tests.e2e.harness import Process, program

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

SEND = """async headers => {
  const body = new URLSearchParams({text: "hi"})
  return (await fetch("/guarded/form", {method: "POST", body, headers})).status
}"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Process]:
    """Another origin, on another port."""
    with program(SITE, "127.0.0.1:0") as process:
        yield process


def submit_from(page: Page, origin: str, action: str, token: str) -> str:
    """What the browser shows after a page of `origin` has made it submit a form."""
    page.goto(origin)
    page.evaluate(
        """([action, csrf_token]) => {
          const form = Object.assign(document.createElement("form"), {method: "post", action})
          for (const [name, value] of Object.entries({csrf_token, text: "forged"})) {
            form.append(Object.assign(document.createElement("input"), {name, value}))
          }
          document.body.append(form)
          form.submit()
        }""",
        [action, token],
    )
    page.wait_for_url(action)
    return page.inner_text("body")


def test_a_form_of_the_page_passes_and_is_sent_twice_if_need_be(page: Page, site: Process) -> None:
    for text in ("first", "second"):
        page.goto(f"{site.url}/guarded/form")
        page.get_by_label("Text").fill(text)
        page.get_by_role("button", name="Send").click()
        page.get_by_text(f"sent: {text}").wait_for()


def test_a_script_of_the_page_repeats_the_cookie_in_a_header(page: Page, site: Process) -> None:
    page.goto(f"{site.url}/guarded/form")
    token = page.evaluate("document.cookie.match(/csrftoken=([^;]+)/)[1]")
    assert page.evaluate(SEND, {"x-csrftoken": token}) == 200
    assert page.evaluate(SEND, {}) == 403
    assert page.evaluate(SEND, {"x-csrftoken": token[:-1]}) == 403


def test_a_form_of_another_origin_is_refused_even_with_the_right_token(
    page: Page, site: Process, elsewhere: Process
) -> None:
    action = f"{site.url}/guarded/form"
    page.goto(action)
    token = page.get_attribute("input[name=csrf_token]", "value")
    assert token is not None
    for origin in (elsewhere.url, f"http://localhost:{elsewhere.port}"):
        assert "verification failed" in submit_from(page, origin, action, token)
    assert submit_from(page, site.url, action, token) == "sent: forged"  # that was the origin, and nothing else


def test_a_websocket_of_another_origin_is_refused(page: Page, site: Process, elsewhere: Process) -> None:
    connect = """url => new Promise(resolve => {
      const socket = new WebSocket(url)
      socket.onopen = () => { socket.close(); resolve(true) }
      socket.onerror = () => resolve(false)
    })"""
    url = f"ws://127.0.0.1:{site.port}/guarded/echo"
    page.goto(site.url)
    assert page.evaluate(connect, url)
    page.goto(elsewhere.url)
    assert not page.evaluate(connect, url)
