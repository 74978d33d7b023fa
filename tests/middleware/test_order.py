"""The order of layers, at each level, is the one the guide's table has."""

from __future__ import annotations

from typing import Any

from lilya._define import DefineMiddleware, DefinePermission
from lilya.apps import ChildLilya, Lilya
from lilya.controllers import Controller, WebSocketController
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.docs.pages import rows
from tests.routing.client import call, talk

Log = list[str]


class Noting:
    """Notes its name on the way in and on the way out."""

    def __init__(self, app: ASGIApp, name: str, log: Log) -> None:
        self.app = app
        self.name = name
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append(self.name)
        await self.app(scope, receive, send)
        self.log.append(f"/{self.name}")


def layers(level: str, log: Log) -> dict[str, Any]:
    """Two middlewares, two permissions and the hooks of a level."""

    async def before(*args: Any, **kwargs: Any) -> None:
        log.append(f"{level} before_request")

    async def after(*args: Any, **kwargs: Any) -> None:
        log.append(f"{level} after_request")

    return {
        "middleware": [DefineMiddleware(Noting, f"{level} middleware {n}", log) for n in (1, 2)],
        "permissions": [DefinePermission(Noting, f"{level} permission {n}", log) for n in (1, 2)],
        "before_request": [before],
        "after_request": [after],
    }


def inside(level: str) -> list[str]:
    """A level's layers on the way in, as the table has them: an application, then every other level."""
    wrapped = [f"{level} middleware 1", f"{level} middleware 2"]
    hook = [f"{level} before_request"]
    refusing = [f"{level} permission 1", f"{level} permission 2"]
    return wrapped + hook + refusing if level in ("app", "child") else hook + wrapped + refusing


def outside(level: str) -> list[str]:
    """The same on the way out."""
    mirrored = [name.replace("before", "after") if "request" in name else f"/{name}" for name in inside(level)]
    return mirrored[::-1]


def expected(*levels: str) -> list[str]:
    way_in = [name for level in levels for name in inside(level)]
    way_out = [name for level in reversed(levels) for name in outside(level)]
    return [*way_in, "handler", *way_out]


def site(log: Log) -> Lilya:
    async def handler() -> str:
        log.append("handler")
        return ""

    async def socket(websocket: WebSocket) -> None:
        log.append("handler")
        await websocket.accept()

    class Page(Controller):
        async def get(self) -> str:
            log.append("handler")
            return ""

    class Chat(WebSocketController):
        async def on_connect(self, websocket: WebSocket) -> None:
            log.append("handler")
            await websocket.accept()
            await websocket.close()

    router = Router([Path("/path", handler, **layers("Path", log))], **layers("Router", log))
    child = ChildLilya(routes=[Path("/path", handler, **layers("Path", log))], **layers("child", log))
    hosted = Router([Path("/path", handler, **layers("Path", log))])
    return Lilya(
        routes=[
            Host("other.test", app=hosted, **layers("Host", log)),
            Path("/path", handler, **layers("Path", log)),
            Path("/page", Page, **layers("Path", log)),
            WebSocketPath("/socket", socket, **layers("WebSocketPath", log)),
            WebSocketPath("/chat", Chat, **layers("WebSocketPath", log)),
            Include("/router", app=router, **layers("Include", log)),
            Include("/child", app=child, **layers("Include", log)),
            Include("/deep", routes=[Include("/er", routes=[Path("/path", handler)], **layers("Inner", log))]),
        ],
        **layers("app", log),
    )


async def test_every_level_has_the_order_of_the_table() -> None:
    log: Log = []
    app = site(log)
    for path, *levels in (
        ("/path", "app", "Path"),
        ("/page", "app", "Path"),
        ("/router/path", "app", "Include", "Router", "Path"),
        ("/child/path", "app", "Include", "child", "Path"),
        ("/deep/er/path", "app", "Inner"),
    ):
        log.clear()
        await call(app, path)
        assert log == expected(*levels), path
    log.clear()
    await call(app, "/path", headers=[(b"host", b"other.test")])
    assert log == expected("app", "Host", "Path")
    for path in ("/socket", "/chat"):
        log.clear()
        await talk(app, path)
        assert log == expected("app", "WebSocketPath"), path


def test_the_guide_has_this_order() -> None:
    table = rows("docs/guide/middleware.md", "The order of layers")
    assert [row[0] for row in table] == ["`Lilya`, `ChildLilya`", "all others"]
    for row, level in zip(table, ("app", "Path"), strict=True):
        kinds = dict.fromkeys(name.split()[1].replace("before_request", "hooks") for name in inside(level))
        shown = [each.removesuffix("s") for each in row[1:] if each != "exception handlers"]
        assert shown == [kind.removesuffix("s") for kind in kinds]
