"""Lifespans that say when they are entered and left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from lilya.types import Lifespan

Log = list[str]


def noting(log: Log, name: str, state: Any = None, down: float = 0.0) -> Lifespan:
    """A lifespan that notes when it is entered and left."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        log.append(f"{name} up")
        try:
            yield state
        finally:
            await anyio.sleep(down)
            log.append(f"{name} down")

    return lifespan
