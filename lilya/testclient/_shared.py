"""What both clients have in common: the application, who is signed in, and how a request becomes a scope."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Self, TypeVar

import anyio

from lilya.testclient._httpx import CookieTypes, HeaderTypes, httpx
from lilya.testing.exchange import MemoryExchange, ResponseHead
from lilya.testing.options import ServerOptions
from lilya.testing.server import MemoryServer, http_scope, websocket_scope
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "Subject",
    "Targets",
    "TestResponse",
    "as_asgi3",
    "bounded",
    "default_headers",
    "handshake_request",
    "read_timeout",
    "server_options_for",
    "taken",
]

T = TypeVar("T")

# URLs a client remembers; a test that asks for more begins again.
KNOWN_TARGETS = 256

_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class TestResponse(httpx.Response):
    """An `httpx.Response` that also knows what the application told with ASGI extensions.

    `extensions["asgi"]` holds those messages by type, each a list that grows while the response streams.
    """

    __test__ = False

    @property
    def template(self) -> Any:
        """The template that was rendered (`http.response.debug`), or None."""
        return self._debug().get("template")

    @property
    def context(self) -> Any:
        """What the template was rendered with (`http.response.debug`), or None."""
        return self._debug().get("context")

    def _debug(self) -> Mapping[str, Any]:
        messages = self.extensions["asgi"].get("http.response.debug", ())
        info: dict[str, Any] = {}
        for message in messages:
            info.update(message.get("info", {}))
        return info

    @classmethod
    def made(cls, head: ResponseHead, exchange: MemoryExchange, stream: Any) -> Self:
        """The response that begins with `head` and goes on as `stream`."""
        extensions = {"http_version": b"HTTP/1.1", "asgi": exchange.extras}
        return cls(head.status, headers=head.headers, stream=stream, extensions=extensions)


class Cookies(httpx.Cookies):
    """Cookies that look at a response only when it sets some: that is a fifth of what a small request costs."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep the cookies `response` sets, if any."""
        if "set-cookie" in response.headers:
            super().extract_cookies(response)


class Targets:
    """The URLs a client has asked for, as its base made them: making one is a fifth of what a small request costs."""

    def __init__(self) -> None:
        self._base: httpx.URL | None = None
        self._made: dict[str, httpx.URL] = {}

    def find(self, base: httpx.URL, url: httpx.URL | str) -> httpx.URL | None:
        """What `url` was made into with `base`, if that is known."""
        if self._base is not base:
            self._base = base
            self._made.clear()
        return self._made.get(url) if isinstance(url, str) else None

    def keep(self, url: httpx.URL | str, made: httpx.URL) -> None:
        """`url` was made into `made`, with the base of the last `find`."""
        if isinstance(url, str):
            if len(self._made) >= KNOWN_TARGETS:
                self._made.clear()
            self._made[url] = made


class Subject:
    """The application under test, as both clients know it."""

    app: ASGIApp
    app_state: dict[str, Any]
    root_path: str

    def _take(self, app: Any, root_path: str, options: ServerOptions, cookies: CookieTypes | None) -> None:
        self.app = as_asgi3(app)
        self.app_state = {}
        self.root_path = root_path
        self._options = options
        self._original = app
        self._user: Any = None
        self._jar = Cookies(cookies)

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies the client sends, and those it was given; may be set."""
        return self._jar

    @cookies.setter
    def cookies(self, cookies: CookieTypes) -> None:
        self._jar = Cookies(cookies)

    @property
    def routes(self) -> Sequence[Any]:
        """The application's routes; empty if it has none."""
        return getattr(self._original, "routes", ())

    def authenticate(self, user: Any) -> None:
        """From now on `scope["user"]` and `scope["state"]["user"]` are `user`: no authentication middleware needed."""
        self._user = user

    def logout(self) -> None:
        """Undo `authenticate`."""
        self._user = None

    @contextmanager
    def authenticated(self, user: Any) -> Iterator[None]:
        """`authenticate` for the length of a block, then whoever was signed in before."""
        before, self._user = self._user, user
        try:
            yield
        finally:
            self._user = before

    def _server(self, *, lifespan: bool) -> MemoryServer:
        return MemoryServer(self.app, options=self._options, state=self.app_state, lifespan=lifespan)

    def _http_scope(self, request: httpx.Request) -> Scope:
        return self._signed(http_scope(request.method, **self._address(request), scheme=request.url.scheme))

    def _websocket_scope(self, request: httpx.Request, subprotocols: Sequence[str]) -> Scope:
        scheme = "wss" if request.url.scheme == "https" else "ws"
        scope = websocket_scope(subprotocols=subprotocols, **self._address(request), scheme=scheme)
        return self._signed(scope)

    def _address(self, request: httpx.Request) -> Any:
        url = request.url
        return {
            "target": url.raw_path.decode("ascii"),
            "headers": request.headers.raw,
            "server": (url.host, url.port or _PORTS.get(url.scheme, 80)),
            "root_path": self.root_path,
        }

    def _signed(self, scope: Scope) -> Scope:
        if self._user is not None:
            scope |= {"user": self._user, "state": {"user": self._user}}
        return scope


def default_headers(headers: HeaderTypes | None) -> httpx.Headers:
    """`headers` of a client, which is called "testclient" unless they say otherwise."""
    merged = httpx.Headers({"user-agent": "testclient"})
    merged.update(headers)
    return merged


def server_options_for(
    given: ServerOptions | None, *, raise_app_exceptions: bool, check_conformance: bool, wait_for_background: bool
) -> ServerOptions:
    """`given`, or the defaults, with what the client's own parameters say."""
    return replace(
        given or ServerOptions(),
        raise_app_exceptions=raise_app_exceptions,
        check_conformance=check_conformance,
        wait_for_background=wait_for_background,
    )


def taken(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those of `options` that are called `names`, taken out of it."""
    return {name: options.pop(name) for name in names if name in options}


async def bounded(otherwise: str, fn: Callable[[], Awaitable[T]], seconds: float | None) -> T:
    """Await `fn()`; an `httpx.ReadTimeout` that says `otherwise` when that takes longer than `seconds`."""
    if seconds is None:
        return await fn()
    with anyio.move_on_after(seconds):
        return await fn()
    raise httpx.ReadTimeout(f"{otherwise} within {seconds} s")


def read_timeout(request: httpx.Request) -> float | None:
    """How long, in seconds, the client waits for the application at a time."""
    timeout: float | None = request.extensions.get("timeout", {}).get("read")
    return timeout


def handshake_request(
    client: httpx.Client | httpx.AsyncClient, url: str, subprotocols: Sequence[str], options: Mapping[str, Any]
) -> httpx.Request:
    """The GET request that asks for a websocket (RFC 6455, section 4.1)."""
    target = httpx.URL(url)
    if target.scheme in ("ws", "wss"):
        target = target.copy_with(scheme=target.scheme.replace("ws", "http"))
    request = client.build_request("GET", target, **options)
    request.headers["connection"] = "upgrade"
    request.headers["upgrade"] = "websocket"
    request.headers.setdefault("sec-websocket-key", "dGVzdHNlcnZlcj09PT09PQ==")
    request.headers.setdefault("sec-websocket-version", "13")
    if subprotocols:
        request.headers["sec-websocket-protocol"] = ", ".join(subprotocols)
    return request


def as_asgi3(app: Any) -> ASGIApp:
    """`app` as it is, or, if it can only be called with a scope (ASGI 2), an ASGI 3 application around it."""
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return app  # type: ignore[no-any-return]
    try:
        signature.bind(None, None, None)
    except TypeError:
        return _single_callable(app)
    return app  # type: ignore[no-any-return]


def _single_callable(app: Callable[[Scope], Any]) -> ASGIApp:
    async def asgi3(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return asgi3
