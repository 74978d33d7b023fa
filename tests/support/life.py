"""An application with its lifespan running, for tests that drive ASGI by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from lilya.types import ASGIApp, Message, Scope


class LifespanFailed(Exception):
    """The application answered `startup.failed` or `shutdown.failed`."""


@asynccontextmanager
async def running(app: ASGIApp, state: dict[str, object] | None = None) -> AsyncIterator[list[Message]]:
    """Run the lifespan of `app` around the block; gives the list of the messages it sends."""
    sent: list[Message] = []
    started, stopping, over = anyio.Event(), anyio.Event(), anyio.Event()
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state or {}}
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        if asked == 1:
            return {"type": "lifespan.startup"}
        await stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Message) -> None:
        sent.append(message)
        started.set()

    async def live() -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            if not sent or not sent[-1]["type"].endswith("failed"):
                raise
        finally:
            started.set()
            over.set()

    async with anyio.create_task_group() as group:
        group.start_soon(live)
        await started.wait()
        if sent[-1]["type"].endswith("failed"):
            await over.wait()
            raise LifespanFailed(sent[-1]["message"])
        try:
            yield sent
        finally:
            stopping.set()
            with anyio.CancelScope(shield=True):
                await over.wait()
