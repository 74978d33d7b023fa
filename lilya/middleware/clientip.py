"""The address of the client, for the layers further in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lilya.clientip import TrustedProxies, get_ip
from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["CLIENT_IP", "UNKNOWN", "ClientIPMiddleware", "ClientIPScopeOnlyMiddleware"]

CLIENT_IP: Final = "real-clientip"
# What the address is where nobody knows it (RFC 7239 section 6.2).
UNKNOWN: Final = "unknown"


class ClientIPScopeOnlyMiddleware:
    """Puts the address of the client into `scope["real-clientip"]`: `unknown` where nobody knows it.

    The arguments are those of `lilya.clientip.get_ip`. Raises `ImproperlyConfigured` for proxies that are none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_proxies: Iterable[str] | None = None,
        sanitize_clientip: Callable[[str], str] | None = None,
        sanitize_proxyip: Callable[[str], str] | None = None,
        headers: Iterable[str] = ("forwarded", "x-forwarded-for"),
    ) -> None:
        self.app = app
        self._trusted = None if trusted_proxies is None else TrustedProxies(trusted_proxies)
        self._sanitize_clientip = sanitize_clientip
        self._sanitize_proxyip = sanitize_proxyip
        self._headers = tuple(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan, which has no client, passes untouched."""
        if scope["type"] in ("http", "websocket"):
            self.note(scope)
        await self.app(scope, receive, send)

    def note(self, scope: Scope) -> None:
        """Write down the address."""
        try:
            scope[CLIENT_IP] = get_ip(
                scope,
                trusted_proxies=self._trusted,
                sanitize_clientip=self._sanitize_clientip,
                sanitize_proxyip=self._sanitize_proxyip,
                headers=self._headers,
            )
        except ImproperlyConfigured:  # a ValueError too, but the fault is ours
            raise
        except ValueError:
            scope[CLIENT_IP] = UNKNOWN


class ClientIPMiddleware(ClientIPScopeOnlyMiddleware):
    """The same, and in the request header `x-real-ip` too: what the client wrote there is taken away."""

    def note(self, scope: Scope) -> None:
        """Write down the address, in both places."""
        super().note(scope)
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-real-ip"]
        if scope[CLIENT_IP] != UNKNOWN:
            headers.append((b"x-real-ip", scope[CLIENT_IP].encode("latin-1", "replace")))
        scope["headers"] = headers
