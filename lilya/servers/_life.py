"""The life of one served application, in one order for every server.

    bind -> lifespan.startup -> listen, accept -> stop asked -> drain -> listeners close -> grace -> lifespan.shutdown

Stop is asked by a signal, by the cancellation of `serve`, or by the application's own crash. From then on everything
has a bound: `drain_timeout` for what runs, requests and tasks together, counted from that wish on; `FAREWELL_SECONDS`
for what was cut to say goodbye before its connection goes; `UNWIND_SECONDS` for clean-up; the server's
`shutdown_timeout` for the lifespan.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable

import anyio

from lilya.concurrency.nursery import open_nursery, shielded
from lilya.servers._engine import Engine, Job
from lilya.servers._lifespan import Lifespan
from lilya.servers._served import FAREWELL_SECONDS, Served
from lilya.servers._sockets import Listeners
from lilya.types import ASGIApp

__all__ = ["Life"]

logger = logging.getLogger("lilya.servers")

# How long the clean-up of calls that were cut may take, in seconds. Longer than the clean-up bound of one exchange.
UNWIND_SECONDS = 15.0
# How long a server may take to end once nobody is connected, in seconds. Hypercorn may wait for ever: where a request
# comes in just behind the last response, its reader waits for a turn that never comes.
END_SECONDS = 1.0
# How often to look whether anybody is still connected, in seconds, once no call is running.
LOOK_AGAIN_SECONDS = 0.25


class Life:
    """Serves `app` by `engine` on `listeners`, which it closes at the end. `drain_timeout` is seconds.

    `run` is its task. `ready` is set once connections are accepted (`urls` says where), or when that will never be.
    """

    def __init__(self, app: ASGIApp, engine: Engine, listeners: Listeners, drain_timeout: float) -> None:
        self.urls: list[str] = []
        self.ready = anyio.Event()
        self.over = anyio.Event()
        self._app = app
        self._engine = engine
        self._listeners = listeners
        self._drain_timeout = drain_timeout
        self._served: Served | None = None
        self._stopping = anyio.Event()
        self._closing = anyio.Event()
        self._starting = anyio.CancelScope()
        self._guard = anyio.CancelScope(shield=True)

    def stop(self) -> None:
        """Ask for an orderly stop. A start-up that is under way is cancelled. Idempotent."""
        self._stopping.set()
        self._starting.cancel()

    def hurry(self) -> None:
        """Cancel everything now: no grace, no lifespan.shutdown; only clean-up that shields itself still runs."""
        self.stop()
        if self._served is not None:
            self._served.cancel()
        self._guard.cancel()

    async def run(self) -> None:
        """Live. Cancellation from outside waits until the life is over: ask for its end with `stop`.

        Raises `ApplicationFailed` for the application, `OSError` for an address, and what the server library raises.
        """
        try:
            with self._guard:
                await self._live()
        finally:
            await self._clear_up()
            self._listeners.close()
            self.ready.set()
            self.over.set()

    async def _live(self) -> None:
        lifespan = Lifespan(self._app, self._engine.startup_timeout, self._engine.shutdown_timeout)
        async with open_nursery() as nursery:
            nursery.start_soon(lifespan.run, name="lifespan")
            with self._starting:
                await lifespan.start()
            if not self._starting.cancelled_caught:
                try:
                    await self._serve(lifespan)
                finally:
                    await lifespan.stop()
            nursery.cancel_scope.cancel()

    async def _serve(self, lifespan: Lifespan) -> None:
        self._served = served = Served(self._app, lifespan.state)
        self._listeners.listen(self._engine.backlog)
        backstop = self._drain_timeout + FAREWELL_SECONDS + UNWIND_SECONDS
        job = Job(served, self._listeners.sockets, self._started, self._closing.wait, served.quiet, backstop)
        async with open_nursery() as nursery:
            nursery.start_soon(self._watch, lifespan, name="crash watch")
            nursery.start_soon(self._wind_down, served, nursery.cancel_scope, name="shutdown")
            await self._engine.serve(job)
            nursery.cancel_scope.cancel()
        await self._clear_up()

    def _started(self) -> list[str]:
        self.urls = self._listeners.urls(self._engine.secure)
        logger.info("serving on %s", ", ".join(self.urls))
        self.ready.set()
        return self.urls

    async def _watch(self, lifespan: Lifespan) -> None:
        await lifespan.crashed.wait()
        logger.error("the application crashed: stopping the server")
        self.stop()

    async def _wind_down(self, served: Served, server: anyio.CancelScope) -> None:
        """From the wish to stop to the end of the server, which cancels this task when it ends in time."""
        await self._stopping.wait()
        until = anyio.current_time() + self._drain_timeout
        self._drain()
        served.draining = True
        await anyio.sleep(self._engine.linger)
        self._closing.set()
        with anyio.CancelScope(deadline=until) as grace:
            await self._deserted(served)
        if grace.cancelled_caught:
            left = served.open()
            if left:
                logger.warning("cancelled after %g s of grace: %s", self._drain_timeout, ", ".join(left))
            served.cancel()
            await anyio.sleep(FAREWELL_SECONDS)
            cut = self._listeners.cut()
            if cut:
                logger.warning("cut %d connections whose clients do not read", cut)
            with anyio.move_on_after(UNWIND_SECONDS):
                await served.quiet()
            _complain(served)
        await anyio.sleep(END_SECONDS)
        logger.debug("dropped a server that did not end though nobody is connected")
        server.cancel()

    async def _deserted(self, served: Served) -> None:
        """Wait until no call is running and nobody is connected."""
        await served.quiet()
        while self._listeners.connected():
            await anyio.sleep(LOOK_AGAIN_SECONDS)
            await served.quiet()

    def _drain(self) -> None:
        drain = getattr(self._app, "drain", None)
        if callable(drain):
            try:
                if _takes(drain, self._drain_timeout):
                    drain(self._drain_timeout)
                else:
                    drain()
            except Exception:
                logger.exception("%r failed; going on without", drain)

    async def _clear_up(self) -> None:
        """Wait for what a server has left behind: uvicorn does not wait for the calls it cancels."""
        if self._served is None:
            return
        with shielded(UNWIND_SECONDS):
            await self._served.quiet()
            await self._served.release()
        _complain(self._served)


def _takes(function: Callable[..., object], argument: object) -> bool:
    """Whether `function` may be called with one argument. Applications of others may have a `drain` without any."""
    try:
        inspect.signature(function).bind(argument)
    except (TypeError, ValueError):
        return False
    return True


def _complain(served: Served) -> None:
    left = served.open()
    if left:
        logger.error("cancelled %g s ago and still not done: %s", UNWIND_SECONDS, ", ".join(left))
