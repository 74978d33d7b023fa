"""An in-memory server in an event loop in a thread of its own, and the way there from other threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal

from lilya.concurrency.nursery import raise_plain
from lilya.exceptions import ImproperlyConfigured
from lilya.testclient._clock import AutojumpClock
from lilya.testclient._httpx import httpx
from lilya.testing.connection import split_cancelled
from lilya.testing.exceptions import LifespanTimeout
from lilya.testing.server import MemoryServer

__all__ = ["Loop", "Portal", "open_portal"]

T = TypeVar("T")


class Loop:
    """Which event loop, with which options and clock; judged when it is built."""

    def __init__(self, backend: str, options: dict[str, Any] | None, clock: str | None) -> None:
        if backend not in ("asyncio", "trio"):
            raise ImproperlyConfigured(f"backend wants 'asyncio' or 'trio', got {backend!r}")
        if clock not in (None, "autojump"):
            raise ImproperlyConfigured(f"clock wants None or 'autojump', got {clock!r}")
        if clock and backend != "trio":
            raise ImproperlyConfigured("clock='autojump' is a clock of trio: it wants backend='trio'")
        if clock and "clock" in (options or {}):
            raise ImproperlyConfigured("clock='autojump' and backend_options={'clock': ...} are two clocks: give one")
        self.backend = backend
        self.options = dict(options or {})
        self.autojump = clock is not None


class _Clock(Protocol):
    def waited_for(self) -> AbstractContextManager[None]: ...
    def in_thread(self) -> AbstractContextManager[None]: ...


class _RealClock:
    def waited_for(self) -> AbstractContextManager[None]:
        return nullcontext()

    def in_thread(self) -> AbstractContextManager[None]:
        return nullcontext()


class Portal:
    """Made by `open_portal`. Every method but `serve` is called from threads that have no event loop."""

    def __init__(self, blocking: BlockingPortal, server: MemoryServer, clock: _Clock) -> None:
        self.server = server
        self._blocking = blocking
        self._clock = clock
        self._failure: BaseException | None = None
        self._up = anyio.Event()
        self._stop = anyio.Event()
        self._over = anyio.Event()

    def call(self, fn: Callable[..., Awaitable[T]], *args: Any, timeout: float | None = None) -> T:
        """Await `fn(*args)` in the event loop, in the caller's context, and return or raise as it does.

        After `timeout` (real seconds) it is cancelled and `CallTimeout` raised. An interrupted caller cancels it too.
        """
        future: Future[Any] = self._blocking.start_task_soon(self._outcome, fn, args)
        value: T
        try:
            value, failure = future.result(timeout)
        except BaseException as exc:
            future.cancel()
            if isinstance(exc, TimeoutError):
                raise CallTimeout(timeout) from None
            raise
        if failure is not None:
            raise_plain(failure)
        return value

    def call_or_timeout(self, otherwise: str, fn: Callable[..., Awaitable[T]], *args: Any, timeout: float | None) -> T:
        """`call`, but a timeout is an `httpx.ReadTimeout` that says `otherwise`."""
        try:
            return self.call(fn, *args, timeout=timeout)
        except CallTimeout:
            raise httpx.ReadTimeout(f"{otherwise} within {timeout} s") from None

    def call_soon(self, fn: Callable[[], object]) -> None:
        """Call `fn()` in the event loop without waiting for it."""
        self._blocking.start_task_soon(fn)

    async def _outcome(self, fn: Callable[..., Awaitable[T]], args: Any) -> tuple[T | None, BaseException | None]:
        # Not raised but returned: a BaseException of an application must not end the event loop.
        with self._clock.waited_for():
            try:
                return await fn(*args), None
            except BaseException as exc:
                cancellation, failure = split_cancelled(exc)
                if cancellation is not None:
                    raise cancellation from None
                return None, failure

    async def body(self, stream: Iterable[bytes]) -> AsyncIterator[bytes]:
        """Read a sync request body, each piece in a thread; one that blocks is abandoned when the client leaves."""
        pieces = iter(stream)
        limiter = anyio.CapacityLimiter(1)  # its own: the client takes no thread from the application
        while True:
            with self._clock.in_thread():
                piece = await anyio.to_thread.run_sync(next, pieces, None, abandon_on_cancel=True, limiter=limiter)
            if piece is None:
                return
            yield piece

    async def serve(self) -> None:
        """The server's life: one task."""
        try:
            async with self.server:
                self._up.set()
                await self._stop.wait()
        except BaseException as exc:
            cancellation, self._failure = split_cancelled(exc)
            if cancellation is not None:
                raise cancellation from None
        finally:
            self._up.set()
            self._over.set()

    async def start(self) -> None:
        """Wait until the application is up."""
        await self._up.wait()
        self._raise_failure()

    async def shut(self) -> None:
        """Leave every connection, shut the application down, and raise what nobody has seen yet."""
        self._stop.set()
        await self._over.wait()
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise_plain(failure)


class CallTimeout(Exception):
    """A call into the event loop took longer than it may."""


@contextmanager
def open_portal(server: MemoryServer, loop: Loop, timeout: float | None) -> Iterator[Portal]:
    """Run `server` in a thread while the block is open; starting and stopping take at most `timeout` real seconds each.

    Raises what start-up and shutdown of the application raise, and `LifespanTimeout` naming the one that hangs; the
    event loop is then ended by cancellation.
    """
    clock: _Clock = _RealClock()
    options = loop.options
    if loop.autojump:
        clock = autojump = AutojumpClock()
        options = {**options, "clock": autojump.trio_clock}
    with start_blocking_portal(loop.backend, options, name="lilya-testclient") as blocking:
        portal = Portal(blocking, server, clock)
        blocking.start_task_soon(portal.serve)
        _bounded(portal, portal.start, timeout, "start up")
        try:
            yield portal
        finally:
            _bounded(portal, portal.shut, timeout, "shut down")


def _bounded(portal: Portal, step: Callable[[], Awaitable[None]], timeout: float | None, name: str) -> None:
    try:
        portal.call(step, timeout=timeout)
    except CallTimeout:
        raise LifespanTimeout(
            f"the application did not {name} within {timeout} s: something in its lifespan, or in a connection that is "
            "still open, waits for ever; TestClient(..., timeout=...) sets the bound"
        ) from None
