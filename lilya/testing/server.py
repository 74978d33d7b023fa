"""An ASGI server without sockets that behaves like one: the engine of the test clients.

    async with MemoryServer(app) as server:
        exchange = server.request(http_scope("GET", "/"))
        head = await exchange.head()
        while (chunk := await exchange.chunk()) is not None: ...
        await exchange.aclose()

Bodies stream both ways with back-pressure, a response can be read while its request is still being sent, leaving early
is a disconnect the application sees. Every connection is a task in the server's nursery, which is the caller's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from anyio.abc import TaskGroup

from lilya.concurrency.nursery import open_nursery, raise_plain
from lilya.testing.connection import Connection
from lilya.testing.exchange import MemoryExchange
from lilya.testing.lifespan import MemoryLifespan
from lilya.testing.options import ServerOptions
from lilya.testing.websocket import MemoryWebSocket
from lilya.types import ASGIApp, RawHeaders, Scope

__all__ = ["MemoryServer", "http_scope", "websocket_scope"]


class MemoryServer:
    """Serves `app` while its `async with` block is open, in the caller's event loop and on its clock.

    With `lifespan`, entering starts the application up and leaving shuts it down; both raise what it raised, and so
    does the next request after a crash. `state` is the lifespan state: each connection gets a shallow copy. Leaving
    first leaves every connection still open, as its client would, and raises what their applications raised and nobody
    has seen. Cancellation from outside cancels every application's call and waits for it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        options: ServerOptions | None = None,
        state: dict[str, Any] | None = None,
        lifespan: bool = True,
    ) -> None:
        self.app = app
        self.options = options or ServerOptions()
        self.state: dict[str, Any] = {} if state is None else state
        self._with_lifespan = lifespan
        self._spec_version = "2.4" if self.options.send_after_disconnect == "raise" else "2.3"
        self._lifespan: MemoryLifespan | None = None
        self._nursery: TaskGroup | None = None
        self._failure: BaseException | None = None  # on its way out of the nursery
        self._connections: dict[Connection, None] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        failure: BaseException | None = None
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(open_nursery())
            if self._with_lifespan:
                self._lifespan = MemoryLifespan(
                    self.app,
                    self.state,
                    grace=self.options.disconnect_grace,
                    timeout=self.options.lifespan_timeout,
                    strict=self.options.check_conformance,
                )
                nursery.start_soon(self._lifespan.run, name="lifespan")
                failure = await self._lifespan.startup()
            if failure is None:
                self._nursery = nursery
                stack.push_async_callback(self._finish)
                self._stack = stack.pop_all()
                return self
        raise_plain(failure)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        # The nursery does not get to see the exception of the block: it would unwrap a group that is not its own.
        await self._stack.__aexit__(None, None, None)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def request(
        self, scope: Scope, body: bytes | AsyncIterator[bytes] = b"", *, after: MemoryExchange | None = None
    ) -> MemoryExchange:
        """Send a request; `body` may be an async iterator, which is read as the application receives.

        With `after` it is pipelined: it follows that one on the same connection, and the application is called when the
        response before is complete; should that one fail, or its client leave, then never (RFC 9112, section 9.3.2).
        """
        exchange = MemoryExchange(self.app, self._completed(scope), body, self.options, after)
        self._start(exchange)
        return exchange

    def websocket(self, scope: Scope) -> MemoryWebSocket:
        """Ask for a websocket; `connect()` of what is returned waits for the handshake."""
        websocket = MemoryWebSocket(self.app, self._completed(scope), self.options)
        self._start(websocket)
        return websocket

    async def wait_idle(self) -> None:
        """Wait until the application has returned from every connection its client is through with,

        and until the nursery of a Lilya application is empty (`app.start_soon`, detached background tasks). Raises what
        was raised there: one exception as itself, several as a group.
        """
        failures = await self._collect([each for each in self._connections if each.released])
        if self._lifespan is not None:
            await self._lifespan.wait_idle()
            failures += self._task_failures(self._lifespan)
        failure = _together(failures)
        if failure is not None:
            raise_plain(failure)

    def unfinished(self) -> list[str]:
        """What `wait_idle` waits for now, by name: calls the client is through with, and tasks. For any thread."""
        names = [each.name for each in list(self._connections) if each.released and not each.ended]
        return names + (self._lifespan.tasks if self._lifespan is not None else [])

    def _completed(self, scope: Scope) -> Scope:
        """`scope` with what the server knows: versions, extensions, state."""
        family = scope["type"] + "."
        extensions: dict[str, Any] = {name: {} for name in self.options.extensions if name.startswith(family)}
        return {
            **scope,
            "client": scope.get("client") or self.options.client,
            "asgi": {"version": "3.0", "spec_version": self._spec_version},
            "extensions": extensions | scope.get("extensions", {}),
            "state": self.state | scope.get("state", {}),
        }

    def _start(self, connection: Connection) -> None:
        if self._nursery is None:
            raise RuntimeError("the server is not running: use `async with MemoryServer(app) as server:`")
        crash = self._lifespan.failure() if self._lifespan is not None else None
        if crash is not None:
            raise_plain(crash)
        connection.start(self._nursery, self._connections)

    async def _finish(self) -> None:
        self._nursery = None
        connections = list(self._connections)
        for connection in connections:
            connection.disconnect()
        failures = await self._collect(connections)
        if self._lifespan is not None:
            failure = await self._lifespan.shutdown()
            failures += self._task_failures(self._lifespan)
            failures += [failure] if failure is not None else []
        self._failure = _together(failures)

    def _task_failures(self, lifespan: MemoryLifespan) -> list[BaseException]:
        failures = lifespan.task_failures()
        return failures if self.options.raise_app_exceptions else []

    async def _collect(self, connections: list[Connection]) -> list[BaseException]:
        for connection in connections:
            await connection.end()
        failures = [connection.failure() for connection in connections]
        return [failure for failure in failures if failure is not None]


def _together(failures: list[BaseException]) -> BaseException | None:
    if len(failures) < 2:
        return failures[0] if failures else None
    return BaseExceptionGroup("several calls of the application failed", failures)


def http_scope(
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    scheme: str = "http",
    server: tuple[str, int] = ("testserver", 80),
    root_path: str = "",
) -> Scope:
    """The scope of a request for `target`, a percent-encoded path with or without a query (ASGI HTTP 2.5)."""
    raw_path, _, query = target.partition("?")
    raw_headers: RawHeaders = [(name.lower(), value) for name, value in headers]
    if all(name != b"host" for name, _ in raw_headers):
        raw_headers.insert(0, (b"host", server[0].encode("ascii")))
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": root_path,
        "headers": raw_headers,
        "client": None,
        "server": list(server),
    }


def websocket_scope(
    target: str,
    *,
    subprotocols: Iterable[str] = (),
    headers: Iterable[tuple[bytes, bytes]] = (),
    scheme: str = "ws",
    server: tuple[str, int] = ("testserver", 80),
    root_path: str = "",
) -> Scope:
    """The scope of a websocket handshake for `target`, offering `subprotocols` (ASGI WebSocket 2.5)."""
    scope = http_scope("GET", target, headers=headers, scheme=scheme, server=server, root_path=root_path)
    del scope["method"]
    return {**scope, "type": "websocket", "subprotocols": list(subprotocols)}
