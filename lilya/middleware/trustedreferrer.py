"""From which pages a request may come (RFC 9110 section 10.1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from lilya._handling.refusing import refuse_with
from lilya.datastructures._headers import Header
from lilya.exceptions import BadRequest
from lilya.middleware.trustedhost import HostPatterns, host_name
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["TrustedReferrerMiddleware"]

DEFAULT_PORTS: Final = (80, 443)


class TrustedReferrerMiddleware:
    """Says in `scope["referrer_is_trusted"]` whether the page a request comes from is one of ours.

    Clients may leave the header out, or write anything: this keeps other sites from linking, not attackers from asking.

    Args:
        allowed_referrers: hosts, as `TrustedHostMiddleware` takes them; `""` allows requests without a referrer.
        allow_same_origin: pages of the host the request is for are trusted too; give `TrustedHostMiddleware` first.
        block_untrusted_referrers: refuse those that are not with `BadRequest` (400).

    Raises:
        AssertionError: a wildcard that is no `*` or `*.example.org`.
        ImproperlyConfigured: what is no host.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_referrers: Iterable[str] | None = None,
        allow_same_origin: bool = True,
        block_untrusted_referrers: bool = False,
    ) -> None:
        self.app = app
        given = allowed_referrers if isinstance(allowed_referrers, str) else list(allowed_referrers or ())
        self._allows_none = "" in given and not isinstance(given, str)
        self._hosts = HostPatterns("allowed_referrers", given if isinstance(given, str) else [x for x in given if x])
        self.allow_same_origin = allow_same_origin
        self.block_untrusted_referrers = block_untrusted_referrers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside what may be served; a lifespan passes untouched."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        trusted = scope["referrer_is_trusted"] = self.is_trusted(scope)
        if self.block_untrusted_referrers and not trusted:
            return await refuse_with(BadRequest(detail="Invalid referrer"), scope, receive, send)
        await self.app(scope, receive, send)

    def is_trusted(self, scope: Mapping[str, Any]) -> bool:
        """Whether the referrer of a request is one of ours."""
        request = Header.from_scope(scope)
        referrer = request.get("referer", "")
        if self._hosts.any:
            return True
        if not referrer:
            return self._allows_none
        try:
            parts = urlsplit(referrer)
            authority = _authority(parts.netloc)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or authority is None:
            return False
        if authority[0] in self._hosts:
            return True
        return self.allow_same_origin and authority == _authority(request.get("host", ""))


def _authority(text: str) -> tuple[str, int | None] | None:
    """Host and port; not the scheme, which a proxy may have changed, so a default port is as good as none."""
    host = host_name(text)
    if not host:
        return None
    port = urlsplit(f"//{text}").port
    return host, None if port in DEFAULT_PORTS else port
