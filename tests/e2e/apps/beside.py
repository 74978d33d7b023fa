"""Serves in a nursery of its own making, beside another task. Arguments: backend, server, and what ends it.

`cancel`: a third task cancels the nursery once somebody has asked for `/slowly`; `interrupt`: nobody does.
"""

from __future__ import annotations

import sys
from functools import partial

import anyio
import trio

from lilya.servers import serve
from tests.e2e.apps.bare import app, say


async def tick() -> None:
    """The other task: it must not notice the server."""
    try:
        await anyio.sleep_forever()
    finally:
        say("tick: cancelled")


async def until_asked() -> None:
    assert app.asked is not None
    await app.asked.wait()


async def in_trio(server: str, end: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        urls = await nursery.start(partial(serve, app, "127.0.0.1:0", server=server))
        say("serving on", *urls)
        if end == "cancel":
            await until_asked()
            nursery.cancel_scope.cancel()
    say("nursery: left")


async def in_asyncio(server: str, end: str) -> None:
    async with anyio.create_task_group() as nursery:
        nursery.start_soon(tick)
        urls = await nursery.start(partial(serve, app, "127.0.0.1:0", backend="asyncio", server=server))
        say("serving on", *urls)
        if end == "cancel":
            await until_asked()
            nursery.cancel_scope.cancel()
    say("nursery: left")


if __name__ == "__main__":
    backend, server, end = sys.argv[1:]
    if backend == "trio":
        # Else Ctrl-C is raised wherever the program is, which may be in the middle of the server.
        trio.run(in_trio, server, end, restrict_keyboard_interrupt_to_checkpoints=True)
    else:
        anyio.run(in_asyncio, server, end, backend="asyncio")
