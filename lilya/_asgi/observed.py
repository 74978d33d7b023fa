"""Exchanges that are looked at. An application without observers has none of these: it pays nothing for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from inspect import iscoroutinefunction
from typing import Any, Final

from lilya._asgi.exchange import Exchange, Failure, Home
from lilya.exceptions import ImproperlyConfigured
from lilya.protocols.observer import Observer, Outcome
from lilya.types import Message, Receive, Scope, Send

__all__ = ["ObservedExchange", "Observers"]

logger = logging.getLogger("lilya.observers")

MOMENTS: Final = ("exchange_started", "exchange_ended", "task_failed", "service_restarted", "draining")


class Observers:
    """Several observers as one, of which none can do harm. Raises `ImproperlyConfigured` for what is no observer."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._all = tuple(observers)
        for each in self._all:
            _check(each)

    def tell(self, moment: str, *what: Any) -> None:
        """Call the method `moment` of each; what one raises is logged."""
        for each in self._all:
            try:
                getattr(each, moment)(*what)
            except Exception:
                logger.exception("observer %r failed in %s", each, moment, extra={"moment": moment})


def _check(observer: Observer) -> None:
    for moment in MOMENTS:
        method = getattr(observer, moment, None)
        if isinstance(observer, type) or not callable(method):
            hint = "give an instance of it" if isinstance(observer, type) else f"it has no method {moment!r}"
            raise ImproperlyConfigured(
                f"{observer!r} is no observer: {hint}. Inherit from lilya.protocols.observer.Observer and write "
                "the methods that are wanted"
            )
        if iscoroutinefunction(method):
            raise ImproperlyConfigured(
                f"{type(observer).__name__}.{moment} is async: observers are called, not awaited. Hand what takes time "
                "to a service, through a bounded queue"
            )


class ObservedExchange(Exchange):
    """An exchange whose beginning and end are told to `observers`."""

    status: int | None = None
    failed = False

    def __init__(self, observers: Observers, home: Home, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(home, scope, receive, send)
        self._server = send
        self.sink = self._noting  # whichever way a message takes, it goes through here
        self.observers = observers
        observers.tell("exchange_started", scope)

    async def _noting(self, message: Message) -> None:
        """The server's `send`, which notes the status."""
        await self._server(message)
        if self.status is None:
            self.status = _status_of(message)

    async def fail(self, exc: Exception, failed: Failure | None) -> None:
        """An exception came out."""
        try:
            await super().fail(exc, failed)
        except Exception:
            self.failed = True
            raise

    def finish(self) -> bool:
        """The application has returned: tell."""
        waits = super().finish()
        self.sink = self._server  # nothing is left to the cycle collector
        seconds = time.monotonic() - self.born
        self.observers.tell("exchange_ended", self.scope, self._outcome(), self.status, seconds)
        return waits

    def _outcome(self) -> Outcome:
        if self.gone:
            return "disconnected"
        if self.failed:
            return "failed"
        return "aborted" if self.phase else "completed"


def _status_of(message: Message) -> int | None:
    """The status of the answer that begins with this message, if one does."""
    kind = message["type"]
    if kind.endswith("http.response.start"):
        status: int = message["status"]
        return status
    return {"websocket.accept": 101, "websocket.close": 403}.get(kind)
