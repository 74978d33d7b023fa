"""`TaskTree`: the tasks of a running process, and where each of them waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

import anyio

from lilya._asgi.exchange import Exchange, Home, exchange_of
from lilya._checks import check_count, check_seconds
from lilya._define import DefinePermission, build_stack, define_all
from lilya._handling.problems import JSON, TEXT, accept_of
from lilya._sansio.headers import best_media_type
from lilya.contrib._page import serve_page
from lilya.contrib.inspect._tree import Picture, take_picture
from lilya.contrib.inspect._write import CONTENT_POLICY, write_fragment, write_page, write_text
from lilya.exceptions import ImproperlyConfigured, PermissionDenied, ServiceUnavailable
from lilya.responses.base import HTMLResponse, JSONResponse, PlainText, Response
from lilya.responses.sse import EventStreamResponse
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["TaskTree"]

HTML: Final = "text/html"
EVENTS: Final = "text/event-stream"

HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": CONTENT_POLICY,
    "referrer-policy": "no-referrer",
    "vary": "Accept",
    "x-content-type-options": "nosniff",
}

# The headers of a request that came through a proxy: its sender only seems to be on this machine.
PROXIED: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
# A page of somebody else, whose name resolves to this machine (DNS rebinding), has another host in its URL.
LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class TaskTree:
    """Shows exchanges, services, background tasks and all others, with their children, state, age and where they wait.

        Include("/tasks", app=TaskTree())

    As text to curl, as a page that keeps itself up to date to a browser, as JSON to `Accept: application/json`, as a
    stream of pieces of HTML to `Accept: text/event-stream`. Routes are shown as their templates; paths, queries,
    messages of errors and values of variables are not shown.

    Args:
        permissions: who may look, as everywhere. Without any, those on this machine: other addresses, requests that
            came through a proxy and those for a foreign host name get 403.
        rows: how many exchanges, services and tasks are shown; of the others their number is.
        interval: seconds from picture to picture. Taking one costs the event loop some 20 µs for each task.
        watchers: how many may have the page open; one more gets 503.

    Raises `ImproperlyConfigured` for what makes no sense, an empty list of permissions among it.
    """

    def __init__(
        self,
        permissions: Iterable[Any] | None = None,
        *,
        rows: int = 200,
        interval: float = 1.0,
        watchers: int = 8,
    ) -> None:
        check_count("TaskTree: rows", rows, least=1)
        check_count("TaskTree: watchers", watchers, least=1)
        self.rows = rows
        self.interval = check_seconds("interval", interval)
        self.watchers = watchers
        self._watching = 0
        self._latest: tuple[Home | None, float, str] = (None, 0.0, "")
        layers = define_all(permissions, DefinePermission)
        if permissions is not None and not layers:
            raise ImproperlyConfigured(
                "TaskTree: an empty list of permissions would let everybody look; give none for who is on this "
                "machine, or say lilya.permissions.allow_all.AllowAll"
            )
        self._stack: ASGIApp = build_stack(self._answer, layers) if layers else self._local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Cancelling it ends the stream."""
        await serve_page(self._stack, scope, receive, send)

    async def _local_only(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_local(scope):
            raise PermissionDenied()
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        assert exchange is not None, "whoever called us made one"
        wanted = best_media_type(accept_of(scope), (TEXT, HTML, JSON, EVENTS)) or TEXT
        await self._response(exchange, wanted)(scope, receive, send)

    def _response(self, exchange: Exchange, wanted: str) -> Response:
        if wanted == EVENTS:
            if self._watching >= self.watchers:
                raise ServiceUnavailable(headers={"Retry-After": "10"})
            self._watching += 1
            exchange.at_end(self._leave)
            return EventStreamResponse(self._pieces(exchange), headers=HEADERS, retry=2000)
        picture = self.picture(exchange)
        if wanted == HTML:
            return HTMLResponse(write_page(picture), headers=HEADERS)
        if wanted == JSON:
            return JSONResponse(asdict(picture), headers=HEADERS)
        return PlainText(write_text(picture), headers=HEADERS)

    def picture(self, exchange: Exchange) -> Picture:
        """Everything that runs now in the event loop of an exchange."""
        return take_picture(exchange.home, self.rows, exchange)

    async def _pieces(self, exchange: Exchange) -> AsyncIterator[str]:
        while True:
            yield self._piece(exchange)
            await anyio.sleep(self.interval)

    def _piece(self, exchange: Exchange) -> str:
        """What all who watch are shown: many of them cost little more than one."""
        now = anyio.current_time()
        home, at, piece = self._latest
        if home is not exchange.home or not 0 <= now - at < self.interval / 2:
            piece = write_fragment(self.picture(exchange))
            self._latest = (exchange.home, now, piece)
        return piece

    def _leave(self) -> None:
        self._watching -= 1


def is_local(scope: Scope) -> bool:
    """Whether a request comes from this machine, as far as one can tell."""
    headers = scope.get("headers") or ()
    if any(name in PROXIED for name, _ in headers):
        return False
    hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
    client = scope.get("client")
    if client is None or len(hosts) != 1 or _without_port(hosts[0]) not in LOCAL_NAMES:
        return False
    try:
        address = ip_address(client[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
