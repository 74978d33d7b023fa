"""Talking over a websocket, alone and in an application, and the messages of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from lilya.apps import Lilya
from lilya.routing import WebSocketPath
from lilya.types import Message
from lilya.websockets import WebSocket
from tests.support.life import running
from tests.support.wire import CONNECT, Wire, websocket_scope

NOT_CONNECTED = r'^WebSocket is not connected. Need to call "accept" first.$'
RECEIVED_ALL = r'^Cannot call "receive" once a disconnect message has been received.$'
CLOSED = r'^Cannot call "send" once a close message has been sent.$'
BAD_MODE = r'^The "mode" argument should be "text" or "binary".$'


def binary(data: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": data}


def both(text: str | None = None, data: bytes | None = None) -> Message:
    """As some servers write it: both keys, one of them None."""
    return {"type": "websocket.receive", "text": text, "bytes": data}


ACCEPT: Message = {"type": "websocket.accept", "subprotocol": None, "headers": []}
Talk = Callable[[WebSocket], Awaitable[None]]


async def alone(talk: Talk, *messages: Message) -> Wire:
    """Talk over a websocket that no application serves."""
    wire = Wire(CONNECT, *messages)
    await talk(WebSocket(websocket_scope(), wire.receive, wire.send))
    return wire


async def served(talk: Talk, *messages: Message) -> Wire:
    """Talk in a handler of an application."""

    async def handler(websocket: WebSocket) -> None:
        await talk(websocket)

    wire = Wire(CONNECT, *messages)
    app = Lilya(routes=[WebSocketPath("/", handler)])
    async with running(app):
        await app(websocket_scope(), wire.receive, wire.send)
        assert wire.readers == 0
        assert app.statistics().exchanges == ()
    return wire


everywhere = pytest.mark.parametrize("talk_over", [alone, served])
Over = Callable[..., Awaitable[Wire]]


def close(code: int = 1000, reason: str = "") -> Message:
    return {"type": "websocket.close", "code": code, "reason": reason}
