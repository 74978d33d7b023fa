"""The lifespan protocol, driven as a server drives it (ASGI Lifespan 2.0): one call, in one task."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import anyio
import anyio.lowlevel

from lilya.testing.conformance import LifespanJudge
from lilya.testing.connection import split_cancelled
from lilya.testing.exceptions import ASGISpecViolation, LifespanFailed, LifespanTimeout
from lilya.types import ASGIApp, Message

__all__ = ["MemoryLifespan"]


class MemoryLifespan:
    """An application's lifespan: `run` is a task; `startup()` and `shutdown()` are called from another one.

    `state` is handed to the application as `scope["state"]`. `grace` in seconds: how long an application may go on
    after its last word. `timeout` in seconds: how long it may take to come up, and to stop; None for no bound. What
    went wrong is returned, not raised, so that it leaves a nursery as it is: once.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: dict[str, Any],
        *,
        grace: float = 1.0,
        timeout: float | None = None,
        strict: bool = True,
    ) -> None:
        self._app = app
        self._tasks: Counter[str] = Counter()  # that run in the application's nursery, by name
        self._idle: anyio.Event | None = None  # exists while somebody waits for them
        self._task_failures: list[BaseException] = []
        self._left: list[str] = []  # that were running when the time was up
        witness = {"failed": self._task_failures.append, "started": self._started, "ended": self._task_ended}
        self._scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": state,
            "extensions": {"lilya.background": witness},
        }
        self._judge = LifespanJudge(strict=strict)
        self._grace = grace
        self._timeout = math.inf if timeout is None else timeout
        self._received = 0
        self._failed: str | None = None  # the message of `lifespan.*.failed`
        self._failure: BaseException | None = None
        self._violation: ASGISpecViolation | None = None
        self._frame = anyio.CancelScope()
        self._up = anyio.Event()
        self._stopping = anyio.Event()
        self._done = anyio.Event()  # it has said its last word, or returned
        self._ended = anyio.Event()

    async def run(self) -> None:
        """Call the application. Its exception is kept for `startup` or `shutdown`; cancellation propagates."""
        try:
            with self._frame:
                await self._call()
        finally:
            self._up.set()
            self._done.set()
            self._ended.set()

    async def startup(self) -> BaseException | None:
        """Wait until the application is up; returns what it raised, or `LifespanFailed`.

        An application that returns without having received anything does not know the protocol, and is up.
        """
        if not await self._within(self._up):
            return self._hanging("start up")
        if self._done.is_set():
            await self._end()
        return self.failure()

    async def shutdown(self) -> BaseException | None:
        """Tell the application to stop, wait until its call has ended; returns what it raised, or `LifespanFailed`."""
        self._stopping.set()
        if not await self._within(self._done):
            return self._hanging("shut down")
        await self._end()
        return self.failure()

    async def _within(self, event: anyio.Event) -> bool:
        """Wait for `event`, or till the time is up: then the call is cancelled and awaited."""
        with anyio.move_on_after(self._timeout):
            await event.wait()
            return True
        self._left = self.tasks
        self._frame.cancel()
        await self._ended.wait()
        return False

    def _hanging(self, what: str) -> BaseException:
        running = f"; running are {', '.join(self._left)}" if self._left else ""
        hint = "something in its lifespan, its services or its tasks waits for ever"
        return LifespanTimeout(f"the application did not {what} within {self._timeout} s: {hint}{running}")

    def failure(self) -> BaseException | None:
        """What went wrong so far, if its call is over; without waiting."""
        if not self._ended.is_set():
            return None
        failure = self._failure or self._violation
        if failure is None and self._failed is not None:
            failure = LifespanFailed(detail=self._failed or "the application gave no reason")
        self._failure = self._violation = self._failed = None
        return failure

    # What a Lilya application tells of the tasks in its nursery (`app.start_soon`, detached background tasks).

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks in the application's nursery now."""
        return sorted(Counter(self._tasks).elements())

    async def wait_idle(self) -> None:
        """Wait until the application's nursery has no task. Cancelling it does nothing else."""
        while self._tasks:
            self._idle = self._idle or anyio.Event()
            await self._idle.wait()

    def task_failures(self) -> list[BaseException]:
        """What its tasks raised, each with its name as a note; taken out."""
        failures = self._task_failures[:]
        self._task_failures.clear()
        return failures

    def _started(self, name: str) -> None:
        self._tasks[name] += 1

    def _task_ended(self, name: str) -> None:
        self._tasks[name] -= 1
        self._tasks = +self._tasks
        if not self._tasks and self._idle is not None:
            self._idle.set()
            self._idle = None

    async def _end(self) -> None:
        with anyio.move_on_after(self._grace):
            await self._ended.wait()
        self._frame.cancel()
        await self._ended.wait()

    async def _call(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
            # It owes an answer to each message it has received; what receives none does not know the protocol.
            if self._received > self._judge.answers:
                self._judge.returned()
        except BaseException as exc:
            cancellation, self._failure = split_cancelled(exc)
            if cancellation is not None:
                raise cancellation from None

    async def _receive(self) -> Message:
        await anyio.lowlevel.checkpoint()
        if self._received == 0:
            self._received = 1
            return {"type": "lifespan.startup"}
        await self._stopping.wait()
        if self._received == 1:
            self._received = 2
            return {"type": "lifespan.shutdown"}
        while True:
            await anyio.sleep_forever()

    async def _send(self, message: Message) -> None:
        try:
            self._judge.sent(message)
        except ASGISpecViolation as violation:
            self._violation = violation
            raise
        if message["type"].endswith(".failed"):
            self._failed = message.get("message", "")
        if self._judge.done:
            self._done.set()
        self._up.set()
        await anyio.lowlevel.checkpoint()
