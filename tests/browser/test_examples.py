"""The pages of `examples/chat` and `examples/feed`, as a person sees them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.browser.looking import Gallery
from tests.e2e.harness import Process, free_port, program
from tests.examples.docstring import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@contextmanager
def example(name: str, bind: str = "127.0.0.1:0") -> Iterator[Process]:
    with program(EXAMPLES / name / "main.py", bind) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        log = process.log()
        assert "Traceback" not in log, log
        assert "cancelled after" not in log, log  # it waits for nobody


def enter(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("Here:").wait_for()


def say(page: Page, text: str) -> None:
    page.get_by_label("Say something").fill(text)
    page.keyboard.press("Enter")


def test_two_people_chat_and_markup_is_text(page: Page, gallery: Gallery) -> None:
    with example("chat") as process:
        other = page.context.new_page()
        page.goto(process.url)
        other.goto(process.url)
        enter(page, "Ada")
        enter(other, "Grace")
        page.get_by_text("Here: Ada, Grace").wait_for()
        say(page, "<b>Hello</b> " + "and a word without an end: " + "a" * 200)
        other.get_by_text("<b>Hello</b>").wait_for()
        say(other, "Hello Ada")
        page.get_by_text("Hello Ada").wait_for()
        assert gallery.look(page, "chat") == []
        other.close()
        page.get_by_text("Here: Ada", exact=True).wait_for()


def test_a_chat_comes_back_when_the_server_does(page: Page) -> None:
    bind = f"127.0.0.1:{free_port()}"
    with example("chat", bind) as first:
        page.goto(first.url)
        enter(page, "Ada")
    page.get_by_text("The connection was lost").first.wait_for()
    with example("chat", bind):
        page.get_by_text("Here: Ada").wait_for()
        say(page, "again")
        page.locator("#log", has_text="again").wait_for()


def test_the_feed_draws_what_the_server_measures(page: Page, gallery: Gallery) -> None:
    with example("feed") as process:
        page.goto(process.url)
        page.wait_for_function("document.querySelector('path').getAttribute('d')?.includes('L')")
        page.get_by_text("Live.").wait_for()
        assert gallery.look(page, "feed") == []
