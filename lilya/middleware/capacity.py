"""As many requests at once as the application can bear, a queue for the next ones, and a plain no for the rest."""

from __future__ import annotations

from lilya._asgi.limited import RETRY_AFTER, Limited
from lilya._checks import check_count
from lilya._handling.refusing import Refusing
from lilya.concurrency.capacity import MAX_WAITING, Capacity
from lilya.exceptions import ServiceUnavailable
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["CapacityMiddleware"]


class CapacityMiddleware:
    """Lets `max_in_flight` requests through at once; `max_waiting` wait for their turn, first come, first served.

    Who comes then is refused at once: `ServiceUnavailable` goes to the exception handlers, a 503 whose `Retry-After`
    (RFC 9110, section 10.2.3) says `retry_after` seconds. A request is in flight until everything it started has ended,
    its background work included; one whose client leaves while it waits leaves the queue. Websockets, which last, and
    lifespans pass.

    Raises `ImproperlyConfigured` for numbers that make no sense.
    """

    def __init__(
        self, app: ASGIApp, max_in_flight: int, max_waiting: int = MAX_WAITING, retry_after: int = RETRY_AFTER
    ) -> None:
        check_count("CapacityMiddleware: max_in_flight", max_in_flight, least=1)
        check_count("CapacityMiddleware: max_waiting", max_waiting, least=0)
        check_count("CapacityMiddleware: retry_after, in seconds,", retry_after, least=0)
        capacity = Capacity(max_in_flight, max_waiting=max_waiting)
        self.app = app
        self._refusing = Refusing(Limited(app, capacity, retry_after), ServiceUnavailable)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside what may be served. Cancellation passes."""
        await (self._refusing if scope["type"] == "http" else self.app)(scope, receive, send)
