"""A hand-written ASGI application with one path for each thing a stop must cope with. It says what it does."""

from __future__ import annotations

import os
import socket
import sys

import anyio

from lilya.types import Receive, Scope, Send

# When to fail: "start", "start-told", "serving", "serving-told", "stop", "stop-told", "stop-never".
FAIL = os.environ.get("FAIL", "")


def say(*words: str) -> None:
    """Write a line to the log of the process."""
    sys.stdout.write(" ".join(words) + "\n")


class App:
    """See the module. `drain` is what `lilya.servers` looks for."""

    def __init__(self) -> None:
        self.calls = 0
        self.draining: anyio.Event | None = None
        self.crash: anyio.Event | None = None
        self.asked: anyio.Event | None = None  # for `slowly`

    def drain(self) -> None:
        address = os.environ.get("KNOCK_ON")
        if address:  # is the listener still open?
            socket.create_connection(("127.0.0.1", int(address)), timeout=5).close()
        say("drain")
        if self.draining is not None:
            self.draining.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
            return
        assert self.draining is not None
        assert self.crash is not None
        handler = getattr(self, scope["path"].strip("/"))
        try:
            await handler(scope, receive, send)
        finally:
            say("end of", scope["path"])

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.draining = anyio.Event()
        self.crash = anyio.Event()
        self.asked = anyio.Event()
        assert (await receive())["type"] == "lifespan.startup"
        if FAIL == "start":
            raise RuntimeError("no database")
        if FAIL == "start-told":
            await send({"type": "lifespan.startup.failed", "message": "told: no database"})
            return
        scope["state"]["greeting"] = "hello from the lifespan"
        say("started")
        await send({"type": "lifespan.startup.complete"})
        if FAIL.startswith("serving"):
            await self.crash.wait()
            if FAIL == "serving-told":
                await send({"type": "lifespan.shutdown.failed", "message": "told: lost the database"})
                return
            raise RuntimeError("lost the database")
        assert (await receive())["type"] == "lifespan.shutdown"
        say("lifespan.shutdown")
        if FAIL == "stop":
            raise RuntimeError("cannot flush")
        if FAIL == "stop-told":
            await send({"type": "lifespan.shutdown.failed", "message": "told: cannot flush"})
            return
        if FAIL == "stop-never":
            await anyio.sleep_forever()
        await send({"type": "lifespan.shutdown.complete"})

    async def ping(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, scope["state"]["greeting"].encode())

    async def slowly(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer after 0.3 s."""
        assert self.asked is not None
        self.calls += 1
        self.asked.set()
        await anyio.sleep(0.3)
        await answer(send, b"at last")

    async def count(self, scope: Scope, receive: Receive, send: Send) -> None:
        """How many calls of `slowly` there were."""
        await answer(send, str(self.calls).encode())

    async def hang(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never answer."""
        say("hanging")
        await anyio.sleep_forever()

    async def polite(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A stream that ends itself when the application drains."""
        assert self.draining is not None
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await self.draining.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})

    async def endless(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A stream that does not."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"more ", "more_body": True})
            await anyio.sleep(0.05)

    async def flood(self, scope: Scope, receive: Receive, send: Send) -> None:
        """More than any buffer holds, at once."""
        body = b"x" * 50_000_000
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def fall(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and let the lifespan crash."""
        assert self.crash is not None
        await answer(send, b"falling")
        self.crash.set()

    async def echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A websocket that echoes until its client leaves."""
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    async def courteous(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A websocket that closes itself when the application drains."""
        assert self.draining is not None
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await self.draining.wait()
        await send({"type": "websocket.send", "text": "goodbye"})
        await send({"type": "websocket.close", "code": 4000, "reason": "closing time"})


async def answer(send: Send, body: bytes) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


app = App()
