"""The layers of a level: in which order, for which paths, how often built and how often run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lilya._define import DefineMiddleware, DefinePermission
from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ContinueRouting, PermissionDenied
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, talk

Log = list[str]


class Noting:
    """Notes its name on the way in and on the way out."""

    built = 0

    def __init__(self, app: ASGIApp, name: str, log: Log) -> None:
        self.app = app
        self.name = name
        self.log = log
        log.append(f"build {name}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append(self.name)
        try:
            await self.app(scope, receive, send)
        finally:
            self.log.append(f"/{self.name}")


def middleware(log: Log, *names: str) -> list[Any]:
    return [DefineMiddleware(Noting, name, log) for name in names]


def permissions(log: Log, *names: str) -> list[Any]:
    return [DefinePermission(Noting, name, log) for name in names]


def layers(log: Log, level: str) -> dict[str, Any]:
    """Two middlewares and two permissions, in their order."""
    return {
        "middleware": middleware(log, f"{level}-m1", f"{level}-m2"),
        "permissions": permissions(log, f"{level}-p1", f"{level}-p2"),
    }


async def handler() -> str:
    return "here"


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


def inward(log: Log) -> Log:
    """What was entered, in order."""
    return [name for name in log if name[0] != "/" and not name.startswith("build")]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("between", ["include", "router", "child", "host"])
async def test_middleware_is_outside_permissions_at_every_level_and_lists_run_in_order(between: str, kind: str) -> None:
    log: Log = []
    routes: list[Any] = [
        Path("/x", handler, **layers(log, "path")),
        WebSocketPath("/ws", socket, **layers(log, "path")),
    ]
    inners: dict[str, Callable[[], Any]] = {
        "include": lambda: Include("/in", routes=routes, **layers(log, "include")),
        "router": lambda: Include("/in", app=Router(routes, **layers(log, "router"))),
        "child": lambda: Include("/in", app=ChildLilya(routes=routes, **layers(log, "child"))),
        "host": lambda: Host("example.org", app=Router([Include("/in", routes=routes)]), **layers(log, "host")),
    }
    app = Lilya(routes=[inners[between]()], **layers(log, "app"))
    if kind == "http":
        assert (await call(app, "/in/x")).status == 200
    else:
        assert (await talk(app, "/in/ws")).types[0] == "websocket.accept"
    expected = [f"{level}-{part}" for level in ("app", between, "path") for part in ("m1", "m2", "p1", "p2")]
    assert inward(log) == expected
    assert [name[1:] for name in log if name[0] == "/"] == expected[::-1]


async def test_a_layer_may_be_a_class_a_dotted_path_or_a_definition() -> None:
    class Adds:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["added"] = True
            await self.app(scope, receive, send)

    async def asks(request: Request) -> bool:
        return bool(request.scope["added"])

    route = Path("/", asks, middleware=[Adds, "tests.routing.layers.Passes", DefineMiddleware(Adds)])
    assert (await call(Lilya(routes=[route]))).json is True


# -- which paths the layers of an include run for ---------------------------------------------------------------------


def tree(log: Log) -> Lilya:
    return Lilya(
        routes=[
            Include("/a", routes=[Path("/x", handler), Path("/", handler)], middleware=middleware(log, "first")),
            Include(
                "/a", routes=[Path("/y", handler), WebSocketPath("/ws", socket)], middleware=middleware(log, "second"),
            ),
            Include("/a", routes=[Path("/z", handler)]),
            Path("/a/flat", handler),
            Path("/b", handler),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "ran"),
    [
        ("/a/x", 200, ["first"]),
        ("/a/", 200, ["first"]),
        ("/a/y", 200, ["second"]),
        ("/a/z", 200, []),
        ("/a/flat", 200, []),
        ("/b", 200, []),
        ("/a/none", 404, ["first"]),
        ("/a/x/more", 404, ["first"]),
        ("/none", 404, []),
        ("/ab", 404, []),
        ("/a", 307, []),
    ],
)
async def test_the_layers_of_an_include_run_for_its_routes_and_for_what_is_below_it_and_nobodys(
    path: str, status: int, ran: Log
) -> None:
    log: Log = []
    assert (await call(tree(log), path)).status == status
    assert inward(log) == ran


async def test_a_405_is_raised_inside_the_layers_of_its_route() -> None:
    log: Log = []
    answer = await call(tree(log), "/a/y", "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert inward(log) == ["second"]


async def test_an_unknown_websocket_below_an_include_is_refused_inside_its_layers() -> None:
    log: Log = []
    assert (await talk(tree(log), "/a/none")).types == ["websocket.close"]
    assert inward(log) == ["first"]


async def test_a_permission_of_an_include_hides_what_is_not_there() -> None:
    class Denies:
        def __init__(self, app: ASGIApp) -> None: ...

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise PermissionDenied

    app = Lilya(routes=[Include("/a", routes=[Path("/x", handler)], permissions=[Denies])])
    for path in ("/a/x", "/a/none"):
        answer = await call(app, path)
        assert (answer.status, answer.text) == (403, "You do not have permission to perform this action.")
    assert (await call(app, "/a/x", "POST")).status == 403


async def test_handlers_of_an_include_answer_its_own_404_and_405() -> None:
    async def missing(request: Request, exc: Exception) -> PlainText:
        return PlainText(f"{type(exc).__name__} below {request.scope['root_path']}", status_code=404)

    handlers: Any = {404: missing, 405: missing}
    app = Lilya(routes=[Include("/a/{b}", routes=[Path("/x", handler)], exception_handlers=handlers)])
    assert (await call(app, "/a/1/none")).text == "HTTPException below /a/1"
    assert (await call(app, "/a/1/x", "POST")).text == "HTTPException below /a/1"
    assert (await call(app, "/none")).text == "Not Found"


async def test_nested_includes_run_their_layers_from_the_outside_in_once() -> None:
    log: Log = []
    inner = Include("/{b}", routes=[Path("/x", handler)], middleware=middleware(log, "inner"))
    outer = Include("/{a}", routes=[Include("/mid", routes=[inner])], middleware=middleware(log, "outer"))
    app = Lilya(routes=[outer])
    assert (await call(app, "/1/mid/2/x")).status == 200
    assert inward(log) == ["outer", "inner"]
    log.clear()
    assert (await call(app, "/1/mid/2/none")).status == 404
    assert inward(log) == ["outer", "inner"]
    log.clear()
    assert (await call(app, "/1/none")).status == 404
    assert inward(log) == ["outer"]


# -- how often they are built -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["routes", "app"])
async def test_all_routes_below_an_include_share_one_instance_of_its_layers(below: str) -> None:
    log: Log = []
    routes = [Path("/x", handler), Path("/{y}", handler, methods=["POST"]), WebSocketPath("/ws", socket)]
    what: dict[str, Any] = {"routes": routes} if below == "routes" else {"app": Router(routes)}
    app = Lilya(routes=[Include("/a", **what, **layers(log, "include"))])
    await call(app, "/a/x")
    await call(app, "/a/x", "POST")
    await call(app, "/a/none/none")
    await talk(app, "/a/ws")
    assert [name for name in log if name.startswith("build")] == [
        f"build include-{part}" for part in ("p2", "p1", "m2", "m1")
    ]


@pytest.mark.parametrize(
    "alone",
    [
        lambda log: Path("/x", handler, **layers(log, "part")),
        lambda log: Include("/", routes=[Path("/x", handler)], **layers(log, "part")),
        lambda log: Router([Path("/x", handler)], **layers(log, "part")),
        lambda log: Host("example.org", Router([Path("/x", handler)]), **layers(log, "part")),
        lambda log: Lilya(routes=[Path("/x", handler)], **layers(log, "part")),
    ],
    ids=["path", "include", "router", "host", "app"],
)
async def test_layers_are_built_once_however_many_requests_there_are(alone: Callable[[Log], Any]) -> None:
    log: Log = []
    part = alone(log)
    for _ in range(3):
        assert (await call(part, "/x")).status == 200
    assert len([name for name in log if name.startswith("build")]) == 4


async def test_who_declines_inside_layers_is_left_by_them_before_the_next_is_tried() -> None:
    log: Log = []

    async def declines() -> None:
        raise ContinueRouting

    routes = [
        Include("/a", routes=[Path("/x", declines)], middleware=middleware(log, "first")),
        Include("/a", routes=[Path("/x", handler)], middleware=middleware(log, "second")),
    ]
    assert (await call(Lilya(routes=routes), "/a/x")).json == "here"
    assert [name for name in log if not name.startswith("build")] == ["first", "/first", "second", "/second"]
