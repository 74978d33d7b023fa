"""How much memory a large upload takes: `python -m tests.benchmarks.upload_memory [--mib 1024] [--backend trio]`.

Posts a file of that size to an application, in the messages a server would give, and prints by how much the peak of the
resident set grew beyond what a small upload had brought it to. Fails when that is more than 8 MiB. Linux only: it asks
`/proc`. The file is read back, in pieces, so that storing and reading are both seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path as FilePath

import anyio

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses.base import JSONResponse
from lilya.routing import Path
from lilya.testing.server import http_scope
from lilya.types import Message

__all__ = ["measure"]

MIB = 1024 * 1024
MESSAGE = 64 * 1024
ALLOWED = 8 * MIB
BOUNDARY = b"----WebKitFormBoundaryc0ffee0123456789"
HEAD = (
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="title"\r\n\r\nlarge\r\n'
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
TAIL = b"\r\n--" + BOUNDARY + b"--\r\n"


async def upload(request: Request) -> JSONResponse:
    """Read the form, then its file."""
    async with request.form() as form:
        file = form["file"]
        assert not isinstance(file, str)
        size = 0
        while piece := await file.read(MESSAGE):
            size += len(piece)
        assert size == file.size
        return JSONResponse({"title": form["title"], "size": size})


def messages(size: int) -> Iterator[Message]:
    """The body of an upload of `size` bytes as a server gives it: no piece is the same object as another."""
    yield {"type": "http.request", "body": HEAD, "more_body": True}
    for number in range(size // MESSAGE):
        yield {"type": "http.request", "body": number.to_bytes(8, "big") * (MESSAGE // 8), "more_body": True}
    yield {"type": "http.request", "body": TAIL, "more_body": False}


async def post(app: Lilya, size: int) -> bytes:
    """Upload once; the body of the answer."""
    body = messages(size)
    answer = bytearray()

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        return next(body)

    async def send(message: Message) -> None:
        answer.extend(message.get("body", b""))

    scope = http_scope("POST", "/", headers=[(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)])
    await app(scope, receive, send)
    return bytes(answer)


def resident(field: str) -> int:
    """A size of this process in bytes: `VmRSS` is what it has now, `VmHWM` the most it had."""
    lines = FilePath("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def forget_peak() -> int:
    """Count the peak from here on, and say what this process has now."""
    FilePath("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


async def measure(size: int) -> int:
    """By how many bytes the peak of the resident set grows while `size` bytes are uploaded."""
    app = Lilya(routes=[Path("/", upload, methods=["POST"])])
    await post(app, 4 * MIB)
    before = forget_peak()
    answer = await post(app, size)
    assert answer == b'{"title":"large","size":%d}' % size, answer
    return resident("VmHWM") - before


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="How much memory a large upload takes.")
    parser.add_argument("--mib", type=int, default=1024, help="size of the upload in MiB (default: 1024)")
    parser.add_argument("--backend", choices=("trio", "asyncio"), default="trio")
    options = parser.parse_args()
    growth = anyio.run(measure, options.mib * MIB, backend=options.backend)
    print(f"{options.backend}: {options.mib} MiB uploaded, peak memory grew by {growth / MIB:.2f} MiB")
    return 0 if growth <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
