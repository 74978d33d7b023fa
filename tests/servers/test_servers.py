"""The real servers, in this process and on loopback sockets: what they leave behind is found by the test runner."""

from __future__ import annotations

import os
import signal
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import hypercorn
import pytest
import uvicorn
from anyio.abc import SocketStream

from lilya.concurrency.nursery import open_nursery
from lilya.servers import ApplicationFailed, run, serve
from lilya.types import Receive, Scope, Send
from tests.servers.fakes import WellBehaved

pytestmark = [pytest.mark.realtime]

SERVERS = [("trio", "hypercorn"), ("asyncio", "hypercorn"), ("asyncio", "uvicorn")]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve in a nursery; leaving the block cancels it, which is an orderly stop."""
    async with open_nursery() as nursery:
        (url,) = await nursery.start(partial(serve, app, "127.0.0.1:0", **options))
        yield url
        nursery.cancel_scope.cancel()


async def get(url: str, path: str = "/") -> SocketStream:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    stream = await anyio.connect_tcp(parts.hostname, parts.port)
    await stream.send(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    return stream


async def read_all(stream: SocketStream) -> bytes:
    received = b""
    async with stream:
        try:
            async for chunk in stream:
                received += chunk
        except anyio.BrokenResourceError:
            pass
    return received


def servers_of(backend: str) -> list[str]:
    return ["hypercorn"] if backend == "trio" else ["hypercorn", "uvicorn"]


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
async def test_a_nursery_serves_and_its_cancellation_leaves_nothing_behind(backend: str, server: str) -> None:
    if server not in servers_of(backend):
        return
    app = WellBehaved(hello)
    async with serving(app, backend=backend, server=server) as url:
        stream = await get(url)
        assert (await stream.receive()).startswith(b"HTTP/1.1 200")
    await stream.aclose()
    assert app.log == ["startup", "end of /", "drain", "shutdown"]


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
async def test_calls_that_outlast_the_grace_leave_nothing_behind_either(backend: str, server: str) -> None:
    if server not in servers_of(backend):
        return
    app = WellBehaved(hang)
    async with serving(app, backend=backend, server=server, drain_timeout=0.1) as url:
        stream = await get(url, "/hang")
        await anyio.sleep(0.1)
    assert (await read_all(stream)).startswith(b"HTTP/1.1 503")
    assert app.log == ["startup", "drain", "end of /hang", "shutdown"]


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
async def test_a_client_that_does_not_read_leaves_nothing_behind_either(backend: str, server: str) -> None:
    if server not in servers_of(backend):
        return

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
            await anyio.sleep(0)

    app = WellBehaved(flood)
    async with serving(app, backend=backend, server=server, drain_timeout=0.1) as url:
        stream = await get(url)
        await anyio.sleep(0.2)
    await stream.aclose()
    assert app.log == ["startup", "drain", "end of /", "shutdown"]


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
async def test_a_crash_leaves_as_what_it_is(backend: str, server: str) -> None:
    if server not in servers_of(backend):
        return
    error = RuntimeError("lost the database")

    async def crashing(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep(0.1)
        raise error

    with pytest.raises(ApplicationFailed, match="crashed while it was served") as caught:
        async with serving(crashing, backend=backend, server=server):
            await anyio.sleep_forever()
    assert caught.value.__cause__ is error
