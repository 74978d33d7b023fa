"""Sends whoever comes without encryption to the encrypted address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lilya._handling.refusing import send_refusal
from lilya.datastructures._url import URL
from lilya.responses.base import RedirectResponse
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["HTTPSRedirectMiddleware"]

SECURE: Final[Mapping[str, str]] = {"http": "https", "ws": "wss"}


class HTTPSRedirectMiddleware:
    """Redirects `http` to `https` and `ws` to `wss` (307: the method is kept); the ports 80 and 443 are left out.

    Behind a proxy that ends TLS the scheme must come from it (see the server's option for that), else this redirects
    for ever. The host comes from the request: put `TrustedHostMiddleware` outside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect, or serve inside what is encrypted; a lifespan passes untouched."""
        secure = SECURE.get(scope.get("scheme", "")) if scope["type"] in ("http", "websocket") else None
        if secure is None:
            return await self.app(scope, receive, send)
        url = URL.build_from_scope(scope)
        netloc = url.netloc.removesuffix(":80").removesuffix(":443")
        await send_refusal(RedirectResponse(url.replace(scheme=secure, netloc=netloc)), scope, receive, send)
