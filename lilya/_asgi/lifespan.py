"""An application's life: its nursery, and the one task that opens and closes everything.

Entered in this order and left in the reverse, all in the task of the lifespan call:

    the frame        a cancel scope that turns into the shielded deadline of the clean-up
    the lifespans    of the application and of every application in it, parents before children
    the inner nursery    the watch with its readers, and the services
    the task group   `app.task_group`: tasks end before the resources they use

Failure is logged here, once (a service's with its traceback by its supervisor), and only then told to the server:
hypercorn takes a bare exception for "no lifespan support" and goes on serving, and may lose the message of a failure.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from typing import Any

import anyio
from anyio.abc import TaskGroup

from lilya._asgi.exchange import MAX_BODY_SIZE, Exchange
from lilya._asgi.observed import Observers
from lilya._asgi.statistics import Statistics, TaskStatistics, describe
from lilya._asgi.watch import Watch
from lilya.concurrency.capacity import Capacity
from lilya.concurrency.nursery import open_nursery, raise_plain, unwrap
from lilya.concurrency.service import Service, ServiceStatistics, Supervisor
from lilya.concurrency.threads import enforce_async_callable, thread_limits
from lilya.types import Receive, Scope, Send

__all__ = ["EXIT_SECONDS", "WITNESS", "Job", "Life"]

logger = logging.getLogger("lilya.lifespan")

# How long the lifespans may take to close what they opened, in seconds, when even cancellation must wait for it.
EXIT_SECONDS = 30.0

# What `scope["extensions"]` holds when whoever plays the server wants to hear of tasks that no client waits for (a test
# does): `failed(exception)`, and in the scope of the lifespan also `started(name)` and `ended(name)`.
WITNESS = "lilya.background"

Part = Callable[[], AbstractAsyncContextManager[Mapping[str, Any] | None]]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A task in the application's nursery; when it was `born`, on the monotonic clock."""

    name: str
    born: float


class Life:
    """The home of an application's exchanges, and of everything that outlives them.

    `drain_timeout` in seconds: how long, from the shutdown on, exchanges and tasks may go on before they are cancelled.
    """

    def __init__(
        self,
        drain_timeout: float = 10.0,
        services: Sequence[Service] = (),
        threads: Capacity | None = None,
        observers: Observers | None = None,
    ) -> None:
        self.drain_timeout = drain_timeout
        self.threads = threads
        self.observers = observers
        self.services = tuple(services)
        self.watch: Watch | None = None
        self.cancel_scope: Callable[[], anyio.CancelScope] = anyio.CancelScope
        # The thread it serves in, None while it does not: a test client may call the application in a loop of another
        # thread, which cannot use the nursery of this one.
        self.thread: int | None = None
        self.task_group: TaskGroup | None = None
        self.failure: BaseException | None = None
        self.draining = False
        self.max_body_size: int | None = MAX_BODY_SIZE
        self.failed_tasks = 0
        self._stage = "startup"  # then "serving", then "shutdown"
        self._supervisor: Supervisor | None = None
        self.live: dict[Exchange, None] = {}
        self.jobs: dict[Job, None] = {}
        self._witness: Mapping[str, Callable[[Any], None]] | None = None
        self._job_ended: anyio.Event | None = None  # exists while somebody waits for tasks to end
        self._until: float | None = None  # when the time to drain is over, where the server has said so
        self.drainees: dict[anyio.CancelScope, None] = {}
        self._drained: anyio.Event | None = None  # exists while somebody waits for draining
        self.idle: anyio.Event | None = None  # exists while somebody waits for the exchanges to end

    # -- exchanges --------------------------------------------------------------------------------------------------

    async def wait_idle(self) -> None:
        """Wait until no exchange is left."""
        while self.live:
            self.idle = self.idle or anyio.Event()
            await self.idle.wait()
            self.idle = None

    # -- draining ---------------------------------------------------------------------------------------------------

    def drain(self, seconds: float | None = None) -> None:
        """The end is near: whatever watches `draining` shall finish politely. Idempotent, never waits.

        A server that stops says how many `seconds` there are from now on, for requests and tasks together; nobody says
        it twice. Without that, the time begins with the lifespan's shutdown.
        """
        if seconds is not None and self._until is None:
            self._until = anyio.current_time() + seconds
        if not self.draining:
            self.draining = True
            for scope in tuple(self.drainees):
                scope.cancel()
            if self.live or self.jobs:
                counts = {"exchanges": len(self.live), "tasks": len(self.jobs)}
                logger.info("draining: %(exchanges)d exchanges, %(tasks)d tasks are under way", counts, extra=counts)
            self._tell("draining")
        if self._drained is not None:
            self._drained.set()

    async def wait_draining(self) -> None:
        """Wait until the application is being stopped."""
        if not self.draining:
            self._drained = self._drained or anyio.Event()
            await self._drained.wait()

    # -- tasks ------------------------------------------------------------------------------------------------------

    def nursery(self) -> TaskGroup:
        """The application's nursery; `RuntimeError` while there is none."""
        if self.task_group is None:
            raise RuntimeError(
                "the application has no nursery: it opens with the lifespan, when start-up hooks have run (start a "
                "`Service` instead of a task there), and needs a server with lifespan support, or the TestClient in a "
                "`with` block"
            )
        return self.task_group

    def start_soon(self, fn: Callable[..., Any], *args: Any, name: str | None = None) -> None:
        """Start `fn(*args)`, sync or async, in the application's nursery; a failure is logged and counted."""
        nursery = self.nursery()
        job = Job(name or getattr(fn, "__qualname__", None) or repr(fn), time.monotonic())
        self.jobs[job] = None
        if self._witness is not None:
            self._witness["started"](job.name)
        nursery.start_soon(self._guarded, job, partial(enforce_async_callable(fn), *args), name=job.name)

    def task_failed(self, name: str, failure: BaseException) -> None:
        """Count the failure of a task, which has been logged, and tell the observers."""
        self.failed_tasks += 1
        self._tell("task_failed", name, failure)

    def _tell(self, moment: str, *what: Any) -> None:
        if self.observers is not None:
            self.observers.tell(moment, *what)

    async def _guarded(self, job: Job, fn: Callable[[], Awaitable[object]]) -> None:
        try:
            await fn()
        except anyio.get_cancelled_exc_class():
            logger.warning("task %r was still running and was cancelled", job.name, extra={"task": job.name})
            raise
        except Exception as exc:
            failure = unwrap(exc)
            logger.error("task %r failed", job.name, exc_info=failure, extra={"task": job.name})
            self.task_failed(job.name, failure)
            if self._witness is not None:
                failure.add_note(f"in task {job.name!r} of the application's nursery")
                self._witness["failed"](failure)
        finally:
            del self.jobs[job]
            if self._witness is not None:
                self._witness["ended"](job.name)
            if self._job_ended is not None:
                self._job_ended.set()
                self._job_ended = None

    async def _wait_tasks(self) -> None:
        """Wait until the tasks that there are now have ended.

        Not for those that come meanwhile: a service that goes on starting some would keep us here.
        """
        here = self.jobs.copy()
        while here.keys() & self.jobs.keys():
            self._job_ended = self._job_ended or anyio.Event()
            await self._job_ended.wait()

    def statistics(self) -> Statistics:
        """A frozen picture of what is running now."""
        now = time.monotonic()
        return Statistics(
            exchanges=describe(self.live),
            tasks=tuple(TaskStatistics(job.name, now - job.born) for job in self.jobs),
            services=self.service_statistics(),
            threads=self.busy_threads(),
            failed_tasks=self.failed_tasks,
            draining=self.draining,
            started=self.started,
        )

    @property
    def started(self) -> bool:
        """Whether the start-up is complete, and the shutdown is not."""
        return self.watch is not None

    def service_statistics(self) -> tuple[ServiceStatistics, ...]:
        """The services, in the order in which they start."""
        return () if self._supervisor is None else self._supervisor.statistics()

    def busy_threads(self) -> int:
        """The worker threads at work, 0 where somebody asks from another event loop."""
        if self.thread != get_ident():
            return 0  # the limiters belong to the event loop
        limits = thread_limits().statistics()
        own = 0 if self.threads is None else self.threads.limiter().borrowed_tokens
        return own + limits.handlers.borrowed_tokens + limits.files.borrowed_tokens + limits.cleanup.borrowed_tokens

    # -- the lifespan -----------------------------------------------------------------------------------------------

    async def run(self, parts: Sequence[Part], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an ASGI lifespan call. `parts` are the lifespans to enter, parents before children.

        A failure is logged, told to the server and raised as it is. Cancellation closes everything that was opened,
        under a shielded deadline, and propagates.
        """
        if self.watch is not None:
            raise RuntimeError("the application is running already: one lifespan at a time")
        await receive()
        self._witness = (scope.get("extensions") or {}).get(WITNESS)
        self.failure = None
        self.draining = False
        self._drained = self._until = None
        self._stage = "startup"
        try:
            with anyio.CancelScope() as frame:
                await self._live_on(frame, parts, scope, receive, send)
            if frame.cancelled_caught:
                logger.error("the lifespans did not end within %s s and were cancelled", EXIT_SECONDS)
        except Exception as exc:
            self.failure = unwrap(exc)
        if self.failure is None:
            await send({"type": "lifespan.shutdown.complete"})
            return
        message = "".join(traceback.format_exception_only(self.failure)).strip()
        told = self._supervisor is not None and self._supervisor.logged(self.failure)
        summary = f"the application failed ({self._stage}): {message}"
        logger.critical("%s", summary, exc_info=None if told else self.failure)
        kind = "startup" if self._stage == "startup" else "shutdown"
        await send({"type": f"lifespan.{kind}.failed", "message": message})
        raise_plain(self.failure)

    async def _live_on(
        self,
        frame: anyio.CancelScope,
        parts: Sequence[Part],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        async with AsyncExitStack() as stack:
            try:
                for part in parts:
                    await self._enter(stack, part, scope)
                async with open_nursery() as inner:
                    await self._serve(inner, receive, send)
            except Exception as exc:
                self.failure = unwrap(exc)  # known from now on, even if the clean-up hangs and is cut
                raise
            finally:
                self.watch = None  # not before its nursery is closed: until then it looks after who is still served
                # From here on only clean-up: it is waited for, within bounds, whoever cancels us.
                frame.deadline = anyio.current_time() + EXIT_SECONDS
                frame.shield = True

    async def _enter(self, stack: AsyncExitStack, part: Part, scope: Scope) -> None:
        state = await stack.enter_async_context(part())
        if state is not None:
            if "state" not in scope:
                raise RuntimeError('The server does not support "state" in the lifespan scope.')
            scope["state"].update(state)

    async def _serve(self, inner: TaskGroup, receive: Receive, send: Send) -> None:
        watch = Watch(inner)
        # The class of the backend that runs: `anyio.CancelScope()` looks for it each time, which takes as long again.
        self.cancel_scope = type(anyio.CancelScope())
        inner.start_soon(watch.run, name="lilya watch")
        self._supervisor = Supervisor(self.services, on_restart=partial(self._tell, "service_restarted"))
        try:
            async with open_nursery() as self.task_group:  # before the services: they may start tasks as they begin
                await self._supervisor.start(inner)
                self.watch, self.thread = watch, get_ident()
                self._stage = "serving"
                await send({"type": "lifespan.startup.complete"})
                await receive()
                self._stage = "shutdown"
                self.drain()
                until = anyio.current_time() + self.drain_timeout if self._until is None else self._until
                with anyio.CancelScope(deadline=until) as grace:
                    await self.wait_idle()
                    await self._wait_tasks()
                if not grace.cancelled_caught:
                    await self._supervisor.stop()  # behind the tasks that use services, before those that they start
                self.task_group.cancel_scope.deadline = max(until, anyio.current_time())
        finally:
            self.drain()
            self.thread = self.task_group = None
            await self._supervisor.stop()
        inner.cancel_scope.cancel()
