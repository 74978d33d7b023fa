"""A client for tests that call an ASGI app in memory: one call, and what was answered."""

from __future__ import annotations

import json
from typing import Any

import anyio

from lilya.types import ASGIApp, Message
from tests.support.wire import CONNECT, Wire, http_scope, request, websocket_scope

# Virtual seconds after which a call that does not end fails its test.
PATIENCE = 60.0


class Answer(Wire):
    """A wire, and what was sent on it read as an answer. `error` is what the app raised to the server."""

    error: BaseException | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response; of one name, the last."""
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def closed(self) -> tuple[int, str]:
        """Code and reason of the message that closed a websocket: the last one that was sent."""
        message = self.sent[-1]
        assert message["type"] == "websocket.close", self.sent
        return message["code"], message["reason"]


async def call(app: ASGIApp, path: str = "/", method: str = "GET", /, *, body: bytes = b"", **scope: Any) -> Answer:
    """Request `path`; raises what the app raises."""
    wire = Answer(request(body))
    with anyio.fail_after(PATIENCE):
        await app(http_scope(path, method, **scope), wire.receive, wire.send)
    return wire


async def fail(app: ASGIApp, path: str = "/", method: str = "GET", /, **scope: Any) -> Answer:
    """Request `path`, of an app that raises an exception to the server: it is the answer's `error`."""
    wire = Answer(request())
    return await _expect(app, http_scope(path, method, **scope), wire)


async def talk(app: ASGIApp, path: str = "/", /, *messages: Message, **scope: Any) -> Answer:
    """Open a websocket at `path` and send `messages`; raises what the app raises."""
    wire = Answer(CONNECT, *messages)
    with anyio.fail_after(PATIENCE):
        await app(websocket_scope(path, **scope), wire.receive, wire.send)
    return wire


async def fail_talk(app: ASGIApp, path: str = "/", /, *messages: Message, **scope: Any) -> Answer:
    """Open a websocket at `path`, of an app that raises an exception to the server."""
    wire = Answer(CONNECT, *messages)
    return await _expect(app, websocket_scope(path, **scope), wire)


async def fail_to_start(app: ASGIApp) -> tuple[list[Message], Exception]:
    """Run the lifespan of an app that does not start: what it sent, and what it raised."""
    sent: list[Message] = []

    async def receive() -> Message:
        if sent:
            await anyio.sleep_forever()
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.fail_after(PATIENCE):
        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        except Exception as error:
            return sent, error
    raise AssertionError("nothing was raised to the server")


async def _expect(app: ASGIApp, scope: dict[str, Any], wire: Answer) -> Answer:
    with anyio.fail_after(PATIENCE):
        try:
            await app(scope, wire.receive, wire.send)
        except Exception as error:
            wire.error = error
            return wire
    raise AssertionError("nothing was raised to the server")
