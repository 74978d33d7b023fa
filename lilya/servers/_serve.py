"""`serve` and `run`: check what was asked, choose the server, live."""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskStatus

from lilya.concurrency.nursery import in_trio, open_nursery
from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.servers._engine import Engine
from lilya.servers._errors import ApplicationFailed
from lilya.servers._life import Life
from lilya.servers._signals import Signals
from lilya.servers._sockets import Bind, Listeners, can_reuse_port, parse_bind
from lilya.types import ASGIApp

__all__ = ["DRAIN_TIMEOUT", "run", "serve"]

logger = logging.getLogger("lilya.servers")

# Seconds of grace where neither the caller nor the application says: long enough for a request, shorter than the
# 30 s most supervisors wait before they kill.
DRAIN_TIMEOUT = 10.0

# Loaded by name: each of them imports a library that may not be installed.
_ENGINES: Final[Mapping[tuple[str, str], str]] = {
    ("hypercorn", "trio"): "lilya.servers.hypercorn_trio",
    ("hypercorn", "asyncio"): "lilya.servers.hypercorn_asyncio",
    ("uvicorn", "asyncio"): "lilya.servers.uvicorn",
}
_PACKAGES: Final[Mapping[str, str]] = {"hypercorn": "'hypercorn[trio]'", "uvicorn": "uvicorn websockets"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was asked, checked: nothing is open yet and no loop is needed."""

    app: ASGIApp
    binds: list[Bind]
    engine: Engine
    drain_timeout: float
    reuse_port: bool

    async def life(self) -> Life:
        """Open the sockets. Raises `OSError` when an address cannot be had."""
        opening = partial(Listeners.open, self.binds, umask=self.engine.umask, reuse_port=self.reuse_port)
        listeners = await anyio.to_thread.run_sync(opening)
        return Life(self.app, self.engine, listeners, self.drain_timeout)


async def serve(
    app: ASGIApp,
    bind: str | Sequence[str] = "127.0.0.1:8000",
    *,
    backend: str = "trio",
    server: str = "hypercorn",
    config: object = None,
    drain_timeout: float | None = None,
    reuse_port: bool = False,
    task_status: TaskStatus[list[str]] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` in the running event loop until cancelled; `await nursery.start(serve, app)` returns the URLs.

    `bind`: `"host:port"` (port 0: any free one), `"[::1]:8000"`, `"unix:/path"`, `"fd://3"`, or several of them.
    `backend` is the loop that runs, `"trio"` or `"asyncio"`; `server` is `"hypercorn"`, or on asyncio also `"uvicorn"`.
    `config` is the server's own configuration object, or a mapping of its options, for everything else.
    `drain_timeout`: seconds that requests under way, and then the application's tasks, are given when it stops, counted
    from when it is told to; by default the application's own `drain_timeout`, else 10. `reuse_port`: let other
    processes of this user listen on the same port (SO_REUSEPORT), each taking its share of the connections: for a new
    one that starts before the old one stops.

    Cancelling it is an orderly stop, and then the cancellation goes on: the application is told (`app.drain()`, where
    it has it), the listeners close, each answer says `Connection: close`, what still runs after `drain_timeout` is
    cancelled and answered with 503 (a websocket with close code 1012), and the application's lifespan shuts down. All
    of it is bounded. No signal handler is installed (see `run` for one that does); under trio, Ctrl-C is such a
    cancellation for sure only with `trio.run(..., restrict_keyboard_interrupt_to_checkpoints=True)`.

    Raises `ApplicationFailed` when the application did not start, crashed (its lifespan says `shutdown.failed`, or
    raises, while it is served: then the server stops by itself), or did not stop in good order; its cause is the
    application's own failure. Raises `OSError` when an address cannot be had, `ImproperlyConfigured` for arguments
    that make no sense, `MissingDependency` when the server is not installed.
    """
    plan = _plan(app, bind, backend, server, config, drain_timeout, reuse_port)
    if in_trio() != (backend == "trio"):
        running = "trio" if in_trio() else "asyncio"
        raise RuntimeError(f"serve(backend={backend!r}) is awaited inside {running}: say backend={running!r}")
    await _host(await plan.life(), task_status)


async def _host(life: Life, task_status: TaskStatus[list[str]]) -> None:
    """Be the task that is cancelled in place of the life."""
    async with open_nursery() as nursery:
        nursery.start_soon(life.run, name="server")
        try:
            await life.ready.wait()
            if life.urls:
                task_status.started(life.urls)
            await life.over.wait()
        finally:
            life.stop()


def run(
    app: ASGIApp,
    bind: str | Sequence[str] = "127.0.0.1:8000",
    *,
    backend: str = "trio",
    server: str = "hypercorn",
    config: object = None,
    drain_timeout: float | None = None,
    reuse_port: bool = False,
) -> None:
    """Serve `app` in an event loop of its own; arguments as for `serve`. Blocks; returns after an orderly stop.

    SIGINT or SIGTERM stops it as cancellation stops `serve`; a second one cancels everything at once; after that the
    signals are the system's again, so a third ends the process. The exit code tells the truth: failure raises
    `SystemExit`, with 3 when the application did not start, 1 when it crashed or did not stop in good order, 128 plus
    the signal's number when the second one came. The failure is logged once. What `serve` raises for its arguments and
    addresses is raised as it is.
    """
    plan = _plan(app, bind, backend, server, config, drain_timeout, reuse_port)
    try:
        anyio.lowlevel.current_token()
    except anyio.NoEventLoopError:
        pass
    else:
        running = "trio" if in_trio() else "asyncio"
        raise RuntimeError(f"run() starts an event loop, and {running} runs in this thread already: await serve(...)")
    signals = Signals()
    try:
        anyio.run(_main, plan, signals, backend=backend, backend_options=plan.engine.loop_options())
    except ApplicationFailed as failure:
        # What the application has reported, with a word about it, it has logged as well.
        reported = failure.told and failure.message
        logger.error("%s", failure, exc_info=None if reported else failure.__cause__)
        raise SystemExit(failure.exit_code) from None
    if signals.insisted is not None:
        raise SystemExit(128 + signals.insisted)


async def _main(plan: _Plan, signals: Signals) -> None:
    async with open_nursery() as nursery:
        life = await plan.life()
        await nursery.start(signals.watch, life)
        await _host(life, anyio.TASK_STATUS_IGNORED)
        nursery.cancel_scope.cancel()


def _plan(
    app: ASGIApp,
    bind: str | Sequence[str],
    backend: str,
    server: str,
    config: object,
    drain_timeout: float | None,
    reuse_port: bool = False,
) -> _Plan:
    if not callable(app):
        hint = f": import it first, or use `lilya --app {app} runserver`" if isinstance(app, str) else ""
        raise ImproperlyConfigured(f"app is an ASGI application, got {app!r}{hint}")
    texts = [bind] if isinstance(bind, str) else list(bind)
    if not texts:
        raise ImproperlyConfigured("bind is empty: name at least one address, such as '127.0.0.1:8000'")
    seconds = getattr(app, "drain_timeout", DRAIN_TIMEOUT) if drain_timeout is None else drain_timeout
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ImproperlyConfigured(f"drain_timeout is a number of seconds, 0 or more and finite, got {seconds!r}")
    binds = [parse_bind(each) for each in texts]
    if reuse_port and not can_reuse_port():
        raise ImproperlyConfigured("reuse_port=True: this system has no SO_REUSEPORT")
    return _Plan(app, binds, _engine(backend, server, config), float(seconds), reuse_port)


def _engine(backend: str, server: str, config: object) -> Engine:
    if backend not in ("trio", "asyncio"):
        raise ImproperlyConfigured(f"backend is 'trio' or 'asyncio', got {backend!r}")
    if server not in _PACKAGES:
        raise ImproperlyConfigured(f"server is 'hypercorn' or 'uvicorn', got {server!r}")
    if (server, backend) not in _ENGINES:
        raise ImproperlyConfigured(
            f"{server} runs on asyncio only: serve(backend='asyncio', server={server!r}), or stay on trio with "
            "server='hypercorn'"
        )
    try:
        module = importlib.import_module(_ENGINES[server, backend])
    except ImportError as exc:
        raise MissingDependency(
            f"serve(server={server!r}) needs {server}, which cannot be imported ({exc}): "
            f"pip install {_PACKAGES[server]}"
        ) from exc
    engine: Engine = module.configure(config)
    return engine
