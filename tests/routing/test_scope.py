"""What matching writes into the scope: visible where it must be, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ContinueRouting
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.routing._dispatch import get_route_path
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, talk

SEEN = ("route", "handler", "route_path_template")


class Watching:
    """Notes what of the scope can be seen when the response starts, and when all is over."""

    def __init__(self, app: ASGIApp, seen: list[Any], keys: tuple[str, ...] = SEEN) -> None:
        self.app = app
        self.seen = seen
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Any) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                self.seen.append({key: scope.get(key) for key in self.keys})
            await send(message)

        await self.app(scope, receive, noting)
        self.seen.append({key: scope.get(key) for key in self.keys})


async def handler(request: Request) -> dict[str, Any]:
    scope = request.scope
    return {key: scope.get(key) for key in ("path", "root_path", "app_root_path", "path_params", "route_path_template")}


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


ROUTE = Path("/x/{id:int}", handler)
SOCKET = WebSocketPath("/ws/{id:int}", socket)
ROUTES = [ROUTE, SOCKET]


class Copying:
    """A layer that hands on a copy of the scope, as those of other frameworks do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "copied": True}, receive, send)


WRAPPED: dict[str, Any] = {
    "flat": ([Include("/", routes=ROUTES)], "", ""),
    "include": ([Include("/a", routes=ROUTES)], "/a", "/a"),
    "include of includes": ([Include("/{a}", routes=[Include("/b", routes=ROUTES)])], "/1/b", "/{a}/b"),
    "router": ([Include("/a", app=Router(ROUTES))], "/a", "/a"),
    "router at the root": ([Include("/", app=Router(ROUTES))], "", ""),
    "router at the root of an include": (
        [Include("/a", routes=[Include("/", routes=[Include("/", app=Router(ROUTES))])])], "/a", "/a",
    ),
    "child": ([Include("/a", app=ChildLilya(routes=ROUTES))], "/a", "/a"),
    "child of a child": (
        [Include("/{a}", app=ChildLilya(routes=[Include("/b", app=ChildLilya(routes=ROUTES))]))], "/1/b", "/{a}/b",
    ),
    "a copying layer between": ([Include("/a", app=Router(ROUTES), middleware=[Copying])], "/a", "/a"),
    "host": ([Host("{name}.org", app=Router(ROUTES))], "", ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("where", WRAPPED)
async def test_what_matched_is_seen_outside_when_the_response_starts_and_after_it(where: str, kind: str) -> None:
    seen: list[Any] = []
    routes, prefix, template = WRAPPED[where]
    app = Lilya(routes=routes, middleware=[lambda inner: Watching(inner, seen)])
    if kind == "http":
        await call(app, f"{prefix}/x/3")
        expected = {"route": ROUTE, "handler": handler, "route_path_template": f"{template}/x/{{id:int}}"}
    else:
        await talk(app, f"{prefix}/ws/3")
        expected = {"route": SOCKET, "handler": socket, "route_path_template": f"{template}/ws/{{id:int}}"}
    assert seen == [expected, expected]


async def test_a_mounted_app_without_routes_is_what_matched() -> None:
    seen: list[Any] = []
    mounted = PlainText("mounted")
    include = Include("/static/{version}", app=mounted)
    await call(Lilya(routes=[include], middleware=[lambda inner: Watching(inner, seen)]), "/static/3/site.css")
    assert seen[0] == {"route": include, "handler": mounted, "route_path_template": "/static/{version}"}


async def test_of_several_that_matched_the_one_that_answered_is_seen() -> None:
    async def declines() -> None:
        raise ContinueRouting

    seen: list[Any] = []
    second = Path("/{b}", handler)
    app = Lilya(routes=[Path("/{a}", declines), second], middleware=[lambda inner: Watching(inner, seen)])
    assert (await call(app, "/x")).json["path_params"] == {"b": "x"}
    assert seen[-1] == {"route": second, "handler": handler, "route_path_template": "/{b}"}


async def test_what_a_route_changes_stays_inside() -> None:
    async def changes(request: Request) -> str:
        request.scope["mine"] = True
        request.scope["path_params"]["id"] = "changed"
        request.scope["user"] = "changed"
        return "done"

    class Setting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["user"] = "set"
            await self.app(scope, receive, send)

    seen: list[Any] = []
    keys = ("mine", "path_params", "user", "session")
    inner = Include("/{id}", app=ChildLilya(routes=[Path("/{x}", changes)], middleware=[Setting]))
    app = Lilya(routes=[inner], middleware=[lambda app: Watching(app, seen, keys)])
    await call(app, "/1/2", session={})
    assert seen[-1] == {"mine": None, "path_params": None, "user": None, "session": {}}


async def test_a_nested_app_is_the_app_of_what_is_below_it_and_nobody_elses() -> None:
    seen: list[Any] = []
    apps: list[Any] = []

    async def asks(request: Request) -> None:
        apps.append((request.app, request.scope["router"]))

    child = ChildLilya(routes=[Path("/x", asks)])
    app = Lilya(routes=[Include("/a", app=child)], middleware=[lambda inner: Watching(inner, seen, ("app", "router"))])
    await call(app, "/a/x")
    assert apps == [(child, app.router)]
    assert seen == [{"app": app, "router": app.router}] * 2


@pytest.mark.parametrize("below", [lambda routes: {"routes": routes}, lambda routes: {"app": Router(routes)}])
async def test_parameters_of_all_prefixes_reach_the_handler_with_its_own(below: Any) -> None:
    async def all_of_them(a: int, b: str, c: str, request: Request) -> list[Any]:
        return [a, b, c, request.path_params]

    routes = [Include("/{a:int}", **below([Include("/x/{b}", **below([Path("/{c}", all_of_them)]))]))]
    answer = await call(Lilya(routes=routes), "/1/x/two/three")
    assert answer.json == [1, "two", "three", {"a": 1, "b": "two", "c": "three"}]


async def test_parameters_that_another_framework_matched_are_kept() -> None:
    router = Router([Path("/{b}", handler)])
    answer = await call(router, "/outer/x", path_params={"a": "outer"}, root_path="/outer")
    assert answer.json["path_params"] == {"a": "outer", "b": "x"}


@pytest.mark.parametrize(
    ("routes", "path", "root", "app_root"),
    [
        ([Path("/x", handler)], "/x", "", None),
        ([Include("/a", routes=[Path("/x", handler)])], "/a/x", "/a", ""),
        ([Include("/a", routes=[Path("/", handler)])], "/a/", "/a", ""),
        ([Include("/a/b", routes=[Include("/{c}", routes=[Path("/x/y", handler)])])], "/a/b/c/x/y", "/a/b/c", ""),
        ([Include("/a", app=Router([Path("/x", handler)]))], "/a/x", "/a", ""),
        ([Include("/a", app=Router([Include("/b", routes=[Path("/x", handler)])]))], "/a/b/x", "/a/b", ""),
        ([Include("/a/", app=ChildLilya(routes=[Path("/x", handler)]))], "/a/x", "/a", ""),
        ([Include("/", app=ChildLilya(routes=[Path("/x", handler)]))], "/x", "", ""),
        ([Include("/{rest:path}/end", app=Router([Path("/x", handler)]))], "/1/2/end/x", "/1/2/end", ""),
        ([Include("/{rest:path}/end", routes=[Path("/x", handler)])], "/1/2/end/x", "/1/2/end", ""),
        ([Include("/{rest:path}/end", routes=[Path("/", handler)])], "/1/2/end/", "/1/2/end", ""),
        ([Include("/a/b", routes=[Path("/{rest:path}", handler)])], "/a/b/1/2/", "/a/b", ""),
        ([Include("/a/b", routes=[Path("/{rest:path}", handler)])], "/a/b/", "/a/b", ""),
    ],
)
@pytest.mark.parametrize("proxied", ["", "/proxied"])
async def test_the_path_is_never_shortened_and_the_root_path_grows(
    routes: list[Any], path: str, root: str, app_root: str | None, proxied: str
) -> None:
    answer = (await call(Lilya(routes=routes), proxied + path, root_path=proxied)).json
    assert answer["path"] == proxied + path
    assert answer["root_path"] == proxied + root
    assert answer["app_root_path"] == (None if app_root is None else proxied)


@pytest.mark.parametrize("path", ["/x", "/a/x", "/b/c/x"])
@pytest.mark.parametrize("root_path", ["/proxied", "/proxied/"])
async def test_a_root_that_the_server_leaves_out_of_the_path_changes_nothing_for_routing(
    path: str, root_path: str
) -> None:
    routes = [
        Path("/x", handler),
        Include("/a", routes=[Path("/x", handler)]),
        Include("/b", app=Router([Include("/c", app=ChildLilya(routes=[Path("/x", handler)]))])),
    ]
    for asked in (path, f"/proxied{path}"):
        assert (await call(Lilya(routes=routes), asked, root_path=root_path)).status == 200


@pytest.mark.parametrize(
    ("path", "root_path", "rest"),
    [
        ("/a/x", "", "/a/x"),
        ("/a/x", "/a", "/x"),
        ("/a/x", "/a/", "/x"),
        ("/a", "/a", ""),
        ("/apple", "/a", "/apple"),
        ("/x", "/a", "/x"),
        ("/a/x", "/", "/a/x"),
    ],
)
def test_the_rest_of_a_path_begins_at_a_slash(path: str, root_path: str, rest: str) -> None:
    assert get_route_path({"path": path, "root_path": root_path}) == rest


async def test_a_scope_without_a_root_path_is_all_rest() -> None:
    assert get_route_path({"path": "/a"}) == "/a"
    assert get_route_path({"path": "/a", "root_path": None}) == "/a"
    app = Lilya(routes=[Include("/a", app=Router([Path("/x", handler)]))])
    assert (await call(app, "/a/x", root_path=None)).json["root_path"] == "/a"


async def test_a_permission_reads_what_matched() -> None:
    seen: list[Any] = []
    route = Path("/{id}", handler, permissions=[lambda app: Watching(app, seen, (*SEEN, "path_params"))])
    await call(Lilya(routes=[route]), "/3")
    assert seen[0] == {
        "route": route, "handler": handler, "route_path_template": "/{id}", "path_params": {"id": "3"},
    }  # fmt: skip
