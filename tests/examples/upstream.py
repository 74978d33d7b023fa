"""What stands behind the proxy in its tests: it says what it is asked, and logs when it is left."""

from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncGenerator

import anyio

from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect
from lilya.requests import Request
from lilya.responses import JSONResponse, Response, StreamingResponse
from lilya.routing import Path
from lilya.servers import run


def say(*words: object) -> None:
    """Into the log."""
    print(*words)  # noqa: T201


async def echo(request: Request) -> JSONResponse:
    headers = [
        ("connection", "x-secret"),
        ("x-secret", "for the proxy"),
        ("keep-alive", "timeout=5"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    target = request.scope["raw_path"].decode()
    if query := request.scope["query_string"].decode():
        target += f"?{query}"
    told = {"method": request.method, "target": target, "headers": request.headers.multi_items()}
    return JSONResponse({**told, "body": await request.text()}, headers=headers)


async def count(request: Request) -> dict[str, int]:
    size = 0
    try:
        async for piece in request.stream():
            if size == 0:
                say("count begun")
            size += len(piece)
    except ClientDisconnect:
        say("count left")
        raise
    return {"size": size}


async def stream() -> StreamingResponse:
    async def pieces() -> AsyncGenerator[str]:
        try:
            for number in range(1000):
                yield f"piece {number}\n"
                await anyio.sleep(0.05)
        finally:
            say("stream left")

    return StreamingResponse(pieces(), media_type="text/plain")


async def wait() -> None:
    say("wait begun")
    try:
        await anyio.sleep_forever()
    finally:
        say("wait left")


async def large() -> StreamingResponse:
    async def pieces() -> AsyncGenerator[bytes]:
        for _ in range(32):
            yield bytes(1 << 20)

    return StreamingResponse(pieces(), headers={"content-length": str(32 << 20)})


async def broken() -> StreamingResponse:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"the first part"
        await anyio.sleep(0.05)
        raise RuntimeError("broken off")

    return StreamingResponse(pieces())


async def compressed() -> Response:
    return Response(gzip.compress(b"small"), headers={"content-encoding": "gzip", "content-type": "text/plain"})


if __name__ == "__main__":
    everything = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
    app = Lilya(
        routes=[
            Path("/count", count, methods=["POST"]),
            Path("/stream", stream),
            Path("/wait", wait, methods=["GET", "POST"], on_disconnect="cancel"),
            Path("/large", large),
            Path("/broken", broken),
            Path("/compressed", compressed),
            Path("/{path:path}", echo, methods=everything),
        ]
    )
    run(app, sys.argv[1])
