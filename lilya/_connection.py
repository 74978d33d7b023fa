"""What requests and websockets have in common: a view of the connection's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any

import anyio

from lilya._asgi.deadline import seconds_left
from lilya._asgi.exchange import EXCHANGE, Exchange, Home, Nowhere, exchange_of
from lilya._asgi.inbox import NOBODY, Inbox
from lilya._sansio.cookies import parse_cookies
from lilya.datastructures._address import Address
from lilya.datastructures._headers import Header
from lilya.datastructures._multi import QueryParam
from lilya.datastructures._state import State
from lilya.datastructures._url import URL
from lilya.exceptions import ClientDisconnect, ImproperlyConfigured
from lilya.types import Receive, Scope

__all__ = ["Connection", "inbox_of"]


class Connection(Mapping[str, Any]):
    """A read-only view of a connection's scope; equal only to itself.

    Everything it shows is built when it is first asked for.
    """

    def __init__(self, scope: Scope, receive: Receive | None = None) -> None:
        self.scope = scope
        self._receive = receive

    # -- mapping over the scope -------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    def __len__(self) -> int:
        return len(self.scope)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    # -- what was asked ---------------------------------------------------------------------------------------------

    @property
    def app(self) -> Any:
        """The innermost application that serves the connection, or None."""
        return self.scope.get("app")

    @property
    def url(self) -> URL:
        """The whole URL, as the client sees it."""
        url: URL | None = self.__dict__.get("_url")
        if url is None:
            url = self.__dict__["_url"] = URL.build_from_scope(self.scope)
        return url

    @property
    def base_url(self) -> URL:
        """The URL of the application's root; ends with a slash."""
        url: URL | None = self.__dict__.get("_base_url")
        if url is None:
            root = str(self.scope.get("app_root_path", self.scope.get("root_path", "")))
            scope = {**self.scope, "path": root.rstrip("/") + "/", "query_string": b"", "root_path": root}
            url = self.__dict__["_base_url"] = URL.build_from_scope(scope)
        return url

    @property
    def headers(self) -> Header:
        """The request's headers, decoded as latin-1."""
        headers: Header | None = self.__dict__.get("_headers")
        if headers is None:
            headers = self.__dict__["_headers"] = Header.from_scope(self.scope)
        return headers

    @property
    def query_params(self) -> QueryParam:
        """The parameters of the query string."""
        params: QueryParam | None = self.__dict__.get("_query_params")
        if params is None:
            params = self.__dict__["_query_params"] = QueryParam(self.scope.get("query_string", b""))
        return params

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters of the path, transformed."""
        params: dict[str, Any] = self.scope.get("path_params") or {}
        return params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of all `cookie` headers; of one name, the last."""
        cookies: dict[str, str] | None = self.__dict__.get("_cookies")
        if cookies is None:
            cookies = self.__dict__["_cookies"] = parse_cookies(self.headers.getlist("cookie"))
        return cookies

    @property
    def client(self) -> Address | None:
        """The peer, where the server knows it."""
        return address(self.scope.get("client"))

    @property
    def server(self) -> Address | None:
        """The address that was connected to, where the server knows it."""
        return address(self.scope.get("server"))

    @property
    def state(self) -> State:
        """State of the request: starts as a copy of what the lifespans yielded."""
        state: State | None = self.__dict__.get("_state")
        if state is None:
            state = self.__dict__["_state"] = State(self.scope.setdefault("state", {}))
        return state

    def is_secure(self) -> bool:
        """Whether the connection is encrypted, as far as the server knows."""
        return self.scope.get("scheme") in ("https", "wss")

    @property
    def is_server_push(self) -> bool:
        """Whether the server can push (ASGI's extension `http.response.push`): what `send_push_promise` needs."""
        return "http.response.push" in (self.scope.get("extensions") or {})

    @property
    def is_server_pull(self) -> bool:
        """Whether the client has to ask for everything itself: the server cannot push."""
        return not self.is_server_push

    # -- what middleware added --------------------------------------------------------------------------------------

    def _installed(self, key: str, middleware: str) -> Any:
        if key not in self.scope:
            raise ImproperlyConfigured(f"{middleware} must be installed to access request.{key}")
        return self.scope[key]

    @property
    def auth(self) -> Any:
        """The credentials `AuthenticationMiddleware` found."""
        return self._installed("auth", "AuthenticationMiddleware")

    @property
    def user(self) -> Any:
        """The user `AuthenticationMiddleware` found."""
        return self._installed("user", "AuthenticationMiddleware")

    @property
    def session(self) -> Any:
        """The session `SessionMiddleware` loaded."""
        return self._installed("session", "SessionMiddleware")

    def set_session(self, value: Any) -> None:
        """Replace what the session holds. The session itself stays: who keeps it looks at that one."""
        session = self.scope.get("session")
        if isinstance(session, MutableMapping) and isinstance(value, Mapping):
            values = dict(value)  # it may be the session
            session.clear()
            session.update(values)
        else:
            self.scope["session"] = value

    def clear_session(self) -> None:
        """Empty the session."""
        self.set_session({})

    # -- reversing --------------------------------------------------------------------------------------------------

    def path_for(self, name: str, /, **path_params: Any) -> URL:
        """The absolute URL of the route called `name`. Raises `NoMatchFound` for a wrong name or wrong parameters."""
        if "router" not in self.scope:
            raise RuntimeError(f"this {type(self).__name__} was made outside a Lilya application: it knows no routes")
        path = self.scope["router"].path_for(name, **path_params)
        url: URL = path.make_absolute_url(base_url=self.base_url)
        return url

    url_path_for = path_for

    # -- the exchange -----------------------------------------------------------------------------------------------

    @property
    def _exchange(self) -> Exchange:
        exchange = exchange_of(self.scope)
        if exchange is None:
            raise RuntimeError(
                f"this {type(self).__name__} was made outside a Lilya application and route, or its exchange is over: "
                "nobody watches the connection for it"
            )
        return exchange

    @property
    def _home(self) -> Home:
        exchange: Exchange | None = self.scope.get(EXCHANGE)
        return Nowhere() if exchange is None or exchange.over else exchange.home

    @property
    def deadline(self) -> float:
        """How much time is left for the handler and its response, in seconds; `math.inf` without a deadline.

        To be passed on: `await client.get(url, timeout=request.deadline)`. Also in the thread of a sync handler.
        """
        return seconds_left(self.scope)

    @property
    def draining(self) -> bool:
        """Whether the application is being stopped: finish politely, start nothing long."""
        return self._home.draining

    async def wait_draining(self) -> None:
        """Wait until the application is being stopped. Cancelling it does nothing else."""
        await self._home.wait_draining()

    @contextmanager
    def cancel_on_draining(self) -> Iterator[anyio.CancelScope]:
        """Cancel the block as soon as the application is being stopped; what stands behind the block goes on.

        It gives the scope of the block, whose `cancelled_caught` tells afterwards whether it was cut.
        """
        home = self._home
        with anyio.CancelScope() as scope:
            home.drainees[scope] = None
            if home.draining:
                scope.cancel()
            try:
                yield scope
            finally:
                del home.drainees[scope]

    def cancel_on_disconnect(self) -> AbstractContextManager[anyio.CancelScope]:
        """Cancel the block when the client leaves before the response is complete, whatever the method is.

        The block then ends with `ClientDisconnect`.
        """
        return _CancelOnDisconnect(self._exchange)


class _CancelOnDisconnect(AbstractContextManager[anyio.CancelScope]):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __enter__(self) -> anyio.CancelScope:
        self._exchange.read_ahead()  # may fail: before anything is opened
        self._scope = anyio.CancelScope()
        self._scope.__enter__()
        self._exchange.guard(self._scope)
        return self._scope

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool:
        self._exchange.unguard(self._scope)
        swallowed = self._scope.__exit__(exc_type, exc, tb)
        if swallowed and self._exchange.gone:
            raise ClientDisconnect(detail="the client left before the response was complete")
        return bool(swallowed)


def inbox_of(exchange: Exchange | None, scope: Scope, receive: Receive) -> Inbox:
    """The reader for somebody who was handed `receive`.

    The connection's own where `receive` is the exchange's; where a middleware put its own in between, one over that,
    kept in the outermost scope so that all who were handed the same `receive` share what was read.
    """
    if exchange is not None:
        if receive == exchange.receive:
            return exchange.inbox
        scope = exchange.scope  # those handed on may be copies of it
    inboxes: dict[Receive, Inbox] = scope.setdefault("lilya.inboxes", {})
    inbox = inboxes.get(receive)
    if inbox is None:
        inbox = inboxes[receive] = Inbox(receive, NOBODY)
    return inbox


def address(pair: Any) -> Address | None:
    """A (host, port) pair of a scope; port may be None for a unix socket, and is a str under some servers."""
    if not pair:
        return None
    host, port = pair[0], pair[1]
    return Address(host, int(port) if isinstance(port, str) and port.isdecimal() else port)
