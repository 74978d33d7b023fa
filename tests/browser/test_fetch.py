"""`fetch` and `XMLHttpRequest`: streams that are read as they come, uploads, and what an abort does to a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.harness import Process
from tests.e2e.watching import new_log

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_each_piece_is_read_before_the_next_one_is_made_and_an_abort_ends_the_stream(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    text = page.evaluate(
        """async () => {
          window.abort = new AbortController()
          const answer = await fetch("/stream", {signal: abort.signal})
          const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
          let text = ""
          for (let number = 0; number < 3; number++) {
            text += (await reader.read()).value
            await fetch("/next", {method: "POST"})
          }
          return text
        }"""
    )
    assert text == "piece piece piece "
    assert "stream ended" not in log()
    page.evaluate("abort.abort()")
    log.wait_for("stream ended")


def test_an_abort_cancels_the_handler_that_has_not_answered(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    page.evaluate(
        """() => {
          window.abort = new AbortController()
          fetch("/wait", {signal: abort.signal}).catch(error => window.name = error.name)
        }"""
    )
    log.wait_for("wait begun")
    page.evaluate("abort.abort()")
    log.wait_for("wait ended")
    page.wait_for_function("window.name === 'AbortError'")


def test_leaving_the_page_cancels_what_it_has_asked_for(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    page.evaluate("() => { fetch('/wait').catch(() => {}) }")
    log.wait_for("wait begun")
    page.goto("about:blank")
    log.wait_for("wait ended")


def test_an_upload_tells_its_progress_and_arrives_whole(page: Page, site: Process) -> None:
    page.goto(site.url)
    sizes, answer = page.evaluate(
        """() => new Promise(resolve => {
          const sizes = [], request = new XMLHttpRequest()
          request.upload.onprogress = event => sizes.push(event.loaded)
          request.onload = () => resolve([sizes, request.response])
          request.open("POST", "/upload?slowly")
          request.responseType = "json"
          request.send(new Blob([new Uint8Array(24_000_000)]))
        })"""
    )
    assert answer == {"size": 24_000_000}
    assert sizes == sorted(sizes)
    assert len(sizes) > 1
    assert sizes[-1] == 24_000_000


def test_an_upload_that_is_aborted_is_broken_off_in_the_application(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    page.evaluate(
        """() => {
          window.request = new XMLHttpRequest()
          request.onabort = () => window.name = "aborted"
          request.open("POST", "/upload?slowly")
          request.send(new Blob([new Uint8Array(64_000_000)]))
        }"""
    )
    log.wait_for("upload begun")
    page.evaluate("request.abort()")
    log.wait_for("upload left")
    assert page.evaluate("window.name") == "aborted"


def test_a_form_of_a_page_is_read_with_names_a_browser_writes(page: Page, site: Process) -> None:
    page.goto(site.url)
    answer = page.evaluate(
        """async () => {
          const form = new FormData()
          form.append("text", "Größe\\r\\n2")
          form.append("file", new File(["12345"], 'a "quoted" näme.txt'))
          return await (await fetch("/form", {method: "POST", body: form})).json()
        }"""
    )
    assert answer == {"name": "a %22quoted%22 näme.txt", "size": 5, "text": "Größe\r\n2"}
