"""The async client: `httpx.AsyncClient` on an in-memory server in the running event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from lilya.concurrency.nursery import in_trio
from lilya.testclient._httpx import CookieTypes, HeaderTypes, httpx
from lilya.testclient._shared import (
    Subject,
    Targets,
    TestResponse,
    bounded,
    default_headers,
    handshake_request,
    read_timeout,
    server_options_for,
    taken,
)
from lilya.testclient.websockets import AsyncWebSocketSession
from lilya.testing.exceptions import ResponseAborted
from lilya.testing.exchange import MemoryExchange
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer

__all__ = ["A_DAY", "AsyncTestClient"]

T = TypeVar("T")

# Seconds. Virtual time passes as fast as it can: the application may sleep for hours, but not wait for ever.
A_DAY = 86_400.0

# Where a request carries the server it goes to, for the transport to find.
_SERVER = "lilya.server"
_STREAMS = "lilya.streams"  # whether the response is read later, piece by piece


class AsyncTestClient(Subject, httpx.AsyncClient):
    """Test an ASGI application of any make in the event loop the test runs in, on its clock, without threads.

        async with AsyncTestClient(app) as client:
            assert (await client.get("/")).status_code == 200

    Everything the application runs is in a nursery that this block opens in the caller's task. Entering starts the
    application up; leaving leaves what is still open, as `TestClient` does, and shuts it down. Without `async with`
    there is no lifespan, and a request has a nursery of its own: `send(..., stream=True)` then is an error.

    A cancelled request is a client that leaves: the application sees a disconnect and has
    `ServerOptions.disconnect_grace` seconds to end; the cancelled task waits for it. `timeout`, in seconds of the event
    loop's clock, bounds each wait for the application: `httpx.ReadTimeout`. The default is a day, which on a virtual
    clock is over at once when nothing else can happen: a deadlock is named. `ServerOptions.lifespan_timeout` bounds
    start-up and shutdown.

    `backend` may say in which event loop it is to be opened; in another one that is a `RuntimeError`. The other
    parameters, and what a request waits for and raises, are those of `TestClient`.
    """

    __test__ = False

    def __init__(
        self,
        app: Any,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        cookies: CookieTypes | None = None,
        headers: HeaderTypes | None = None,
        follow_redirects: bool = True,
        check_asgi_conformance: bool = True,
        *,
        backend: Literal["asyncio", "trio"] | None = None,
        timeout: float | None = A_DAY,
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
        self._backend = backend
        self._running: MemoryServer | None = None
        self._stack = AsyncExitStack()
        self._targets = Targets()
        super().__init__(
            base_url=base_url,
            headers=default_headers(headers),
            follow_redirects=follow_redirects,
            timeout=timeout,
            transport=_Transport(self),
        )

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("the client is open already: one `async with` at a time")
        if self._backend is not None and (self._backend == "trio") is not in_trio():
            raise RuntimeError(f"the client wants to run on {self._backend!r}, and this is another event loop")
        async with AsyncExitStack() as stack:
            self._running = await stack.enter_async_context(self._server(lifespan=True))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        try:
            await self._stack.__aexit__(exc_type, exc_value, traceback)
        finally:
            self._running = None

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """As `httpx.AsyncClient.build_request`; an async generator as `content` is closed when the client leaves."""
        plain = not options.get("params") and not self.params
        known = self._targets.find(self.base_url, url) if plain else None
        request = super().build_request(method, known or url, **options)
        if plain and known is None:
            self._targets.keep(url, request.url)
        content = options.get("content")
        if isinstance(content, AsyncGenerator):
            request.stream = _Upload(content)
        return request

    async def request(
        self, method: str, url: httpx.URL | str, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        """Send a request; `options` are those of `httpx.AsyncClient.request`. See `TestClient.request`."""
        how = taken(options, "auth", "follow_redirects")
        return await self.send(self.build_request(method, url, **options), stream=stream, **how)

    async def query(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        """Send a QUERY request: a safe one with a body; `options` as of `request`."""
        return await self.request("QUERY", url, **options)

    async def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """As `httpx.AsyncClient.send`."""
        if stream and self._running is None:
            raise RuntimeError(
                "a response can stream only while the client is open: use `async with AsyncTestClient(app) as client:` "
                "or `async with client.stream(...)`"
            )
        if self._running is not None:
            return await self._send_to(self._running, request, stream=stream, **options)
        async with self._server(lifespan=False) as server:
            return await self._send_to(server, request, stream=stream, **options)

    @asynccontextmanager
    async def stream(self, method: str, url: httpx.URL | str, **options: Any) -> AsyncIterator[httpx.Response]:
        """As `httpx.AsyncClient.stream`: the response comes piece by piece; leaving the block early is a disconnect."""
        how = taken(options, "auth", "follow_redirects")
        async with self._lease() as server:
            response = await self._send_to(server, self.build_request(method, url, **options), stream=True, **how)
            try:
                yield response
            finally:
                await response.aclose()

    def websocket_connect(
        self, url: str, subprotocols: Sequence[str] | None = None, **options: Any
    ) -> AsyncWebSocketSession:
        """A websocket session, for `async with`; `options` (headers, params, cookies) as of `build_request`."""
        request = handshake_request(self, url, subprotocols or (), options)
        scope = self._websocket_scope(request, subprotocols or ())
        return AsyncWebSocketSession(self._lease(), scope, request, self.cookies, read_timeout(request))

    async def wait_idle(self) -> None:
        """Wait until the application has returned from every request that is through, and its nursery is empty.

        Raises what failed there; `httpx.ReadTimeout` with the names of what still runs. Cancelling it does no more.
        """
        server = self._running
        if server is not None:
            try:
                await bounded("the application is still busy", server.wait_idle, self.timeout.read)
            except httpx.ReadTimeout as exc:
                raise httpx.ReadTimeout(f"{exc}: {', '.join(server.unfinished())}") from None

    async def _send_to(
        self, server: MemoryServer, request: httpx.Request, *, stream: bool, **how: Any
    ) -> httpx.Response:
        request.extensions |= {_SERVER: server, _STREAMS: stream}
        return await super().send(request, stream=stream, **how)

    def _lease(self) -> AbstractAsyncContextManager[MemoryServer]:
        """The client's server, or one for this request alone."""
        return nullcontext(self._running) if self._running is not None else self._server(lifespan=False)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, client: AsyncTestClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        server: MemoryServer = request.extensions[_SERVER]
        assert isinstance(request.stream, httpx.AsyncByteStream)  # httpx.AsyncClient has looked
        body: bytes | AsyncIterator[bytes]
        if "transfer-encoding" in request.headers:
            body = aiter(request.stream)
        else:
            body = await request.aread()
        timeout = read_timeout(request)
        exchange = server.request(self._client._http_scope(request), body)
        try:
            head = await bounded("the application did not answer", exchange.head, timeout)
        except BaseException:
            exchange.disconnect()
            raise
        stream = _Stream(exchange, timeout)
        if request.extensions[_STREAMS]:
            return AsyncTestResponse.made(head, exchange, stream)
        return TestResponse.made(head, exchange, httpx.ByteStream(await stream.whole()))


class AsyncTestResponse(TestResponse):
    """A response whose iterators may be left early: httpx makes them of async generators, which are closed with it."""

    __test__ = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._iterators: list[Any] = []  # outermost first: each reads from the next
        super().__init__(*args, **kwargs)

    def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """As `httpx.Response.aiter_raw`."""
        self.stream = _Kept(self.stream, self._iterators)
        return self._kept(super().aiter_raw(chunk_size))

    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """As `httpx.Response.aiter_bytes`."""
        return self._kept(super().aiter_bytes(chunk_size))

    def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """As `httpx.Response.aiter_text`."""
        return self._kept(super().aiter_text(chunk_size))

    def aiter_lines(self) -> AsyncIterator[str]:
        """As `httpx.Response.aiter_lines`."""
        return self._kept(super().aiter_lines())

    async def aclose(self) -> None:
        """Leave the exchange, and whatever still iterates over it. See `MemoryExchange.aclose`."""
        iterators, self._iterators = self._iterators, []
        for iterator in iterators:
            if not iterator.ag_running:  # at the end of the body they call us, and end by themselves
                await iterator.aclose()
        await super().aclose()

    def _kept(self, iterator: AsyncIterator[T]) -> AsyncIterator[T]:
        self._iterators.append(iterator)
        return iterator


class _Kept(httpx.AsyncByteStream):
    """The stream httpx puts around ours; it, too, is iterated in a generator."""

    def __init__(self, stream: Any, iterators: list[Any]) -> None:
        self._stream = stream
        self._iterators = iterators

    def __aiter__(self) -> AsyncIterator[bytes]:
        iterator = aiter(self._stream)
        self._iterators.append(iterator)
        return iterator  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Stream(httpx.AsyncByteStream):
    """The response body, and the end of the exchange."""

    def __init__(self, exchange: MemoryExchange, timeout: float | None) -> None:
        self._exchange = exchange
        self._timeout = timeout

    # An iterator and no generator: there is nothing to be closed when it is left early.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def _next(self) -> bytes | None:
        # An application that has returned is not waited for.
        timeout = None if self._exchange.ended else self._timeout
        try:
            return await bounded("the application did not send on", self._exchange.chunk, timeout)
        except ResponseAborted as exc:
            raise httpx.RemoteProtocolError(str(exc)) from exc

    async def whole(self) -> bytes:
        """All of it, and the end of the exchange."""
        chunks = []
        try:
            while (chunk := await self._next()) is not None:
                chunks.append(chunk)
        finally:
            await self.aclose()
        return b"".join(chunks)

    async def aclose(self) -> None:
        try:
            await bounded(
                "the application did not return from an exchange that is over",
                self._exchange.aclose,
                None if self._exchange.ended else self._timeout,
            )
        except httpx.ReadTimeout:
            self._exchange.cancel()
            raise


class _Upload(httpx.AsyncByteStream):
    """A request body from an async generator, which is closed with it."""

    def __init__(self, content: AsyncGenerator[bytes, None]) -> None:
        self._content = content
        self._taken = False

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        if self._taken:
            raise httpx.StreamConsumed
        self._taken = True
        return self._content
