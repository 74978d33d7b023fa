"""Health for whoever runs the process: `Live` (is it to be killed?) and `Ready` (is it to be sent requests?).

    Lilya(routes=[Include("/livez", app=Live()), Include("/readyz", app=Ready({"database": ping}))])

Both answer GET and HEAD with 200 or 503, in text or in JSON as `Accept` says (RFC 9110, section 12.5.1), and are kept
by no cache. They say which part is not well and never why: that is in the log, under "lilya.health".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from threading import get_ident
from typing import Any, Final

import anyio

from lilya._asgi.exchange import exchange_of
from lilya._asgi.lifespan import Life
from lilya._checks import check_seconds
from lilya._handling.problems import JSON, TEXT, accept_of
from lilya._sansio.headers import best_media_type
from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.service import Service
from lilya.concurrency.threads import is_async_callable
from lilya.contrib._page import serve_page
from lilya.exceptions import ImproperlyConfigured
from lilya.responses.base import JSONResponse, PlainText, Response
from lilya.types import Receive, Scope, Send

__all__ = ["CHECK_TIMEOUT", "Check", "Live", "Ready"]

logger = logging.getLogger("lilya.health")

# An async function without arguments. It fails by raising, or by returning False.
Check = Callable[[], Awaitable[object]]

# Seconds a check may take. Kubernetes gives a whole probe one second by default: set both.
CHECK_TIMEOUT: Final = 2.0

HEADERS: Final[Mapping[str, str]] = {"cache-control": "no-store", "vary": "Accept", "x-content-type-options": "nosniff"}


class Live:
    """200 while the event loop answers and the application has not failed (then it answers 503 to everything).

    It looks at nothing else: a process is not made well by being killed because its database is away.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Cancelling it does nothing else."""
        await serve_page(self._answer, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _response(scope, "live", [])(scope, receive, send)


class Ready:
    """200 when requests are welcome; 503 with the reasons before the start-up is complete, while the application

    drains, while a service it requires starts, waits for its restart or has failed, and when a check fails.

    Args:
        checks: async functions by name, run all at once. However many ask, each runs once at a time: who asks while
            they run gets their result.
        timeout: seconds each check may take; then it is cancelled, and has failed.
        services: those that must be ready, or their names; None for all, `()` for none.

    Raises `ImproperlyConfigured` for a check that is not async: one that blocks could not be bounded.
    """

    def __init__(
        self,
        checks: Mapping[str, Check] | None = None,
        *,
        timeout: float = CHECK_TIMEOUT,
        services: Iterable[Service | str] | None = None,
    ) -> None:
        self.checks = dict(checks or {})
        for name, check in self.checks.items():
            if not is_async_callable(check):
                raise ImproperlyConfigured(f"Ready: check {name!r} is an async function, got {check!r}")
        if isinstance(services, str | Service):
            raise ImproperlyConfigured(f"Ready: services is a list, got {services!r}: write services=[{services!r}]")
        self.timeout = check_seconds("Ready: timeout", timeout, finite=True)
        self.services = (
            None if services is None else tuple(each.name if isinstance(each, Service) else each for each in services)
        )
        self._failing: dict[str, str] = {}  # as they were last seen, so that the log tells of changes only
        self._rounds: dict[int, _Round] = {}  # under way, by the thread of their event loop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, within `timeout` seconds. Cancelling it cancels the checks, unless another one waits for them:

        then that one runs them anew.
        """
        await serve_page(self._answer, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        assert exchange is not None, "whoever called us made one"
        reasons = self._reasons(exchange.home) if isinstance(exchange.home, Life) else []
        if not reasons:  # who is not ready anyhow does not bother the database
            reasons = [f"check {name!r} {why}" for name, why in (await self._checked()).items()]
        await _response(scope, "not ready" if reasons else "ready", reasons)(scope, receive, send)

    def _reasons(self, life: Life) -> list[str]:
        """What the application itself has against requests."""
        if life.draining:
            return ["draining"]
        if not life.started:
            return ["the start-up is not complete"]
        states = {each.name: each for each in life.service_statistics()}
        reasons = []
        for name in states if self.services is None else self.services:
            service = states.get(name)
            if service is None:
                reasons.append(f"service {name!r} does not exist")
            elif not service.ready:
                reasons.append(f"service {name!r} is {service.state}")
        return reasons

    async def _checked(self) -> Mapping[str, str]:
        """The checks that failed, and how."""
        if not self.checks:
            return {}
        thread = get_ident()
        while (round := self._rounds.get(thread)) is not None:
            await round.over.wait()
            if round.failures is not None:
                return round.failures
        round = self._rounds[thread] = _Round()
        try:
            failures: dict[str, str] = {}
            async with open_nursery() as nursery:
                for name, check in self.checks.items():
                    nursery.start_soon(self._check, name, check, failures, name=f"health check {name}")
            round.failures = failures
            return failures
        finally:
            del self._rounds[thread]
            round.over.set()

    async def _check(self, name: str, check: Check, failures: dict[str, str]) -> None:
        why = ""
        failure: Exception | None = None
        with anyio.move_on_after(self.timeout) as scope:
            try:
                if await check() is False:
                    why = "failed"
            except Exception as exc:
                why, failure = "failed", exc
        if scope.cancelled_caught:
            why = f"took more than {self.timeout:g} s"
        if why:
            failures[name] = why
        if why != self._failing.get(name, ""):
            self._failing[name] = why
            if why:
                logger.warning("health check %r %s", name, why, exc_info=failure, extra={"check": name})
            else:
                logger.info("health check %r is well again", name, extra={"check": name})


class _Round:
    """One run of all checks, for everybody who asks meanwhile."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.failures: Mapping[str, str] | None = None  # None: cut before its end


def _response(scope: Scope, status: str, reasons: list[str]) -> Response:
    code = 503 if reasons else 200
    accept = accept_of(scope)
    if best_media_type(accept, (TEXT, JSON)) == JSON:
        content: dict[str, Any] = {"status": status, "reasons": reasons}
        return JSONResponse(content, status_code=code, headers=HEADERS)
    return PlainText("\n".join([status, *reasons]) + "\n", status_code=code, headers=HEADERS)
