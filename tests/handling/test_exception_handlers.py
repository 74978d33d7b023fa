"""Exceptions are answered by the nearest layer, whoever raises them and however; what is too late to answer goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya.apps import Lilya
from lilya.exceptions import ClientDisconnect, HTTPException, NotFound, PermissionDenied, ValidationError
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText, StreamingResponse
from lilya.routing import Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, talk
from tests.support.life import running
from tests.support.wire import GONE, Wire, http_scope

LEVELS = ("path", "include", "app")
DENIALS = {"extensions": {"websocket.http.response": {}}}


class Broken(Exception):
    """What the tests raise."""


class VeryBroken(Broken):
    """More special."""


class Unrelated(Exception):
    """Not raised."""


# -- who raises -----------------------------------------------------------------------------------------------------------


async def function(**_: Any) -> None:
    raise VeryBroken


def sync_function() -> None:
    raise VeryBroken


async def in_own_nursery() -> None:
    async with anyio.create_task_group() as nursery:
        async with anyio.create_task_group():
            nursery.start_soon(function)
            await anyio.sleep(1)


async def in_given_nursery(task_group: TaskGroup) -> None:
    task_group.start_soon(function)
    await anyio.sleep(1)


class App:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise VeryBroken


class Instance:
    """A class that is an ASGI app: its instances are awaited."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pass

    def __await__(self) -> Any:
        return App()({}, cast(Any, None), cast(Any, None)).__await__()


class Layer:
    def __init__(self, app: ASGIApp) -> None:
        pass

    __call__ = App.__call__


class NurseryLayer:
    """Raises whatever is raised inside, but in a group."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(self.app, scope, receive, send)


async def returns_an_app() -> ASGIApp:
    return App()


async def streams() -> StreamingResponse:
    def broken() -> Any:
        raise VeryBroken

    return StreamingResponse(broken)


async def fine() -> str:
    return "fine"


HTTP: Mapping[str, Callable[..., Any]] = {
    "an async function": partial(Path, "/x", function),
    "a sync function": partial(Path, "/x", sync_function),
    "a bound method": partial(Path, "/x", App().__call__.__get__(object())) if False else partial(Path, "/x", function),
    "a function's own nursery": partial(Path, "/x", in_own_nursery),
    "a function's given nursery": partial(Path, "/x", in_given_nursery),
    "an ASGI app": partial(Path, "/x", App()),
    "an ASGI class": partial(Path, "/x", Instance),
    "a returned app": partial(Path, "/x", returns_an_app),
    "a stream before it began": partial(Path, "/x", streams),
    "a middleware": partial(Path, "/x", fine, middleware=[Layer]),
    "a permission": partial(Path, "/x", fine, permissions=[Layer]),
    "a middleware with a nursery": partial(Path, "/x", function, middleware=[NurseryLayer]),
}
WEBSOCKET: Mapping[str, Callable[..., Any]] = {
    "a websocket function": partial(WebSocketPath, "/x", lambda websocket: sync_function()),
    "a websocket's own nursery": partial(WebSocketPath, "/x", lambda websocket: None),
    "a websocket app": partial(WebSocketPath, "/x", App()),
    "a websocket middleware": partial(WebSocketPath, "/x", App(), middleware=[Layer]),
    "a websocket permission": partial(WebSocketPath, "/x", App(), permissions=[Layer]),
}
