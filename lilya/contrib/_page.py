"""What the pages of this room share: they answer GET and HEAD, in an application of ours, of others, or alone."""

from __future__ import annotations

from lilya._asgi.exchange import exchange_of, run_alone
from lilya._handling.errors import Rescuing, default_answer
from lilya.exceptions import MethodNotAllowed, NotFound
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["serve_page"]


async def serve_page(page: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `page` answer. Raises `MethodNotAllowed`, and `NotFound` to a websocket; alone it answers them itself."""
    if exchange_of(scope) is None:
        return await run_alone(Rescuing(_Reading(page), default_answer), scope, receive, send)
    await _Reading(page)(scope, receive, send)


class _Reading:
    """Refuses what is no reading."""

    def __init__(self, page: ASGIApp) -> None:
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotFound()
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
        await self.page(scope, receive, send)
