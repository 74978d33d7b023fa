"""The server's side of the lifespan protocol (ASGI Lifespan 2.0), one task per application.

`serve` speaks it itself, for all servers alike, because none of them tells the truth about it: hypercorn takes any
exception for "not supported" and serves on, loses a failed shutdown, and wraps a failed start in nested groups; no
server stops for an application that crashes while it is served.

What ends here ends as one of these:

* before it took `lifespan.startup`, the application raised or returned: it does not speak lifespan, and is served
  without;
* it took `lifespan.startup` and then raised, or answered `startup.failed`: it did not start. (The specification lets a
  server go on after an exception; one that has read the message is taken at its word and not served half-started.)
* it said `shutdown.failed`, or raised, with no shutdown asked for: it crashed;
* asked to shut down it failed, or did not answer in time: it did not stop in good order.
"""

from __future__ import annotations

import logging
from typing import Any

import anyio

from lilya._sansio.lifespan import DONE, SERVING, STARTING
from lilya.concurrency.nursery import unwrap
from lilya.servers._errors import ApplicationFailed, Stage
from lilya.types import ASGIApp, Message, Scope

__all__ = ["Lifespan"]

logger = logging.getLogger("lilya.servers")

# How long an application that has said its last word may take to return, in seconds, before it is cancelled.
RETURN_SECONDS = 1.0


class Lifespan:
    """Runs the lifespan of `app`: `run` is its task; `start`, then `stop`, drive it from another one.

    `startup_timeout` and `shutdown_timeout` are seconds. `state` is what the application put into its lifespan state.
    """

    def __init__(self, app: ASGIApp, startup_timeout: float, shutdown_timeout: float) -> None:
        self.state: dict[str, Any] = {}
        self.failure: ApplicationFailed | None = None
        self.crashed = anyio.Event()
        self._app = app
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._phase = STARTING
        self._taken = False  # whether the application has read `lifespan.startup`
        self._complaint: RuntimeError | None = None  # ours, about a message that may not come
        self._answered = anyio.Event()  # the start, in whatever way
        self._asked = anyio.Event()  # to shut down
        self._told = False  # so
        self._done = anyio.Event()  # the last word is said
        self._ended = anyio.Event()

    async def run(self) -> None:
        """Call the application with a lifespan scope and see it to its end. Cancellation goes through to it."""
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as exc:
            self._raised(exc)
        finally:
            self._answered.set()
            self._done.set()
            self._ended.set()
        if self._phase is STARTING and self.failure is None:
            logger.info("the application does not speak lifespan; it is served without")

    async def start(self) -> None:
        """Wait until the application has started; raises `ApplicationFailed` when it has not.

        Cancelling it leaves the application where it is: cancel `run` to end it.
        """
        with anyio.move_on_after(self._startup_timeout) as limit:
            await self._answered.wait()
        if limit.cancelled_caught:
            self._fail("startup", f"it did not answer lifespan.startup within {self._startup_timeout:g} s")
        await self._judged()

    async def stop(self) -> None:
        """Ask the application to shut down and wait for it; raises `ApplicationFailed` when it fails or had crashed.

        Cancelling it leaves the application where it is: cancel `run` to end it.
        """
        self._asked.set()
        with anyio.move_on_after(self._shutdown_timeout) as limit:
            await self._done.wait()
        if limit.cancelled_caught:
            self._fail("shutdown", f"it did not answer lifespan.shutdown within {self._shutdown_timeout:g} s")
        await self._judged()

    async def _judged(self) -> None:
        """Raise what is to be raised. What has said its last word may return first: what it raises tells more."""
        if self._done.is_set():
            with anyio.move_on_after(RETURN_SECONDS):
                await self._ended.wait()
        if self.failure is None:
            return
        own = getattr(self._app, "failure", None)
        if isinstance(own, BaseException):
            self.failure.__cause__ = own
        raise self.failure

    async def _receive(self) -> Message:
        if not self._taken:
            self._taken = True
            return {"type": "lifespan.startup"}
        await self._asked.wait()
        if self._told:  # nothing follows a shutdown: wait to be cancelled
            await anyio.sleep_forever()
        self._told = True
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        after = self._phase.after(message)
        if after is None:
            self._complaint = RuntimeError(
                f"the application sent {message['type']!r} in its lifespan, where {self._phase.expected()} may come"
            )
            raise self._complaint
        before, self._phase = self._phase, after
        if message["type"].endswith(".failed"):
            stage: Stage = "startup" if before is STARTING else self._stage()
            self._fail(stage, str(message.get("message", "")), told=True)
        self._answered.set()
        if after is DONE:
            self._done.set()

    def _stage(self) -> Stage:
        return "shutdown" if self._asked.is_set() else "serving"

    def _raised(self, exc: Exception) -> None:
        plain = unwrap(exc)
        if self._phase is STARTING:
            if not self._taken or plain is self._complaint:
                logger.warning("the application does not speak lifespan (%r); it is served without", plain)
                self._phase = SERVING
                return
            failure = self._fail("startup", repr(plain))
        elif self._phase is SERVING:
            failure = self._fail(self._stage(), repr(plain))
        else:
            failure = self.failure or self._fail("shutdown", repr(plain))
        failure.__cause__ = plain

    def _fail(self, stage: Stage, message: str, *, told: bool = False) -> ApplicationFailed:
        self.failure = ApplicationFailed(stage, message, told=told)
        if stage == "serving":
            self.crashed.set()
        return self.failure
