"""One connection of the in-memory server: the application's call, and what its end means to the client.

The server's side is one task, `run`. The client's side are methods called from other tasks of the same event loop. The
two sides meet in pipes; nothing else is shared but the flags here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.lowlevel
from anyio import TaskHandle
from anyio.abc import TaskGroup

from lilya.concurrency.nursery import raise_plain
from lilya.exceptions import ClientDisconnect, WebSocketDisconnect
from lilya.testing.conformance import Judge
from lilya.testing.exceptions import ASGISpecViolation
from lilya.testing.options import ServerOptions
from lilya.types import ASGIApp, Message, Scope

__all__ = ["SERVER_ERROR_BODY", "SERVER_ERROR_HEADERS", "Connection", "is_echo", "split_cancelled"]

# What a server answers for an application that fails before it has answered.
SERVER_ERROR_BODY = b"Internal Server Error"
SERVER_ERROR_HEADERS = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21"))


class Connection(ABC):
    """The part that HTTP and websocket have in common. Made by `MemoryServer`, in the event loop."""

    def __init__(self, app: ASGIApp, scope: Scope, options: ServerOptions, judge: Judge) -> None:
        self.scope = scope
        self.options = options
        self.gone = False  # the client left before the application was done with it
        self.released = False  # the client is through: whatever still runs is background
        self.ended = False  # the application's call is over
        self.registry: dict[Connection, None] = {}  # where it stays until all is seen of it
        self._app = app
        self._judge = judge
        self._violation: ASGISpecViolation | None = None
        self._failure: BaseException | None = None
        self._background: list[Exception] = []
        self._deadline = 0.0
        self._task: TaskHandle[None] | None = None
        self._ended: anyio.Event | None = None  # exists while somebody waits for the end
        scope["extensions"]["lilya.background"] = {"failed": self._background.append}

    def start(self, nursery: TaskGroup, registry: dict[Connection, None]) -> None:
        """Call the application in a task of `nursery`; stand in `registry` until all is seen of it."""
        self.registry = registry
        registry[self] = None
        self._task = nursery.start_soon(self.run, name=self.name)

    # -- the server's side ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Call the application. Its exceptions are kept for the client; cancellation ends it and propagates."""
        try:
            await self._serve()
        finally:
            self._close_pipes()
            self.ended = True
            if self._ended is not None:
                self._ended.set()
            self._settle()

    async def _serve(self) -> None:
        await self._call()

    async def _call(self) -> None:
        try:
            await self._app(self.scope, self._receive, self._send)
            if not self.gone:
                self._judge.returned()
        except BaseException as exc:
            cancellation, self._failure = split_cancelled(exc)
            if cancellation is not None:
                raise cancellation from None

    @abstractmethod
    async def _receive(self) -> Message: ...

    async def _send(self, message: Any) -> None:
        if self.gone:
            await self._send_after_disconnect()
            return
        if isinstance(message, Mapping) and not isinstance(message.get("headers", []), list):
            message = {**message, "headers": _listed(message["headers"])}
        try:
            self._judge.sent(message)
        except ASGISpecViolation as violation:
            self._violation = violation if self.options.check_conformance else None
            raise
        await self._act(message)
        if self.gone and not self._judge.done:
            await self._send_after_disconnect()

    @abstractmethod
    async def _act(self, message: Message) -> None: ...

    @abstractmethod
    def _close_pipes(self) -> None: ...

    async def _send_after_disconnect(self) -> None:
        if self.options.send_after_disconnect == "raise":
            raise ClientDisconnect("the client is gone")
        if self.options.send_after_disconnect == "ignore":
            await anyio.lowlevel.checkpoint()

    # -- the client's side ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What it is called among the tasks."""
        return f"{self.scope.get('method', 'WEBSOCKET')} {self.scope['path']}"

    def disconnect(self) -> None:
        """Leave now, without waiting. An application that is not done yet is told, and has its grace from now on."""
        if self.released:
            return
        self.released = True
        if not self._judge.done and not self.ended:
            self.gone = True
            self._deadline = anyio.current_time() + self.options.disconnect_grace
        self._close_pipes()
        self._settle()

    def cancel(self) -> None:
        """Cancel the application's call."""
        if self._task is not None:
            self._task.cancel()

    async def aclose(self) -> None:
        """Leave, wait for the application to return, and raise what it raised, once.

        An application that was left early is cancelled after its grace; this wait is shielded, and bounded unless the
        application shields itself from cancellation. One that only has background work left is waited for as long as it
        takes, if `wait_for_background`; being cancelled here then leaves it to the server.
        """
        self.disconnect()
        if self.gone or self.ended or self.options.wait_for_background:
            await self.end()
            self.raise_failure()

    async def end(self) -> None:
        """Wait for the application to return; one that was left early is cancelled after its grace."""
        if self.gone:
            await self._end()
        else:
            await self._wait_ended()

    async def _end(self) -> None:
        with anyio.CancelScope(shield=True):  # it ends soon: whoever cancels us waits
            with anyio.CancelScope(deadline=self._deadline):
                await self._wait_ended()
            if not self.ended:
                self.cancel()
                await self._wait_ended()

    async def _wait_ended(self) -> None:
        if not self.ended:
            self._ended = self._ended or anyio.Event()
            await self._ended.wait()

    async def _leave(self) -> None:
        """What a client that is cancelled while it waits does: the application is told, and awaited."""
        self.disconnect()
        await self.end()

    def failure(self) -> BaseException | None:
        """What the application did wrong, taken out: it is raised once."""
        failure, self._failure = self._failure, None
        violation, self._violation = self._violation, None
        background = self._background[:]
        self._background.clear()
        self._settle()
        if failure is not None and not (self.gone and is_echo(failure)) and self._raises(failure):
            return failure
        if violation is not None:
            return violation
        if background and self.options.raise_app_exceptions:
            return background[0] if len(background) == 1 else ExceptionGroup("background tasks failed", background)
        return None

    def _raises(self, failure: BaseException) -> bool:
        """Whether the client is to see `failure`: what a server turns into a response is an `Exception`."""
        if isinstance(failure, ASGISpecViolation):
            return self.options.check_conformance or self.options.raise_app_exceptions
        return self.options.raise_app_exceptions or not isinstance(failure, Exception)

    def _settle(self) -> None:
        """Nothing is left to be seen of a connection that is over on both sides and has not failed."""
        if self.ended and self.released and not (self._failure or self._violation or self._background):
            self.registry.pop(self, None)

    def raise_failure(self) -> None:
        """Raise what the application did wrong, if anything."""
        failure = self.failure()
        if failure is not None:
            raise_plain(failure)


def split_cancelled(exc: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """What of `exc` is cancellation, and must be raised on, and what is failure, and may be kept."""
    cancelled = anyio.get_cancelled_exc_class()
    if isinstance(exc, BaseExceptionGroup):
        cancellation, failure = exc.split(cancelled)
        if cancellation is not None:
            return cancellation, failure
    elif isinstance(exc, cancelled):
        return exc, None
    return None, exc  # the very object that was raised


def is_echo(exc: BaseException) -> bool:
    """Whether `exc` only says that the client left: a disconnect, what was raised `from` one, or a group of such.

    `__context__` does not count: a failing clean-up has the disconnect there, and must be seen.
    """
    if isinstance(exc, BaseExceptionGroup):
        return all(is_echo(each) for each in exc.exceptions)
    if isinstance(exc, (ClientDisconnect, WebSocketDisconnect)):
        return True
    return exc.__cause__ is not None and is_echo(exc.__cause__)


def _listed(headers: Any) -> Any:
    """An iterator of headers as a list: it is read twice. What cannot be iterated stays, to be judged."""
    try:
        return list(headers)
    except TypeError:
        return headers
