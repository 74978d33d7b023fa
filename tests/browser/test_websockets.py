"""What a page sees of the end of a websocket, and what the application sees of the page's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.harness import Process
from tests.e2e.watching import new_log

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# Opens one and tells how it ends: [was it open, code, reason, clean].
END = """path => new Promise(resolve => {
  const socket = new WebSocket(`ws://${location.host}${path}`)
  let opened = false
  socket.onopen = () => opened = true
  socket.onclose = ({code, reason, wasClean}) => resolve([opened, code, reason, wasClean])
})"""


@pytest.mark.parametrize("code", [1000, 1008, 1012, 3000, 4321])
def test_a_close_code_and_its_reason_reach_the_page(page: Page, site: Process, code: int) -> None:
    page.goto(site.url)
    assert page.evaluate(END, f"/close/{code}") == [True, code, "as you like", True]


def test_a_refusal_is_a_socket_that_never_opened(page: Page, site: Process) -> None:
    page.goto(site.url)
    assert page.evaluate(END, "/deny") == [False, 1006, "", False]
    assert page.evaluate(END, "/nothing-here") == [False, 1006, "", False]


def test_an_error_of_the_handler_closes_with_1011_and_tells_no_secret(page: Page, site: Process) -> None:
    page.goto(site.url)
    opened, code, reason, clean = page.evaluate(END, "/crash")
    assert (opened, code, clean) == (True, 1011, True)
    assert "secret" not in reason


def test_text_and_bytes_go_there_and_back_and_a_protocol_is_agreed_on(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    said = page.evaluate(
        """() => new Promise(resolve => {
          const said = [], socket = new WebSocket(`ws://${location.host}/echo`, ["other", "lilya.echo"])
          socket.binaryType = "arraybuffer"
          socket.onopen = () => { socket.send("häßlich \\u{1F600}"); socket.send(new Uint8Array([0, 255])) }
          socket.onmessage = ({data}) => {
            said.push(typeof data === "string" ? data : [...new Uint8Array(data)])
            if (said.length === 2) socket.close(4000, "enough")
          }
          socket.onclose = ({code, reason, wasClean}) => resolve([socket.protocol, said, code, reason, wasClean])
        })"""
    )
    assert said == ["lilya.echo", ["häßlich \U0001f600", [0, 255]], 4000, "enough", True]
    log.wait_for("websocket closed with")
    log.wait_for("websocket ended")


def test_a_page_that_leaves_ends_the_handler(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    page.evaluate(
        """() => new Promise(resolve => {
          window.socket = new WebSocket(`ws://${location.host}/echo`)
          socket.onopen = resolve
        })"""
    )
    page.goto("about:blank")
    log.wait_for("websocket ended")
