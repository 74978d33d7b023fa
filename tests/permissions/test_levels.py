"""A permission protects at every level, requests and websockets alike."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.controllers import Controller, WebSocketController
from lilya.permissions import DefinePermission
from lilya.permissions.allow_all import AllowAll
from lilya.permissions.deny_all import DenyAll
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from tests.routing.client import call, talk
from tests.support.wire import left


async def home() -> str:
    return "home"


async def chat(websocket: Any) -> None:
    await websocket.accept()


class Users(Controller):
    """Guarded by itself."""

    async def get(self) -> str:
        return "home"


class Chat(WebSocketController):
    """Guarded by itself."""


def guarded(permissions: Any) -> list[Any]:
    """Two routes whose controllers have permissions of their own."""
    users = type("GuardedUsers", (Users,), {"permissions": permissions})
    chats = type("GuardedChat", (Chat,), {"permissions": permissions})
    return [Path("/", users), WebSocketPath("/", chats)]


def routes() -> list[Any]:
    return [Path("/", home), WebSocketPath("/", chat)]


def added(permissions: Any) -> Lilya:
    app = Lilya(routes=routes())
    for permission in reversed(permissions):
        app.add_permission(permission)
    return app


def single(permissions: Any) -> Lilya:
    """One static route and nothing else: no way around."""
    app = Lilya(routes=[Path("/", home)], permissions=permissions)
    app.add_websocket_route("/", chat)
    return app


LEVELS: dict[str, Any] = {
    "application": lambda p: Lilya(routes=routes(), permissions=p),
    "application with one route": single,
    "add_permission": added,
    "child application": lambda p: Lilya(routes=[Include("/", app=ChildLilya(routes=routes(), permissions=p))]),
    "router": lambda p: Lilya(routes=[Include("/", app=Router(routes(), permissions=p))]),
    "include": lambda p: Lilya(routes=[Include("/", routes=routes(), permissions=p)]),
    "include of an application": lambda p: Lilya(routes=[Include("/", app=Lilya(routes=routes()), permissions=p)]),
    "host": lambda p: Lilya(routes=[Host("example.org", Lilya(routes=routes()), permissions=p)]),
    "path": lambda p: Lilya(routes=[Path("/", home, permissions=p), WebSocketPath("/", chat, permissions=p)]),
    "controller": lambda p: Lilya(routes=guarded(p)),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("refuses", [[DenyAll], [DefinePermission(DenyAll)], [AllowAll, DenyAll], [AllowAll & DenyAll]])
async def test_it_refuses_at_every_level(level: str, refuses: Any) -> None:
    app = LEVELS[level](refuses)
    answer = await call(app)
    assert (answer.status, answer.text) == (401, "Not Authorized.")
    assert (await talk(app)).types == ["websocket.close"]
    denied = await talk(app, extensions={"websocket.http.response": {}})
    assert (denied.types[0], denied.status) == ("websocket.http.response.start", 401)


@pytest.mark.parametrize("level", LEVELS)
async def test_it_grants_at_every_level(level: str) -> None:
    app = LEVELS[level]([AllowAll, DenyAll | AllowAll])
    assert (await call(app)).status == 200
    assert (await talk(app, "/", left())).types[0] == "websocket.accept"
