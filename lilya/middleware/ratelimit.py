"""So many requests in so many seconds, for each client (RFC 6585 section 4, draft-ietf-httpapi-ratelimit-headers)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol, TypeAlias, runtime_checkable

import anyio
import anyio.lowlevel

from lilya._checks import check_count
from lilya._handling.refusing import refuse_with
from lilya._sansio.sliding_window import SlidingWindow, Verdict
from lilya.clientip import get_ip
from lilya.datastructures._headers import Header
from lilya.exceptions import HTTPException, ImproperlyConfigured
from lilya.middleware._answers import with_headers
from lilya.middleware.clientip import CLIENT_IP, UNKNOWN
from lilya.requests import Connection
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MemoryRateLimitStore", "RateLimitMiddleware", "RateLimitStore", "Verdict", "client_key"]

Key: TypeAlias = Callable[[Connection], str | Awaitable[str | None] | None]

# How many clients are counted at once. Each takes about 500 bytes, and 32 more for each request within its window.
MAX_KEYS: Final = 10_000
# An address of IPv6 costs nothing: who has one has all of its network (RFC 6177).
IPV6_PREFIX: Final = 64


@runtime_checkable
class RateLimitStore(Protocol):
    """Where hits are counted."""

    async def hit(self, key: str, limit: int, window: float) -> Verdict:
        """Count one more of a key, unless there were `limit` in the last `window` seconds; at once, and say which."""


class MemoryRateLimitStore:
    """Counts in the memory of this process: each process of a server counts for itself.

    Args:
        max_keys: how many clients; when there are more, those heard of longest ago are forgotten: they start anew.
        clock: the time in seconds, by default that of the event loop.
    """

    def __init__(self, max_keys: int = MAX_KEYS, clock: Callable[[], float] = anyio.current_time) -> None:
        self.max_keys = check_count("max_keys", max_keys, least=1)
        self._clock = clock
        self._windows: OrderedDict[str, SlidingWindow] = OrderedDict()  # the one heard of last comes last

    def __len__(self) -> int:
        return len(self._windows)

    async def hit(self, key: str, limit: int, window: float) -> Verdict:
        """See `RateLimitStore.hit`."""
        await anyio.lowlevel.checkpoint()
        now = self._clock()
        found = self._windows.get(key)
        if found is None:
            found = self._windows[key] = SlidingWindow()
        self._windows.move_to_end(key)
        verdict = found.hit(now, limit, window)
        # Two at a time: what is over is cleared away faster than it comes.
        for _ in range(2):
            oldest = next(iter(self._windows))
            if len(self._windows) > self.max_keys or self._windows[oldest].forget(now, window):
                del self._windows[oldest]
        return verdict


def client_key(connection: Connection) -> str:
    """The address of a client; of IPv6 its network. Those whose address nobody knows are counted together.

    It is that of a `ClientIPMiddleware` further out, else what `lilya.clientip.get_ip` finds: name your proxies there,
    or all that come through one are one client.
    """
    address = connection.scope.get(CLIENT_IP)
    if address is None:
        try:
            address = get_ip(connection.scope)
        except ImproperlyConfigured:  # a ValueError too, but the fault is ours
            raise
        except ValueError:
            return UNKNOWN
    try:
        parsed = ip_address(address)
    except ValueError:
        return str(address)
    if isinstance(parsed, IPv6Address):
        bits = 128 - IPV6_PREFIX
        return f"{IPv6Address(int(parsed) >> bits << bits)}/{IPV6_PREFIX}"
    return str(parsed)


class RateLimitMiddleware:
    """Refuses a client that asks too often with 429 and `Retry-After`; the answers to others say what is left.

    In no `window` are more than `limit` let by. A websocket counts by its handshake. What is refused is an
    `HTTPException` for the exception handlers, wherever this layer stands, and does not count.

    Args:
        limit: how many.
        window: in how many seconds.
        key: who is counted: called with the `Connection` in the event loop, sync (and quick) or async; None is not
            limited. By default the address, see `client_key`.
        store: where it is counted; by default in memory, for this layer alone.
        name: of the policy in `RateLimit-Policy`; and part of the key, so that several layers can share a store.

    Raises:
        ImproperlyConfigured: a limit or a window below 1, or a name that cannot stand in a header.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        window: float,
        *,
        key: Key = client_key,
        store: RateLimitStore | None = None,
        name: str = "default",
    ) -> None:
        if limit < 1 or not window >= 1:
            raise ImproperlyConfigured(f"RateLimitMiddleware got limit={limit}, window={window}: wanted 1 or more")
        if not name or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            raise ImproperlyConfigured(f"RateLimitMiddleware got name={name!r}: wanted letters, digits, - and _")
        self.app = app
        self.limit = limit
        self.window = window
        self._key = key
        self.store: RateLimitStore = MemoryRateLimitStore() if store is None else store
        self.name = name
        self._policy = f'"{name}";q={limit};w={int(window)}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside who may; a lifespan passes. Cancelled while it is counted, a request may count."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        key = self._key(Connection(scope, receive))
        if isawaitable(key):
            key = await key
        if key is None:
            return await self.app(scope, receive, send)
        verdict = await self.store.hit(f"{self.name}:{key}", self.limit, self.window)
        if not verdict.allowed:
            headers = {"Retry-After": str(verdict.retry_after), **self._headers(verdict)}
            return await refuse_with(HTTPException(status_code=429, headers=headers), scope, receive, send)

        def tell(headers: Header) -> None:
            for name, value in self._headers(verdict).items():
                headers.add(name, value)

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = with_headers(message, tell)
            await send(message)

        await self.app(scope, receive, send_with_limit)

    def _headers(self, verdict: Verdict) -> dict[str, str]:
        return {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"{self.name}";r={verdict.remaining};t={verdict.retry_after}',
        }
