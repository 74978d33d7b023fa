"""Deadlines: how long a handler and its response may take.

The layer stands around what answers, inside the layers whose clean-up may await. When the time is up all of it is
cancelled and awaited, and the layer raises `GatewayTimeout`: a 504 where nothing of the response is out, and else what
makes the server break the connection, so that nobody takes a part for the whole. From the last message of the response
on there is no deadline any more: background work is not cut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from lilya._asgi.exchange import exchange_of
from lilya._asgi.outbox import Outbox
from lilya._lazy import lazily
from lilya._sansio.http import HEADERS
from lilya.exceptions import GatewayTimeout
from lilya.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from anyio import from_thread
else:
    from_thread = lazily("anyio.from_thread")

__all__ = ["Deadline", "run_within", "seconds_left"]

# The scope key of the innermost deadline that runs: a cancel scope.
DEADLINE: Final = "lilya.deadline"


def seconds_left(scope: Scope) -> float:
    """How much time is left of the deadline of a connection, in seconds; `math.inf` without one.

    Also in a worker thread that an event loop of anyio's has started.
    """
    limit: anyio.CancelScope | None = scope.get(DEADLINE)
    if limit is None or limit.deadline == math.inf:
        return math.inf
    try:
        now = anyio.current_time()
    except anyio.NoEventLoopError:
        now = from_thread.run_sync(anyio.current_time)
    return max(0.0, limit.deadline - now)


class Deadline:
    """The layer for a number of seconds that never changes; websockets, which have no end of their own, pass."""

    __slots__ = ("app", "seconds")

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app inside the deadline. Raises `GatewayTimeout`; cancellation passes."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        await run_within(self.seconds, self.app, scope, receive, send)


async def run_within(seconds: float, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run `app` for at most so long, and never longer than a deadline around it allows.

    Raises `GatewayTimeout` when the time was up, after everything in it has ended, or what says that the client is gone
    where he left meanwhile. What the app itself raises is raised as it is; cancellation passes.
    """
    outer: anyio.CancelScope | None = scope.get(DEADLINE)
    until = anyio.current_time() + seconds
    if outer is not None:
        until = min(until, outer.deadline)
    with anyio.CancelScope(deadline=until) as limit:
        scope[DEADLINE] = limit
        try:
            await app(scope, receive, _Timed(send, limit).send)
        finally:
            if outer is None:
                del scope[DEADLINE]
            else:
                scope[DEADLINE] = outer
    if limit.cancelled_caught:
        exchange = exchange_of(scope)
        if exchange is not None and exchange.gone:
            raise exchange.departure()
        raise GatewayTimeout(detail=f"The response was not complete within {seconds:g} s.")


class _Timed(Outbox):
    """The writer inside a deadline: the last message of the response lifts it."""

    def __init__(self, send: Send, limit: anyio.CancelScope) -> None:
        super().__init__(send, HEADERS)
        self._limit = limit

    async def send(self, message: Message) -> None:
        """ASGI `send` for the layers further in; see `Outbox.send`."""
        if self._limit.cancel_called:  # a thread, or a shield, has outlasted the deadline: not sent without waiting
            await anyio.lowlevel.checkpoint()
        await super().send(message)
        if not self.phase:
            self._limit.deadline = math.inf
