"""EventSource, as browsers do it: it comes back by itself and says which event was its last."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SITE
from tests.browser.site import LAST
from tests.e2e.harness import Process, free_port, program
from tests.e2e.watching import new_log

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

LISTEN = """() => {
  window.seen = []
  window.source = new EventSource("/events")
  source.onmessage = event => seen.push([event.lastEventId, event.data])
}"""
CLOSED = "source.readyState === EventSource.CLOSED"


def resumed(process: Process) -> list[str]:
    """What each connection said was its last event."""
    return re.findall(r"^events after (\w+)$", process.log(), re.MULTILINE)


def test_all_events_come_in_order_and_204_ends_it(page: Page, site: Process) -> None:
    page.goto(site.url)
    page.evaluate(LISTEN)
    page.wait_for_function(CLOSED)
    assert page.evaluate("seen") == [[str(number), str(number)] for number in range(1, LAST + 1)]
    assert resumed(site)[-2:] == ["None", str(LAST)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_nothing_is_missed_or_doubled_when_the_server_restarts(page: Page, how: signal.Signals) -> None:
    bind = f"127.0.0.1:{free_port()}"
    with program(SITE, bind) as first:
        page.goto(first.url)
        page.evaluate(LISTEN)
        page.wait_for_function("seen.length >= 5")
        first.signal(how)
        assert first.exit_code() == (0 if how is signal.SIGTERM else -how), first.report()
    assert page.evaluate("source.readyState === EventSource.CONNECTING")
    with program(SITE, bind) as second:
        page.wait_for_function(CLOSED)
        assert page.evaluate("seen.map(event => Number(event[0]))") == list(range(1, LAST + 1))
        after, end = resumed(second)
        assert 5 <= int(after) < LAST
        assert int(end) == LAST


def test_a_page_that_leaves_ends_its_stream(page: Page, site: Process) -> None:
    page.goto(site.url)
    log = new_log(site)
    page.evaluate(LISTEN)
    page.wait_for_function("seen.length >= 2")
    page.goto("about:blank")
    log.wait_for("events ended at")
    ended = re.search(r"events ended at (\d+)$", log(), re.MULTILINE)
    assert ended is not None
    assert 2 <= int(ended[1]) < LAST
