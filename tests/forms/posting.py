"""Post to a handler, message by message, and see what it leaves open."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from lilya._asgi.exchange import run_alone
from lilya.requests import Request
from lilya.testing.script import ScriptedExchange
from lilya.types import Message, Receive, Scope, Send
from tests.forms.bodies import BOUNDARY

__all__ = ["MULTIPART", "URLENCODED", "needs_proc", "open_files", "pieces", "post"]

T = TypeVar("T")

MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")


async def post(
    handler: Callable[[Request], Awaitable[T]],
    content_type: str,
    body: bytes | Iterable[bytes],
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    leaves: bool = False,
) -> T:
    """Run `handler` as an exchange of its own and return what it returns, or raise what it raises.

    A body in pieces comes in as many messages; a client that `leaves` goes when they are sent, in the middle of it.
    """
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": True}
        for piece in ([body] if isinstance(body, bytes) else body)
    ]
    messages.append({"type": "http.disconnect"} if leaves else {"type": "http.request", "body": b""})
    results: list[T] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        results.append(await handler(Request(scope, receive, send)))

    async def answered(index: int, message: Message) -> None:
        raise AssertionError("nobody answers here")

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b""}
    scope["headers"] = [(b"content-type", content_type.encode("latin-1")), *headers]
    await ScriptedExchange(partial(run_alone, app), scope, messages, on_send=answered).run()
    return results[0]


def pieces(body: bytes, size: int = 65536) -> list[bytes]:
    """The body cut as a server does."""
    return [body[start : start + size] for start in range(0, len(body), size)]


def open_files(folder: Path) -> list[str]:
    """What this process has open in a folder, deleted files included."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:  # the one that listed them
            continue
    return [link for link in links if link.startswith(str(folder))]
