"""From a name and its parameters back to the path."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, NoMatchFound, Path, Router, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import call, talk


async def handler(request: Request) -> str:
    return str(request.path_for("detail", id=3))


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(str(websocket.path_for("chat", room="a b")))


ROUTES: list[Any] = [Path("/", handler, name="root"), Path("/{id:int}", handler, name="detail")]
CHILD = ChildLilya(routes=[Path("/", handler, name="root"), Include("/deep", routes=ROUTES, name="deep")])
APP = Lilya(
    routes=[
        Path("/", handler, name="home"),
        Path("/files/{name}/{rest:path}", handler, name="file"),
        Path("/{kind:str}/{f:float}/{u:uuid}/{d:datetime}", handler, name="all"),
        WebSocketPath("/chat/{room}", socket, name="chat"),
        Include("/v1", name="v1", routes=[
            Include("/u/{user}", name="u", routes=ROUTES), Include("/plain", routes=ROUTES),
            Include("/mounted", app=Router([Path("/only", handler, name="inner")])),
        ]),
        Include("/router/{a}", app=Router(ROUTES), name="router"),
        Include("/unnamed", app=Router([Path("/only", handler, name="only")])),
        Include("/child", app=CHILD, name="child"),
        Include("/static/{version}", app=PlainText("opaque"), name="static"),
        Path("/{id:int}", handler, name="detail"),
        Path("/users", handler, name="users"),
        Path("/users/{id:int}", handler, name="users"),
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("home", {}, "/"),
        ("detail", {"id": 7}, "/7"),
        ("file", {"name": "a", "rest": "b/c.txt"}, "/files/a/b/c.txt"),
        ("users", {}, "/users"),
        ("users", {"id": 1}, "/users/1"),
        ("v1:u:root", {"user": "ann"}, "/v1/u/ann/"),
        ("v1:u:detail", {"user": "ann", "id": 1}, "/v1/u/ann/1"),
        ("v1:detail", {"id": 1}, "/v1/plain/1"),
        ("router:root", {"a": "x"}, "/router/x/"),
        ("router:detail", {"a": "x", "id": 2}, "/router/x/2"),
        ("only", {}, "/unnamed/only"),
        ("v1:inner", {}, "/v1/mounted/only"),
        ("child:root", {}, "/child/"),
        ("child:deep:detail", {"id": 4}, "/child/deep/4"),
        ("static", {"version": "3", "path": "css/site.css"}, "/static/3/css/site.css"),
        ("static", {"version": "3", "path": "/css/site.css"}, "/static/3/css/site.css"),
        ("v1", {"path": "x/y"}, "/v1/x/y"),
        ("v1:u", {"user": "ann", "path": "x"}, "/v1/u/ann/x"),
        ("router", {"a": "x", "path": "y"}, "/router/x/y"),
        ("child:deep", {"path": "y"}, "/child/deep/y"),
    ],
)
def test_a_name_and_exactly_its_parameters_give_the_path(name: str, params: dict[str, Any], path: str) -> None:
    assert APP.path_for(name, **params) == path
    assert APP.url_path_for(name, **params) == path
    assert APP.router.path_for(name, **params) == path


@pytest.mark.parametrize(
    ("name", "params", "listed"),
    [
        ("nowhere", {}, ""),
        ("detail", {}, ""),
        ("detail", {"id": 1, "more": 2}, "id, more"),
        ("home", {"id": 1}, "id"),
        ("v1", {}, ""),
        ("v1:nowhere", {}, ""),
        ("v1:u:detail", {"id": 1}, "id"),
        ("u:detail", {"user": "a", "id": 1}, "user, id"),
        ("child:nowhere", {}, ""),
        ("router:detail", {"id": 1}, "id"),
        ("router", {"a": "x"}, "a"),
        ("static:page", {"version": "1"}, "version"),
        ("only:only", {}, ""),
    ],
)
def test_everything_else_is_said_not_to_exist(name: str, params: dict[str, Any], listed: str) -> None:
    with pytest.raises(NoMatchFound) as error:
        APP.path_for(name, **params)
    assert str(error.value) == f'No route exists for name "{name}" and params "{listed}".'


def test_paths_are_percent_encoded() -> None:
    assert APP.path_for("file", name="a b?é#", rest="c d/é%") == "/files/a%20b%3F%C3%A9%23/c%20d/%C3%A9%25"
    assert APP.path_for("static", version="1 2", path="a b/c?d") == "/static/1%202/a%20b/c%3Fd"
    assert APP.path_for("v1", path="a b") == "/v1/a%20b"
    assert Lilya(routes=[Path("/café", handler, name="c")]).path_for("c") == "/caf%C3%A9"


def test_values_that_no_path_can_carry_are_refused() -> None:
    with pytest.raises(AssertionError, match="May not contain path separators"):
        APP.path_for("v1:u:root", user="a/b")


async def test_what_was_reversed_matches_again_with_the_same_values() -> None:
    values = {
        "kind": "a b",
        "f": 1.5,
        "u": UUID("11111111-2222-3333-4444-555555555555"),
        "d": datetime(2024, 2, 29, 1, 2, 3),
    }
    seen: list[dict[str, Any]] = []

    async def notes(request: Request) -> None:
        seen.append(request.path_params)

    app = Lilya(routes=[Path("/{kind:str}/{f:float}/{u:uuid}/{d:datetime}", notes, name="all")])
    path = app.path_for("all", **values)
    assert path == "/a%20b/1.5/11111111-2222-3333-4444-555555555555/2024-02-29T01:02:03"
    await call(app, path.replace("%20", " "))
    assert seen == [values]


def test_a_path_knows_its_protocol_and_makes_a_whole_url() -> None:
    assert APP.path_for("chat", room="x").protocol == "websocket"
    assert str(APP.path_for("chat", room="x").make_absolute_url("https://example.org")) == "wss://example.org/chat/x"
    assert APP.path_for("router:detail", a="x", id=1).protocol == "http"


def test_names_are_by_default_those_of_the_handlers() -> None:
    class Mounted:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app = Lilya(routes=[Path("/f", handler), Path("/m", Mounted()), WebSocketPath("/s", socket)])
    assert app.path_for("handler") == "/f"
    assert app.path_for("Mounted") == "/m"
    assert app.path_for("socket") == "/s"


@pytest.mark.parametrize("root_path", ["", "/proxied"])
@pytest.mark.parametrize("path", ["/7", "/v1/u/ann/7", "/child/deep/7", "/router/x/7"])
async def test_a_request_reverses_from_the_outermost_app_whatever_matched(path: str, root_path: str) -> None:
    answer = await call(APP, root_path + path, root_path=root_path)
    assert answer.json == f"http://example.org{root_path}/3"


async def test_a_websocket_reverses_to_websocket_urls() -> None:
    assert (await talk(APP, "/chat/x")).sent[1]["text"] == "ws://example.org/chat/a%20b"


async def test_in_another_framework_reversing_begins_at_what_was_mounted_there() -> None:
    foreign: dict[str, Any] = {"app": object(), "router": object(), "root_path": "/outer/mount"}
    foreign["app_root_path"] = "/outer"
    parts: list[Any] = [
        Lilya(routes=ROUTES), Router(ROUTES), Include("/", routes=ROUTES), Path("/{id:int}", handler, name="detail"),
    ]  # fmt: skip
    for part in parts:
        answer = await call(part, "/outer/mount/7", **foreign)
        assert answer.json == "http://example.org/outer/mount/3"


def test_routes_and_includes_reverse_alone() -> None:
    route = Path("/{tenant}/x/{id:int}", handler, name="x")
    assert route.path_for("x", tenant="a", id=1) == "/a/x/1"
    for wrong in ("y", "x"):
        with pytest.raises(NoMatchFound):
            route.path_for(wrong, id=1)
    assert WebSocketPath("/s", socket, name="s").path_for("s").protocol == "websocket"
    include = Include("/in", name="in", routes=[route])
    assert include.path_for("in:x", tenant="a", id=1) == "/in/a/x/1"


def test_a_route_whose_handler_wants_parameters_of_a_prefix_reverses_alone_too() -> None:
    async def wants_more(tenant: str) -> None: ...

    assert Path("/x", wants_more, name="x").path_for("x") == "/x"


def test_behind_a_host_paths_know_their_host() -> None:
    app = Lilya(routes=[Host("{name}.example.org:8000", app=Router(ROUTES), name="sub")])
    found = app.path_for("sub:detail", name="api", id=3)
    assert (found, found.host) == ("/3", "api.example.org:8000")
    assert str(found.make_absolute_url("https://other.example")) == "https://api.example.org:8000/3"
    assert app.path_for("sub", name="api", path="a b") == "/a%20b"


def test_a_host_below_prefixes_knows_both() -> None:
    host = Host("{tenant}.example.org", app=Router(ROUTES), name="host")
    app = Lilya(
        routes=[
            Include("/{version}", name="v", routes=[host]),
            Include("/mounted", app=Router([host])),
        ]
    )
    for name, params, path in (
        ("v:host:detail", {"version": "1"}, "/1/3"),
        ("host:detail", {}, "/mounted/3"),
    ):
        found = app.path_for(name, tenant="acme", id=3, **params)
        assert (found, found.host) == (path, "acme.example.org")


def test_no_value_leads_to_another_host() -> None:
    app = Lilya(routes=[Host("{tenant}.example.org", app=Router(ROUTES), name="host")])
    assert app.path_for("host:root", tenant="evil.org#").host == "evil.org%23.example.org"
    with pytest.raises(AssertionError, match="May not contain path separators"):
        app.path_for("host:root", tenant="evil.org/")
