"""What the pages of this room share: they answer GET and HEAD, in an application of ours, of others, or alone."""

from __future__ import annotations

from functools import partial

from lilya._handling.refusing import Refusing
from lilya.exceptions import HTTPException, MethodNotAllowed, NotFound
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["serve_page"]


async def serve_page(page: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `page` answer, and refuse. What is no reading is refused with 405, a websocket with 404."""
    await Refusing(partial(_read, page), HTTPException)(scope, receive, send)


async def _read(page: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotFound()
    if scope["method"] not in ("GET", "HEAD"):
        raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
    await page(scope, receive, send)
