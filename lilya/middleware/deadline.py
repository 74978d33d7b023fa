"""A deadline for everything inside, which a client may shorten."""

from __future__ import annotations

from lilya._asgi.deadline import run_within
from lilya._checks import check_seconds
from lilya._handling.refusing import Refusing
from lilya._sansio.timeout import parse_grpc_timeout, parse_timeout
from lilya.datastructures._headers import Header
from lilya.exceptions import GatewayTimeout
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["DeadlineMiddleware"]


class DeadlineMiddleware:
    """Gives every request `timeout` seconds: for the layers inside, the handler and its response.

    When they are over, what is inside is cancelled and awaited, and `GatewayTimeout` goes to the exception handlers: a
    504, or, where the response has started, what makes the server break the connection. Background work is not cut.
    Websockets and lifespans pass. A deadline inside never outlasts this one; `request.deadline` says what is left.

    `header` names a request header by which a client says how many seconds it will wait, such as "Request-Timeout";
    the header "grpc-timeout" is read in its own form (`250m`). It shortens `timeout` and never lengthens it: what it
    says beyond, and what cannot be read, counts for nothing; of several the shortest counts. Without `header` no header
    is read. `timeout=math.inf` leaves the matter to the client.

    Raises `ImproperlyConfigured` for a `timeout` that is no number greater than 0.
    """

    def __init__(self, app: ASGIApp, timeout: float, *, header: str | None = None) -> None:
        self.app = app
        self.timeout = check_seconds("DeadlineMiddleware: timeout (math.inf for no limit)", timeout)
        self.header = None if header is None else header.lower()
        self._parse = parse_grpc_timeout if self.header == "grpc-timeout" else parse_timeout
        self._refusing = Refusing(self._run, GatewayTimeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside the deadline. Cancellation passes."""
        await (self._refusing if scope["type"] == "http" else self.app)(scope, receive, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await run_within(self._seconds(scope), self.app, scope, receive, send)

    def _seconds(self, scope: Scope) -> float:
        if self.header is None:
            return self.timeout
        said = [self._parse(text) for text in Header.from_scope(scope).getlist(self.header)]
        return min([self.timeout, *(seconds for seconds in said if seconds is not None)])
