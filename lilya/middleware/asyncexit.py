"""A place for what is to be left when a request or a websocket is over."""

from __future__ import annotations

import logging
import sys
from contextlib import AsyncExitStack
from typing import Final

from lilya._asgi.exchange import CLEANUP_SECONDS
from lilya.concurrency.nursery import shielded
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["STACK", "AsyncExitStackMiddleware"]

logger = logging.getLogger("lilya.exchange")

STACK: Final = "lilya_asyncexitstack"
"""The scope key of the stack."""


class AsyncExitStackMiddleware:
    """Puts a `contextlib.AsyncExitStack` into the scope, and closes it behind the layers further in.

        session = await request.scope["lilya_asyncexitstack"].enter_async_context(open_session())

    It is closed after the answer was sent, in the task that serves. What was entered sees the exception that ends the
    request, and may not keep it: it is raised all the same. A cancellation waits for the clean-up, up to
    `CLEANUP_SECONDS`. Nurseries and cancel scopes cannot be entered, for scopes of others stand in between: a handler
    asks for `task_group`. `debug` is kept for those who say it.
    """

    def __init__(self, app: ASGIApp, debug: bool = False) -> None:
        self.app = app
        self.debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve inside; a lifespan passes untouched."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        stack = scope[STACK] = AsyncExitStack()
        try:
            await self.app(scope, receive, send)
        finally:
            with shielded(CLEANUP_SECONDS) as clean:
                await stack.__aexit__(*sys.exc_info())
            if clean.cancelled_caught:
                logger.error("clean-up of %s took more than %s s and was cut", scope.get("path"), CLEANUP_SECONDS)
