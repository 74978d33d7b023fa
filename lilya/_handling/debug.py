"""The answer of an application in debug mode to an exception that nobody handled.

A browser gets a page, everybody else text. It shows source, variables and the request, so it is for the eyes of the
people who write the application: only an application with `debug=True` sends it.
"""

from __future__ import annotations

import logging
from typing import Final

from lilya._asgi.statistics import Statistics
from lilya._handling._debug_page import write_page
from lilya._handling._debug_report import make_report
from lilya._handling._debug_text import write_text
from lilya._handling.problems import accept_of
from lilya._sansio.headers import parse_accept
from lilya.concurrency.nursery import in_trio
from lilya.concurrency.threads import run_sync, thread_limits
from lilya.responses.base import HTMLResponse, PlainText, Response
from lilya.types import Scope

__all__ = ["debug_response"]

logger = logging.getLogger("lilya.debug")

# Whatever the page shows, nothing in it runs, and nothing keeps it.
HEADERS: Final = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"),
    ("x-content-type-options", "nosniff"),
    ("vary", "Accept"),
)


async def debug_response(exc: BaseException, scope: Scope) -> Response:
    """All there is to know about `exc`: as a page where `Accept` has `text/html`, else as text.

    Never raises by itself: a failure in here is logged, and answered with a line of text. It is made in a worker
    thread; cancelling it waits for that.
    """
    in_html = any(each.value == "text/html" and each.weight > 0 for each in parse_accept(accept_of(scope) or ""))
    backend = "trio" if in_trio() else "asyncio"
    try:
        statistics = _statistics(scope)
        body = await run_sync(_write, exc, scope, statistics, backend, in_html, limiter=thread_limits().files)
    except Exception:
        logger.exception("the debug page could not be made")
        return PlainText("Internal Server Error (the debug page could not be made: see the log)", status_code=500)
    return (HTMLResponse if in_html else PlainText)(body, status_code=500, headers=HEADERS)


def _write(exc: BaseException, scope: Scope, statistics: Statistics | None, backend: str, in_html: bool) -> bytes:
    report = make_report(exc, scope, statistics, backend)
    text = write_page(report) if in_html else write_text(report)
    return text.encode("utf-8", "backslashreplace")


def _statistics(scope: Scope) -> Statistics | None:
    """What else the application is doing; None where it is not one of ours."""
    make = getattr(scope.get("app"), "statistics", None)
    found = make() if callable(make) else None
    return found if isinstance(found, Statistics) else None
