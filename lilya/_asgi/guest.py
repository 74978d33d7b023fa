"""The lifespan of an app of another framework that is mounted in ours: we are the server it talks to.

It runs in a task of its own, since it is a protocol of messages and no context manager, and is entered and left like
the lifespans of our own applications. An app that does not speak the protocol is served without: one that raises or
returns before it takes `lifespan.startup`, or answers with a message of another protocol. What fails after that is a
failure of the application it is part of.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from lilya._sansio.lifespan import DONE, STARTING
from lilya.concurrency.nursery import open_nursery, unwrap
from lilya.types import ASGIApp, Message, Scope

__all__ = ["guest_lifespan"]

logger = logging.getLogger("lilya.lifespan")

# How long an app that has said its last word may take to return, in seconds, before it is cancelled.
RETURN_SECONDS = 1.0


@asynccontextmanager
async def guest_lifespan(app: ASGIApp) -> AsyncIterator[Mapping[str, Any] | None]:
    """The lifespan of `app` around a block, which is given the state it made, None where it made none.

    Raises what the app raises, or a `RuntimeError` with what it says of its failure. Leaving the block waits for its
    shutdown; cancelling cancels the app.
    """
    guest = _Guest(app)
    async with open_nursery() as nursery:
        nursery.start_soon(guest.run, name=f"lifespan of {app!r}")
        await guest.answered.wait()
        try:
            yield guest.state or None
        finally:
            guest.asked.set()


class _Guest:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self.answered = anyio.Event()  # its start, in whatever way
        self.asked = anyio.Event()  # to shut down
        self._phase = STARTING
        self._told = False  # to start
        self._dismissed = False  # told to shut down
        self._stranger = False  # it sent what is no message of a lifespan
        self._failure: RuntimeError | None = None
        self._frame = anyio.CancelScope()

    async def run(self) -> None:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            with self._frame:
                await self.app(scope, self._receive, self._send)
        except Exception as exc:
            if self._told and not self._stranger:
                raise  # it says more than the message it may have sent
            logger.debug("%r does not speak lifespan (%r); it is served without", self.app, unwrap(exc))
        if self._failure is not None:
            raise self._failure
        self.answered.set()

    async def _receive(self) -> Message:
        if not self._told:
            self._told = True
            return {"type": "lifespan.startup"}
        await self.asked.wait()  # which may be cancelled, and asked for anew: it loses nothing
        if self._dismissed:  # nothing follows a shutdown: wait to be cancelled
            await anyio.sleep_forever()
        self._dismissed = True
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        after = self._phase.after(message)
        if after is None:
            self._stranger = self._phase is STARTING
            raise RuntimeError(f"{self.app!r} sent {kind!r} in its lifespan, where {self._phase.expected()} may come")
        self._phase = after
        if after is DONE:
            self._frame.deadline = anyio.current_time() + RETURN_SECONDS
        if kind.endswith(".failed"):
            self._failure = RuntimeError(f"{self.app!r} sent {kind!r}: {message.get('message', '')}")
        else:
            self.answered.set()
