"""A server that is none, and applications that do as they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup

from lilya.concurrency.nursery import open_nursery
from lilya.servers._engine import Job
from lilya.servers._sockets import Listeners, parse_bind
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FakeEngine", "Sent", "WellBehaved", "http_scope", "loopback", "nothing_to_receive", "websocket_scope"]


def http_scope(path: str = "/", http_version: str = "1.1") -> Scope:
    """The scope of a GET request."""
    return {"type": "http", "method": "GET", "path": path, "http_version": http_version, "headers": []}


def websocket_scope(path: str = "/") -> Scope:
    """The scope of a websocket."""
    return {"type": "websocket", "path": path, "http_version": "1.1", "headers": []}


def loopback() -> Listeners:
    """One listener on a free loopback port."""
    return Listeners.open([parse_bind("127.0.0.1:0")])


async def nothing_to_receive() -> Message:
    """An ASGI `receive` whose client is silent."""
    await anyio.sleep_forever()
    raise AssertionError("unreachable")


class Sent(list[Message]):
    """An ASGI `send` that keeps what was sent."""

    async def __call__(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.append(message)

    def types(self) -> list[str]:
        """The types of the messages."""
        return [message["type"] for message in self]


class FakeEngine:
    """Runs `work(engine)` once it has started, then waits to be told to close and for its calls to end."""

    secure = False
    backlog = 5
    umask: int | None = None
    linger = 0.1
    startup_timeout = 60.0
    shutdown_timeout = 60.0

    def __init__(self, work: Callable[[FakeEngine], Awaitable[None]] | None = None) -> None:
        self.work = work
        self.closed_at: float | None = None
        self.calls: TaskGroup
        self.job: Job

    def loop_options(self) -> dict[str, Any]:
        """The defaults."""
        return {}

    async def serve(self, job: Job) -> None:
        """See the class."""
        self.job = job
        async with open_nursery() as self.calls:
            job.started()
            if self.work is not None:
                await self.work(self)
            await job.wait_closing()
            self.closed_at = anyio.current_time()
            await job.quiet()

    def call(self, scope: Scope | None = None) -> Sent:
        """Call the application in a task, and return what it will send."""
        sent = Sent()
        self.calls.start_soon(self._call, scope or http_scope(), sent)
        return sent

    async def _call(self, scope: Scope, sent: Sent) -> None:
        await self.job.app(scope, nothing_to_receive, sent)


class WellBehaved:
    """An application with a lifespan; `handler` answers its connections. `log` says what happened, in order."""

    def __init__(self, handler: ASGIApp | None = None) -> None:
        self.handler = handler
        self.log: list[str] = []
        self.drained_at: float | None = None

    def drain(self) -> None:
        """Called by the server."""
        self.log.append("drain")
        self.drained_at = anyio.current_time()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{word}"
                self.log.append(word)
                await send({"type": f"lifespan.{word}.complete"})
            return
        assert self.handler is not None
        try:
            await self.handler(scope, receive, send)
        finally:
            self.log.append(f"end of {scope['path']}")
