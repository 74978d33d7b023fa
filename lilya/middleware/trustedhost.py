"""Which hosts the application answers for: links, redirects and caches are built on what a client says in `Host`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from lilya._handling.refusing import refuse_with, send_refusal
from lilya.datastructures._headers import Header
from lilya.datastructures._url import URL
from lilya.exceptions import BadRequest, ImproperlyConfigured
from lilya.responses.base import RedirectResponse
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["HostPatterns", "TrustedHostMiddleware", "host_name"]

# RFC 3986 section 3.2.2, without what makes some readers see another host than others: user info, slashes, spaces.
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.\-]+)(?::[0-9]{0,5})?", re.IGNORECASE).fullmatch


def host_name(text: str) -> str:
    """The host of `host` or `host:port`, in lower case, an IPv6 address in its shortest form and in brackets.

    What is no host gives the empty text.
    """
    match = _HOST(text)
    if match is None:
        return ""
    name: str = match[1].lower()
    if not name.startswith("["):
        return name
    try:
        return f"[{ip_address(name[1:-1])}]"
    except ValueError:
        return ""


class HostPatterns:
    """Host names, as `example.org`, `*.example.org` (its sub-domains, not itself), `[::1]`, or `*` for every one.

    Raises:
        AssertionError: a `*` anywhere else.
        ImproperlyConfigured: a pattern that is no host.
    """

    def __init__(self, name: str, patterns: Iterable[str]) -> None:
        if isinstance(patterns, str):
            raise ImproperlyConfigured(f"{name} got the text {patterns!r}, wanted a list; did you mean {[patterns]!r}?")
        self.patterns = list(patterns)
        self.any = "*" in self.patterns
        self.names: set[str] = set()
        suffixes = []
        for pattern in self.patterns:
            assert "*" not in pattern.removeprefix("*.") or pattern == "*", (
                f"{name} got {pattern!r}: a wildcard stands for whole sub-domains only, as in '*.example.org'"
            )
            if pattern.startswith("*."):
                suffixes.append(self._checked(name, pattern[2:], pattern))
            elif pattern != "*":
                bare_ipv6 = pattern.count(":") > 1 and not pattern.startswith("[")
                self.names.add(self._checked(name, f"[{pattern}]" if bare_ipv6 else pattern, pattern))
        self._suffixes = tuple(f".{suffix}" for suffix in suffixes)

    @staticmethod
    def _checked(name: str, host: str, pattern: str) -> str:
        found = host_name(host)
        if not found or (":" in host and not host.endswith("]")):
            raise ImproperlyConfigured(
                f"{name} got {pattern!r}, wanted the name or address of a host, without scheme, port or path"
            )
        return found

    def __contains__(self, host: str) -> bool:
        """Whether a host, as `host_name` gives it, is one of them."""
        return self.any or host in self.names or host.endswith(self._suffixes)


class TrustedHostMiddleware:
    """Refuses requests for hosts that are not ours with `BadRequest` (400).

    `scope["host_is_trusted"]` says which are.

    Args:
        allowed_hosts: names, `*.example.org` for sub-domains, IPv6 addresses with or without brackets; by default `*`.
        www_redirect: where only `www.` and the host is allowed, send the client there.
        block_untrusted_hosts: False serves them all the same; the application looks into the scope.

    Raises:
        AssertionError: a wildcard that is no `*` or `*.example.org`.
        ImproperlyConfigured: what is no host.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Iterable[str] | None = None,
        www_redirect: bool = True,
        block_untrusted_hosts: bool = True,
    ) -> None:
        self.app = app
        self._hosts = HostPatterns("allowed_hosts", ["*"] if allowed_hosts is None else allowed_hosts)
        self.allowed_hosts = self._hosts.patterns
        self.www_redirect = www_redirect
        self.block_untrusted_hosts = block_untrusted_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside what may be served; a lifespan passes untouched."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        trusted, host = self._hosts.any, ""
        if not trusted:
            given = Header.from_scope(scope).getlist("host")
            host = host_name(given[0]) if len(given) == 1 else ""  # several: nobody knows which is meant (RFC 9112 3.2)
            trusted = bool(host) and host in self._hosts
        scope["host_is_trusted"] = trusted
        if trusted:
            return await self.app(scope, receive, send)
        if self.www_redirect and host and f"www.{host}" in self._hosts.names:
            url = URL.build_from_scope(scope)
            answer = RedirectResponse(url.replace(netloc=f"www.{url.netloc}"))
            return await send_refusal(answer, scope, receive, send)
        if self.block_untrusted_hosts:
            return await refuse_with(BadRequest(detail="Invalid host header"), scope, receive, send)
        await self.app(scope, receive, send)
