"""The sync client: `httpx.Client` on an in-memory server that runs in a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from lilya.testclient._httpx import CookieTypes, HeaderTypes, httpx
from lilya.testclient._portal import Loop, Portal, open_portal
from lilya.testclient._shared import (
    Subject,
    TestResponse,
    default_headers,
    handshake_request,
    read_timeout,
    server_options_for,
    taken,
)
from lilya.testclient.websockets import AsyncWebSocketSession, WebSocketSession
from lilya.testing.exceptions import ResponseAborted
from lilya.testing.exchange import MemoryExchange, ResponseHead
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer
from lilya.types import Scope

__all__ = ["TestClient"]

T = TypeVar("T")


class TestClient(Subject, httpx.Client):
    """Test an ASGI application of any make as an HTTP client would, from sync code.

        with TestClient(app) as client:
            assert client.get("/").status_code == 200

    As a context manager it runs the application's lifespan, and one event loop for all requests: start-up failures
    raise on entering; a later crash raises, as itself, from the next request or on leaving, as does whatever else went
    wrong and was not seen. Without `with` there is no lifespan, and every request has an event loop of its own. Several
    threads may use one client at once.

    A request returns when the application's call has returned, background tasks included, and raises what it raised.
    `client.stream("GET", url)` yields pieces as they are sent; leaving its block early is a disconnect the application
    sees and is given `ServerOptions.disconnect_grace` seconds to end after. The caller's context variables are visible
    to the application.

    `raise_server_exceptions=False` makes an exception a response of status 500, as a server would.
    `backend` is "asyncio" or "trio", `backend_options` are those of `anyio.run`. `clock="autojump"` (trio) makes time
    virtual: it jumps to the next timer whenever every task is blocked and the test waits for the client.
    `check_asgi_conformance` raises `ASGISpecViolation` where the application breaks ASGI. `timeout` bounds every wait
    for the application, in real seconds: `httpx.ReadTimeout`, or `LifespanTimeout` for the lifespan; None for no bound.
    `wait_for_background=False` returns with the response: `wait_idle()` waits for the rest.
    `server_options` says how the server behaves where servers differ.
    """

    __test__ = False

    def __init__(
        self,
        app: Any,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: CookieTypes | None = None,
        headers: HeaderTypes | None = None,
        follow_redirects: bool = True,
        check_asgi_conformance: bool = True,
        clock: Literal["autojump"] | None = None,
        *,
        timeout: float | None = 60.0,
        wait_for_background: bool = True,
        server_options: ServerOptions | None = None,
    ) -> None:
        options = server_options_for(
            server_options,
            raise_app_exceptions=raise_server_exceptions,
            check_conformance=check_asgi_conformance,
            wait_for_background=wait_for_background,
        )
        self._take(app, root_path, options, cookies)
        self._loop = Loop(backend, backend_options, clock)
        self._bound = timeout
        self._portal: Portal | None = None
        self._stack = ExitStack()
        super().__init__(
            base_url=base_url,
            headers=default_headers(headers),
            follow_redirects=follow_redirects,
            timeout=timeout,
            transport=_Transport(self),
        )

    def __enter__(self) -> Self:
        if self._portal is not None:
            raise RuntimeError("the client is open already: one `with` at a time")
        with ExitStack() as stack:
            self._portal = stack.enter_context(open_portal(self._server(lifespan=True), self._loop, self._bound))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        try:
            self._stack.__exit__(exc_type, exc_value, traceback)
        finally:
            self._portal = None

    def request(self, method: str, url: httpx.URL | str, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Send a request; `options` are those of `httpx.Client.request`.

        With `stream` the response is returned as soon as its head is there: read it, and close it. `cookies` go with
        this request only (not with a redirect that follows it).
        """
        how = taken(options, "auth", "follow_redirects")
        return self.send(self.build_request(method, url, **options), stream=stream, **how)

    def query(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        """Send a QUERY request: a safe one with a body; `options` as of `request`."""
        return self.request("QUERY", url, **options)

    def websocket_connect(
        self, url: str, subprotocols: Sequence[str] | None = None, **options: Any
    ) -> WebSocketSession:
        """A websocket session, to be opened with `with`; `options` (headers, params, cookies) as of `build_request`."""
        request = handshake_request(self, url, subprotocols or (), options)
        scope = self._websocket_scope(request, subprotocols or ())

        def make(server: MemoryServer) -> AsyncWebSocketSession:
            return AsyncWebSocketSession(nullcontext(server), scope, request, self.cookies)

        return WebSocketSession(self._lease(), make, read_timeout(request))

    def call(self, fn: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Await `fn(*args)` in the client's event loop, on its clock; inside `with` only."""
        return self._open_portal().call_or_timeout("the call did not return", fn, *args, timeout=self._bound)

    def wait_idle(self) -> None:
        """Wait until the application has returned from every request that is through, and its nursery is empty.

        Raises what failed there; `httpx.ReadTimeout` with the names of what still runs.
        """
        server = self._open_portal().server
        try:
            self.call(server.wait_idle)
        except httpx.ReadTimeout:
            names = ", ".join(server.unfinished())
            raise httpx.ReadTimeout(f"the application is still busy after {self._bound} s: {names}") from None

    def _open_portal(self) -> Portal:
        if self._portal is None:
            raise RuntimeError("the client has no event loop now: use `with TestClient(app) as client:`")
        return self._portal

    @contextmanager
    def _lease(self) -> Iterator[Portal]:
        """The client's portal, or one for this request alone."""
        if self._portal is not None:
            yield self._portal
            return
        with open_portal(self._server(lifespan=False), self._loop, self._bound) as portal:
            yield portal


class _Transport(httpx.BaseTransport):
    def __init__(self, client: TestClient) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)  # httpx.Client has looked
        scope, timeout = self._client._http_scope(request), read_timeout(request)
        # A body of unknown length streams; what has a length is there already, or is read in the caller's thread.
        whole = None if "transfer-encoding" in request.headers else request.read()
        with ExitStack() as stack:
            portal = stack.enter_context(self._client._lease())
            body = portal.body(request.stream) if whole is None else whole
            exchange, head = portal.call_or_timeout(
                "the application did not answer", _begin, portal.server, scope, body, timeout=timeout
            )
            stream = _Stream(portal, exchange, timeout, stack.pop_all())
        return TestResponse.made(head, exchange, stream)


async def _begin(
    server: MemoryServer, scope: Scope, body: bytes | AsyncIterator[bytes]
) -> tuple[MemoryExchange, ResponseHead]:
    exchange = server.request(scope, body)
    try:
        return exchange, await exchange.head()
    except BaseException:
        exchange.disconnect()
        raise


class _Stream(httpx.SyncByteStream):
    """The response body, and the end of the exchange."""

    def __init__(self, portal: Portal, exchange: MemoryExchange, timeout: float | None, stack: ExitStack) -> None:
        self._portal = portal
        self._exchange = exchange
        self._timeout = timeout
        self._stack = stack  # closes the portal of a request that has its own

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._next()) is not None:
            yield chunk

    def _next(self) -> bytes | None:
        try:
            return self._portal.call_or_timeout(
                "the application did not send on", self._exchange.chunk, timeout=self._timeout
            )
        except ResponseAborted as exc:
            raise httpx.RemoteProtocolError(str(exc)) from exc

    def close(self) -> None:
        with self._stack:
            try:
                self._portal.call_or_timeout(
                    "the application did not return from an exchange that is over",
                    self._exchange.aclose,
                    timeout=self._timeout,
                )
            except httpx.ReadTimeout:
                self._portal.call_soon(self._exchange.cancel)
                raise
