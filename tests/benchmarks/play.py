"""Plays the server's side of a call, and times slices of calls. Needs nothing but anyio and the types."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from lilya.types import ASGIApp, Message, Scope
from tests.benchmarks import raw
from tests.benchmarks.cases import Case

__all__ = ["Client", "Unalike", "call", "calls_for", "check", "running", "slice_of"]

# So long a task that follows the answer may take until it is seen done, in seconds.
SOON: Final = 2.0


class Unalike(Exception):
    """A contender does not do the job."""


class Client:
    """Plays the server's side of one call: gives the messages, takes the answer."""

    __slots__ = ("answers", "body", "given", "messages", "over", "status", "waiting")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self.messages = messages
        self.given = 0
        self.answers = 0
        self.status = 0
        self.body = 0  # its length
        self.over = False
        self.waiting: anyio.Event | None = None

    async def receive(self) -> Message:
        """The next message; the disconnect, once the response is complete."""
        if self.given < len(self.messages):
            self.given += 1
            return self.messages[self.given - 1]
        while not self.over:
            self.waiting = anyio.Event()
            await self.waiting.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message."""
        kind = message["type"]
        if kind == "http.response.body":
            self.body += len(message.get("body", b""))
            if not message.get("more_body"):
                self.end()
        elif kind == "http.response.start":
            self.status = message["status"]

    def end(self) -> None:
        """The response is complete."""
        self.over = True
        if self.waiting is not None:
            self.waiting.set()


class Talker(Client):
    """Plays a websocket client that sends its next message when the last one was answered."""

    __slots__ = ()

    async def receive(self) -> Message:
        """The next message, in its turn."""
        while self.given > self.answers and not self.over:
            self.waiting = anyio.Event()
            await self.waiting.wait()
        self.given += 1
        return self.messages[min(self.given, len(self.messages)) - 1]

    async def send(self, message: Message) -> None:
        """Take a message."""
        kind = message["type"]
        if kind in ("websocket.send", "websocket.accept"):
            self.status = 200
            self.answers += 1
            self.body += len(message.get("text") or "")
            if self.waiting is not None:
                self.waiting.set()
        elif kind == "websocket.close":
            self.end()


def own_scope(scope: Scope) -> Scope:
    """A scope for one call, as a server makes one."""
    own: dict[str, Any] = scope.copy()
    own["headers"] = scope["headers"].copy()
    own["state"] = scope["state"].copy()
    return own


async def call(app: ASGIApp, case: Case, scope: Scope) -> Client:
    """One call."""
    client = (Talker if case.websocket else Client)(case.messages)
    await app(own_scope(scope), client.receive, client.send)
    return client


async def answer_of(app: ASGIApp, case: Case, scope: Scope) -> tuple[int, object]:
    """The status and the body of one call: what it holds where it is JSON, its pieces where it is a conversation."""
    client = (Talker if case.websocket else Client)(case.messages)
    pieces: list[bytes] = []
    kind = b""
    done = raw.WORK.done

    async def send(message: Message) -> None:
        nonlocal kind
        if message["type"] == "http.response.start":
            headers = {bytes(name).lower(): bytes(value) for name, value in message.get("headers", ())}
            kind = headers.get(b"content-type", b"")
        pieces.append((message.get("text") or "").encode() if case.websocket else bytes(message.get("body", b"")))
        await client.send(message)

    await app(own_scope(scope), client.receive, send)
    if case.work and client.status == case.status:
        with anyio.fail_after(SOON):
            while raw.WORK.done == done:  # noqa: ASYNC110  # it is not told whose it is
                await anyio.sleep(0.001)
    if case.websocket:
        return client.status, [piece for piece in pieces if piece]
    if client.status == 404:
        return client.status, None  # everybody has words of their own for it
    body = b"".join(pieces)
    return client.status, json.loads(body) if kind.startswith(b"application/json") else body


async def check(apps: Mapping[str, ASGIApp], case: Case) -> None:
    """Whether all of them do the job as the floor does: the same status and the same body; raises `Unalike`."""
    answers = {name: await answer_of(app, case, case.scope(name)) for name, app in apps.items()}
    for name, answer in answers.items():
        if answer[0] != case.status or answer != answers["raw"]:
            raise Unalike(f"{case.name}: {name} answered {str(answer)[:200]}, the floor {str(answers['raw'])[:200]}")


async def slice_of(app: ASGIApp, case: Case, scope: Scope, calls: int) -> float:
    """CPU seconds of one call, in a slice of so many."""
    clock = time.process_time if case.threads else time.thread_time
    gc.collect()
    before = clock()
    for _ in range(calls):
        await call(app, case, scope)
    return (clock() - before) / calls


async def calls_for(app: ASGIApp, case: Case, scope: Scope, seconds: float) -> int:
    """How many calls fill a slice of so many seconds; looks twice, and so warms it up."""
    calls = 1
    for _ in range(2):
        calls = max(1, round(seconds / await slice_of(app, case, scope, calls)))
    return calls


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """The application while its lifespan runs, if it has one. What it cannot start with, is raised."""
    started, over = anyio.Event(), anyio.Event()
    failures: list[str] = []
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        if asked > 1:
            await over.wait()
        return {"type": "lifespan.startup" if asked == 1 else "lifespan.shutdown"}

    async def send(message: Message) -> None:
        if message["type"].endswith("failed"):
            failures.append(message.get("message", ""))
        started.set()

    async def live() -> None:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await app(scope, receive, send)
        finally:
            started.set()

    async with anyio.create_task_group() as group:
        group.start_soon(live)
        await started.wait()
        if failures:
            raise Unalike(f"did not start: {failures[0]}")
        try:
            yield
        finally:
            over.set()
