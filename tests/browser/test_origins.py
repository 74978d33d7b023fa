"""Cookies and CORS: two servers on two ports are two origins; `localhost` and `127.0.0.1` are two sites."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import SITE
from tests.e2e.harness import PATIENCE, Process, program
from tests.e2e.watching import new_log

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# Asks, and tells the answer and the headers it may see; or the name of the error.
ASK = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options)
    return {...await answer.json(), headers: [...answer.headers.keys()].filter(name => name.startsWith("x-"))}
  } catch (error) { return error.name }
}"""


@pytest.fixture(scope="module")
def other(site: Process) -> Iterator[Process]:
    """Another origin, which lets the pages of `site` ask."""
    with program(SITE, "127.0.0.1:0", site.url) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()


def ask(page: Page, process: Process, **options: Any) -> Any:
    return page.evaluate(ASK, [f"{process.url}/show", options])


def test_cookies_come_back_where_they_belong_and_as_long_as_they_live(page: Page, site: Process) -> None:
    page.goto(f"{site.url}/cookies")
    names = ["brief", "hidden", "lax", "plain", "strict"]
    assert page.evaluate("async () => (await (await fetch('/show')).json()).cookies") == names
    elsewhere = page.evaluate("async () => (await (await fetch('/elsewhere/show')).json()).cookies")
    assert elsewhere == ["brief", "elsewhere", *names[1:]]
    assert "hidden" not in page.evaluate("document.cookie")
    assert "plain=1" in page.evaluate("document.cookie")
    kept = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert kept["hidden"]["httpOnly"]
    assert (kept["lax"]["sameSite"], kept["strict"]["sameSite"]) == ("Lax", "Strict")

    page.evaluate("fetch('/cookies', {method: 'DELETE'})")
    page.wait_for_function("!document.cookie.includes('brief')")
    assert page.evaluate("async () => (await (await fetch('/show')).json()).cookies") == ["lax", "plain", "strict"]


def test_what_another_site_sends_brings_no_strict_cookies_and_a_post_no_lax_ones(page: Page, site: Process) -> None:
    page.goto(f"{site.url}/cookies")
    # Chromium lets a cookie that says nothing, and is younger than two minutes, come with a POST.
    for method, expected in (("get", ["hidden", "lax", "plain"]), ("post", ["plain"])):
        page.goto(f"http://localhost:{site.port}/")
        page.evaluate(
            """([method, action]) => {
              const form = Object.assign(document.createElement("form"), {method, action})
              document.body.append(form)
              form.submit()
            }""",
            [method, f"{site.url}/show"],
        )
        page.wait_for_url(f"{site.url}/show**")
        cookies = page.evaluate("JSON.parse(document.body.innerText).cookies")
        assert [name for name in cookies if name != "brief"] == expected


def test_another_origin_that_is_allowed_may_ask_with_cookies_and_see_what_it_may(
    page: Page, site: Process, other: Process
) -> None:
    page.goto(f"{site.url}/cookies")  # cookies do not know ports: the other origin gets them too
    answer = ask(page, other, credentials="include")
    assert answer["headers"] == ["x-shown"]
    assert "hidden" in answer["cookies"]
    assert ask(page, other)["cookies"] == []


def test_a_preflight_is_asked_once_and_then_remembered(page: Page, site: Process, other: Process) -> None:
    page.goto(site.url)
    log = new_log(other)
    for _ in range(3):
        assert ask(page, other, method="PUT", headers={"x-wanted": "1"})["method"] == "PUT"
    assert log().count("preflight /show") == 1
    assert log().count("PUT handled") == 3


@pytest.mark.parametrize(
    "options", [{"method": "DELETE"}, {"method": "PUT", "headers": {"x-unwanted": "1"}}], ids=["method", "header"]
)
def test_what_is_not_allowed_never_reaches_the_handler(
    page: Page, site: Process, other: Process, options: dict[str, Any]
) -> None:
    page.goto(site.url)
    log = new_log(other)
    assert ask(page, other, **options) == "TypeError"
    assert "preflight /show" in log()
    assert "handled" not in log()


def test_an_origin_that_is_not_allowed_learns_nothing(page: Page, site: Process, other: Process) -> None:
    page.goto(f"http://localhost:{site.port}/")
    log = new_log(other)
    assert ask(page, other) == "TypeError"
    assert ask(page, other, method="PUT") == "TypeError"
    assert "PUT handled" not in log()
    page.goto(other.url)
    assert ask(page, site) == "TypeError"  # which lets nobody ask


def test_a_brief_cookie_is_gone_after_its_time(page: Page, site: Process) -> None:
    page.goto(f"{site.url}/cookies")
    end = time.monotonic() + PATIENCE
    while "brief" in page.evaluate("async () => (await (await fetch('/show')).json()).cookies"):
        assert time.monotonic() < end
