"""Running something inside the lifespan of an application, in an event loop of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import click

from lilya._current import AROUND, GLOBALS, SETTINGS
from lilya.cli._refusal import Refusal
from lilya.concurrency.nursery import open_nursery, shielded
from lilya.context import G
from lilya.servers._errors import ApplicationFailed
from lilya.servers._lifespan import Lifespan

__all__ = ["BACKEND", "backend_option", "run_inside", "running", "surround"]

BACKEND: Final = "LILYA_BACKEND"
BACKENDS: Final = ("trio", "asyncio")

# How long an application may take to start, and to stop, in seconds; as long as when it is served.
STARTUP_TIMEOUT: Final = 60.0
SHUTDOWN_TIMEOUT: Final = 60.0

backend_option: Final = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    envvar=BACKEND,
    default="trio",
    show_default=True,
    help=f"The event loop; else ${BACKEND}.",
)


def surround(app: Any) -> None:
    """Let `settings` and `g` mean those of `app` from now on in this context, with an empty `g`."""
    around: dict[str, Any] = {**AROUND.get({}), "app": app, GLOBALS: G()}
    own = getattr(app, "settings_module", None)
    if own is not None:
        around[SETTINGS] = own
    AROUND.set(around)


@asynccontextmanager
async def running(app: Any) -> AsyncGenerator[Lifespan]:
    """The lifespan of an application, as a server runs it.

    Raises `ApplicationFailed` when it does not start, crashes, or does not stop in good order. It is stopped before
    cancellation goes on.
    """
    lifespan = Lifespan(app, STARTUP_TIMEOUT, SHUTDOWN_TIMEOUT)
    async with open_nursery() as nursery:
        nursery.start_soon(lifespan.run, name="lifespan")
        await lifespan.start()
        try:
            yield lifespan
        finally:
            with shielded(SHUTDOWN_TIMEOUT + 1):  # `stop` has the bound, and says so
                await lifespan.stop()
            nursery.cancel_scope.cancel()


def run_inside(app: Any, call: Callable[[], Awaitable[Any]], backend: str) -> Any:
    """Start `app`, await `call()`, stop `app`; returns what the call returns.

    SIGINT and SIGTERM cancel the call, and the process ends with 128 plus the signal's number once the application has
    stopped; a second one ends it at once. Raises `Refusal` where the application fails, else what the call raises.
    """
    if backend not in BACKENDS:
        raise Refusal(f"The backend is trio or asyncio, not {backend!r}")
    try:
        return anyio.run(_main, app, call, backend=backend)
    except ApplicationFailed as failure:
        raise Refusal(str(failure), exit_code=failure.exit_code) from failure


async def _main(app: Any, call: Callable[[], Awaitable[Any]]) -> Any:
    surround(app)
    interrupted: list[int] = []
    result = None
    async with open_nursery() as outer:
        with anyio.CancelScope() as scope:
            outer.start_soon(_watch_signals, scope, interrupted, name="signals")
            async with running(app) as lifespan:
                async with open_nursery() as nursery:
                    nursery.start_soon(_watch_crash, nursery.cancel_scope, lifespan, name="crash watch")
                    result = await call()
                    nursery.cancel_scope.cancel()
        outer.cancel_scope.cancel()
    if interrupted:
        raise SystemExit(128 + interrupted[0])
    return result


async def _watch_crash(scope: anyio.CancelScope, lifespan: Lifespan) -> None:
    await lifespan.crashed.wait()
    scope.cancel()  # stopping the lifespan raises the reason


async def _watch_signals(scope: anyio.CancelScope, interrupted: list[int]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        async for number in received:
            if interrupted:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            interrupted.append(number)
            scope.cancel()
