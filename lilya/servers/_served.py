"""The application as the server sees it, with every call of it known: that is what a bounded shutdown hangs on.

No two servers bound their shutdown alike, and none well: uvicorn cancels what is left and does not wait for it,
hypercorn on asyncio (Python 3.12 and later) waits for ever, hypercorn on trio cancels and answers nobody. So each call
runs in a cancel scope of ours, and the same things happen everywhere:

* once draining, each HTTP/1 response says `Connection: close` (RFC 9112, section 9.6);
* a call cut at the deadline gets a farewell: a response not begun is answered with 503, an open websocket is closed
  with 1012, and a response under way is broken off, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import anyio

from lilya.concurrency.nursery import shielded
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FAREWELL_SECONDS", "Served"]

logger = logging.getLogger("lilya.servers")

# How long telling a client that its request was cut may take, in seconds: it is gone already, or it reads at once.
FAREWELL_SECONDS = 1.0
# How many calls a log line names; the rest it counts.
NAMED = 10

_ANSWERS = frozenset({"http.response.start", "websocket.close", "websocket.http.response.start"})
_GONE = b"The server is shutting down.\n"
_GONE_HEADERS: Final[Sequence[tuple[bytes, bytes]]] = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", str(len(_GONE)).encode()),
    (b"connection", b"close"),
)


class Served:
    """Calls `app` for the server. `state` is the lifespan state every connection gets a copy of."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self.draining = False
        self._app = app
        self._state = state
        self._cut = False
        self._calls: set[_Call] = set()
        self._empty: anyio.Event | None = None
        self._lifespan = anyio.CancelScope()
        self._lifespan_over: anyio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one call to its end. Cancellation goes through to the application; that of `cancel` ends here."""
        if scope["type"] == "lifespan":
            await self._answer_lifespan(scope, receive, send)
            return
        call = _Call(self, scope, send)
        if self._cut:
            await call.farewell()
            return
        self._calls.add(call)
        try:
            with call.limit:
                await self._app(scope, receive, call.send)
            if call.limit.cancelled_caught:
                await call.farewell()
        finally:
            self._calls.discard(call)
            if self._empty is not None and not self._calls:
                self._empty.set()
                self._empty = None

    async def _answer_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's real lifespan is run by `Lifespan`; here the server only learns its state."""
        scope.setdefault("state", {}).update(self._state)
        self._lifespan_over = anyio.Event()
        try:
            with self._lifespan:
                for _ in range(2):
                    message = await receive()
                    await send({"type": f"{message['type']}.complete"})
        finally:
            self._lifespan_over.set()

    async def release(self) -> None:
        """End the lifespan call that a server left behind when it was dropped: hypercorn on asyncio does."""
        self._lifespan.cancel()
        if self._lifespan_over is not None:
            await self._lifespan_over.wait()

    def open(self) -> list[str]:
        """The calls that are running, oldest first, for people: `GET /path (1.5 s)`."""
        calls = sorted(self._calls, key=lambda call: call.born)
        names = [call.name() for call in calls[:NAMED]]
        return [*names, f"and {len(calls) - NAMED} more"] if len(calls) > NAMED else names

    def cancel(self) -> None:
        """Cancel every call that is running. One that still comes gets the farewell at once."""
        self._cut = True
        for call in self._calls:
            call.limit.cancel()

    async def quiet(self) -> None:
        """Wait until no call is running. Cancelling it does nothing else."""
        while self._calls:
            if self._empty is None:
                self._empty = anyio.Event()
            await self._empty.wait()


class _Call:
    """One call of the application: when it began, how far it got, and the scope that can cut it."""

    __slots__ = ("_answered", "_send", "_served", "born", "limit", "scope")

    def __init__(self, served: Served, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.born = time.monotonic()
        self.limit = anyio.CancelScope()
        self._served = served
        self._send = send
        self._answered = False  # a response has begun, or the websocket was closed

    def name(self) -> str:
        """The call for people."""
        method = self.scope.get("method", "WEBSOCKET")
        return f"{method} {self.scope.get('path', '')} ({time.monotonic() - self.born:.1f} s)"

    async def send(self, message: Message) -> None:
        """ASGI `send` for the application."""
        kind = message["type"]
        if kind in _ANSWERS:
            self._answered = True
            if self._served.draining and kind == "http.response.start" and self.scope["http_version"].startswith("1"):
                message = _closing(message)
        await self._send(message)

    async def farewell(self) -> None:
        """Tell the client that its call was cut, where it can still be told."""
        if self._answered:
            return
        try:
            with shielded(FAREWELL_SECONDS):
                if self.scope["type"] == "websocket":
                    await self._send({"type": "websocket.close", "code": 1012, "reason": "server is shutting down"})
                else:
                    await self._send({"type": "http.response.start", "status": 503, "headers": _GONE_HEADERS})
                    await self._send({"type": "http.response.body", "body": _GONE})
        except Exception as exc:  # the client went first, each server says so in its own way
            logger.debug("no farewell for %s: %r", self.name(), exc)


def _closing(message: Message) -> Message:
    headers = [each for each in message.get("headers", ()) if bytes(each[0]).lower() != b"connection"]
    return {**message, "headers": [*headers, (b"connection", b"close")]}
