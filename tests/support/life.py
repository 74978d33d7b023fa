"""An application with its lifespan running, for tests that drive ASGI by hand: in the server of the testing kit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lilya.testing import LifespanFailed, MemoryServer, ServerOptions
from lilya.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LifespanFailed", "running"]


@asynccontextmanager
async def running(app: ASGIApp, state: dict[str, object] | None = None) -> AsyncIterator[list[Message]]:
    """Run the lifespan of `app` around the block; gives the list of the messages it sends.

    What its tasks raise is for the test to look at.
    """
    sent: list[Message] = []

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        async def record(message: Message) -> None:
            sent.append(message)
            await send(message)

        await app(scope, receive, record)

    async with MemoryServer(recorded, options=ServerOptions(raise_app_exceptions=False), state=state):
        yield sent
