"""Hooks before and after what a level answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from lilya._define import DefineMiddleware, DefinePermission
from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail, talk

Log = list[str]


def hook(log: Log, name: str) -> Any:
    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        log.append(name)

    return noting


def hooks(log: Log, level: str) -> dict[str, Any]:
    return {
        "before_request": [hook(log, f"{level} before"), hook(log, f"{level} before too")],
        "after_request": [hook(log, f"{level} after"), hook(log, f"{level} after too")],
    }


class Noting:
    def __init__(self, app: ASGIApp, log: Log, name: str) -> None:
        self.app = app
        self.log = log
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append(self.name)
        await self.app(scope, receive, send)


async def handler() -> str:
    return "here"


async def broken() -> None:
    raise ValueError("v")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


def around(log: Log, level: str) -> dict[str, Any]:
    return {
        "middleware": [DefineMiddleware(Noting, log, f"{level} middleware")],
        "permissions": [DefinePermission(Noting, log, f"{level} permission")],
        **hooks(log, level),
    }


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("between", ["include", "router", "host"])
async def test_hooks_run_at_every_level_in_their_order(between: str, kind: str) -> None:
    log: Log = []
    routes = [Path("/x", handler, **around(log, "path")), WebSocketPath("/ws", socket, **around(log, "path"))]
    middles: dict[str, Callable[[], Any]] = {
        "include": lambda: Include("/", routes=routes, **around(log, "include")),
        "router": lambda: Include("/", app=Router(routes, **around(log, "router"))),
        "host": lambda: Host("example.org", app=Router(routes), **around(log, "host")),
    }
    app = Lilya(routes=[middles[between]()], **around(log, "app"))
    if kind == "http":
        assert (await call(app, "/x")).json == "here"
    else:
        assert (await talk(app, "/ws")).types[0] == "websocket.accept"

    def inward(level: str) -> Log:
        return [f"{level} {part}" for part in ("before", "before too", "middleware", "permission")]

    def outward(level: str) -> Log:
        return [f"{level} after", f"{level} after too"]

    assert log == [
        "app middleware", "app before", "app before too", "app permission",
        *inward(between), *inward("path"), *outward("path"), *outward(between), *outward("app"),
    ]  # fmt: skip


async def test_hooks_may_be_functions_of_both_kinds_objects_and_classes() -> None:
    log: list[Any] = []

    def sync(scope: Scope, receive: Receive, send: Send) -> None:
        log.append(threading.current_thread() is threading.main_thread())

    class Hook:
        def __init__(self) -> None:
            log.append("made")

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            log.append(scope["path"])

    route = Path("/x", handler, before_request=[sync, Hook, Hook()])
    app = Lilya(routes=[route])
    log.clear()
    for _ in range(2):
        await call(app, "/x")
    assert log == [False, "/x", "/x"] * 2


async def test_after_hooks_are_skipped_by_what_is_raised_through_their_level() -> None:
    log: Log = []
    app = Lilya(routes=[Path("/x", broken, **hooks(log, "path"))], **hooks(log, "app"))
    await fail(app, "/x")
    assert log == ["app before", "app before too", "path before", "path before too"]
    log.clear()
    assert (await call(app, "/none")).status == 404
    assert log == ["app before", "app before too"]


async def test_after_hooks_run_where_an_error_was_answered_further_in() -> None:
    log: Log = []

    async def handled(request: Request, exc: Exception) -> PlainText:
        return PlainText("handled")

    route = Path("/x", broken, exception_handlers={ValueError: handled}, **hooks(log, "path"))
    app = Lilya(routes=[route], **hooks(log, "app"))
    assert (await call(app, "/x")).text == "handled"
    assert log == ["app before", "app before too", "path before", "path before too", "app after", "app after too"]


async def test_an_error_of_a_hook_is_for_the_handlers_of_its_level() -> None:
    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("hook")

    async def handled(request: Request, exc: Exception) -> PlainText:
        return PlainText(str(exc))

    handlers: Any = {ValueError: handled}
    app = Lilya(routes=[Path("/x", handler, before_request=[raising], exception_handlers=handlers)])
    assert (await call(app, "/x")).text == "hook"
    app = Lilya(routes=[Path("/x", handler)], before_request=[raising], exception_handlers=handlers)
    assert (await call(app, "/x")).text == "hook"


async def test_a_routers_functions_for_start_and_end_can_be_called_by_hand() -> None:
    log: list[str] = []

    async def up() -> None:
        log.append("up")

    def broken() -> None:
        log.append("broken")
        raise LookupError

    router = Router(on_startup=[up, lambda: log.append("up too")], on_shutdown=[broken, lambda: log.append("down")])
    await router.startup()
    assert log == ["up", "up too"]
    with pytest.raises(LookupError):
        await router.shutdown()
    assert log == ["up", "up too", "broken", "down"]


async def test_a_routers_default_answers_what_no_route_matches_alone_and_mounted() -> None:
    async def default(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainText(f"no {scope['path']}", status_code=410)(scope, receive, send)

    router = Router(default=default)
    assert (await call(router, "/x")).text == "no /x"
    assert (await call(Lilya(routes=[Include("/r", app=router)]), "/r/x")).status == 410
