"""A report is written whatever there is to report, and whatever there is not."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import pytest

from lilya._asgi.statistics import Statistics, TaskStatistics
from lilya._handling._debug_page import write_page
from lilya._handling._debug_report import make_report
from lilya._handling._debug_text import write_text
from lilya.types import Scope
from tests.handling.pages import Element, Page


def page(exc: BaseException, scope: Scope | None = None, statistics: Statistics | None = None) -> Element:
    return Page(write_page(make_report(exc, scope or {"type": "http"}, statistics, "trio"))).root


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    root = page(ValueError("made"))
    assert root.one("header").text == "  500ValueErrormade"
    assert root.all("p", "where") == []
    assert root.all("details", "frame") == []


def test_of_a_scope_that_says_nothing_nothing_is_shown() -> None:
    section = page(ValueError()).titled("Request")
    assert section.one("table").rows().keys() == {"Request"}
    assert section.all("details", "headers") == []
    assert write_text(make_report(ValueError(), {"type": "http"}, None, "trio")) == "ValueError\n\n  HTTP/1.1\n"


def test_a_traceback_that_somebody_made_by_hand_is_shown() -> None:
    frame = sys._getframe()
    made = TracebackType(None, frame, -1, frame.f_lineno)
    root = page(ValueError().with_traceback(made))
    assert "sys._getframe()" in root.one("pre", "source").text
    assert root.all("mark") == []


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0004, "0 ms"), (0.25, "250 ms"), (1.0, "1.0 s"), (99.94, "99.9 s"), (6000.0, "100 min")]
)
def test_an_age_is_shown_in_the_unit_that_fits(seconds: float, shown: str) -> None:
    statistics = Statistics(tasks=(TaskStatistics("clean up", seconds),), threads=1, failed_tasks=2)
    section = page(ValueError(), statistics=statistics).titled("What else is going on")
    assert [cell.text for cell in section.one("tbody").all("td")] == ["clean up", shown]
    assert section.one("p").text == "1 busy thread, 2 failed tasks since the start."


def test_long_and_odd_requests_are_bounded() -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/" + "p" * 100_000,
        "query_string": b"&".join(b"n%d=%s" % (number, b"v" * 10_000) for number in range(200)) + b"&\xff=\xff",
        "headers": [(b"x-%d" % number, b"\xff" * 10_000) for number in range(200)],
        "client": ("127.0.0.1", 1),
        "path_params": {f"p{number}": "x" * 10_000 for number in range(200)},
    }
    root = page(ValueError(), scope)
    assert len(root.text) < 600_000
    assert len(root.titled("Request").one("details", "headers").rows()) == 60
