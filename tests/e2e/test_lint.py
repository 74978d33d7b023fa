"""`lint` between a real server and an application: neither breaks the specification."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from lilya.apps import Lilya
from lilya.concurrency.nursery import open_nursery
from lilya.requests import Request
from lilya.responses import StreamingResponse
from lilya.routing import Path
from lilya.servers import serve
from lilya.testing import ASGISpecViolation, lint

pytestmark = [pytest.mark.e2e, pytest.mark.realtime]


async def size(request: Request) -> int:
    return len(await request.body())


async def stream() -> StreamingResponse:
    return StreamingResponse(b"x" * 1000 for _ in range(1000))


@pytest.mark.parametrize(
    ("backend", "server"), [("trio", "hypercorn"), ("asyncio", "hypercorn"), ("asyncio", "uvicorn")]
)
async def test_none_is_found_in_ours_under_a_real_server(backend: str, server: str) -> None:
    found: list[ASGISpecViolation] = []
    app = lint(Lilya(routes=[Path("/", size, methods=["GET", "POST"]), Path("/stream", stream)]), record=found)
    async with open_nursery() as nursery:
        [url] = await nursery.start(partial(serve, app, "127.0.0.1:0", backend=backend, server=server))
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.post("/?q=a%20b", content=b"x" * 100_000)).json() == 100_000
            for method in ("GET", "HEAD", "OPTIONS"):
                for path in ("/", "/stream", "/nothing"):
                    await client.request(method, path)
            async with client.stream("GET", "/stream") as response:
                assert response.status_code == 200  # and leave
        nursery.cancel_scope.cancel()
    assert found == []
