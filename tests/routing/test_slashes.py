"""A path that exists but for its trailing slash is redirected there, with everything else as it was."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.routing import Include, Path, Router, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import call, talk


async def handler() -> str:
    return "here"


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


async def redirected(app: Any, path: str, method: str = "GET", **scope: Any) -> str | None:
    """Where to, or None."""
    answer = await call(app, path, method, **scope)
    return answer.headers["location"] if answer.status == 307 else None


ROUTES: list[Any] = [
    Path("/", handler),
    Path("/a", handler),
    Path("/{n:int}/x", handler),
    Path("/café", handler),
    Include("/in", routes=[Path("/", handler), Path("/b", handler)]),
    Include("/router", app=Router([Path("/", handler), Path("/b", handler)])),
    Include("/child", app=ChildLilya(routes=[Path("/", handler), Path("/b", handler)])),
    Include("/{tenant}/deep", routes=[Include("/er", app=Router([Path("/b", handler)]))]),
]


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/a/", "/a"),
        ("/7/x/", "/7/x"),
        ("/in", "/in/"),
        ("/in/b/", "/in/b"),
        ("/router", "/router/"),
        ("/router/b/", "/router/b"),
        ("/child", "/child/"),
        ("/child/b/", "/child/b"),
        ("/t/deep/er/b/", "/t/deep/er/b"),
    ],
)
async def test_the_slash_is_toggled_where_the_other_path_exists(path: str, there: str) -> None:
    assert await redirected(Lilya(routes=ROUTES), path) == f"http://example.org{there}"


@pytest.mark.parametrize("path", ["/", "/b", "/b/", "/a//", "/x/x/", "/in///", "/nowhere"])
async def test_everything_else_is_not_redirected(path: str) -> None:
    assert await redirected(Lilya(routes=ROUTES), path) is None


async def test_the_method_is_kept_whatever_the_route_takes() -> None:
    app = Lilya(routes=[Path("/a", handler, methods=["POST"])])
    for method in ("POST", "GET"):
        answer = await call(app, "/a/", method)
        assert (answer.status, answer.body) == (307, b"")


async def test_query_host_and_scheme_are_kept() -> None:
    scope: dict[str, Any] = {
        "query_string": b"q=a%20b&q=%C3%A9",
        "headers": [(b"host", b"shop.example:8443")],
        "scheme": "https",
    }
    assert await redirected(Lilya(routes=ROUTES), "/a/", **scope) == "https://shop.example:8443/a?q=a%20b&q=%C3%A9"


@pytest.mark.parametrize("raw_path", [b"/caf%C3%A9/", None])
async def test_the_path_is_percent_encoded(raw_path: bytes | None) -> None:
    assert await redirected(Lilya(routes=ROUTES), "/café/", raw_path=raw_path) == "http://example.org/caf%C3%A9"


@pytest.mark.parametrize("path", ["/a/", "/in", "/router", "/child", "/child/b/"])
@pytest.mark.parametrize("in_path", [True, False], ids=["root in the path", "root left out of the path"])
async def test_the_root_under_which_a_proxy_holds_the_app_is_kept(path: str, in_path: bool) -> None:
    there = path[:-1] if path.endswith("/") else path + "/"
    scope = {"root_path": "/proxied"}
    asked = f"/proxied{path}" if in_path else path
    assert await redirected(Lilya(routes=ROUTES), asked, **scope) == f"http://example.org/proxied{there}"


async def test_a_path_is_never_redirected_to_another_host() -> None:
    app = Lilya(routes=[Path("/{x:path}/end", handler)])
    scope: dict[str, Any] = {"headers": [], "server": None}
    assert await redirected(app, "//evil.example/end/", **scope) == "/.//evil.example/end"


async def test_websockets_are_not_redirected() -> None:
    assert (await talk(Lilya(routes=[WebSocketPath("/a", socket)]), "/a/")).types == ["websocket.close"]


@pytest.mark.parametrize("path", ["/a/", "/in", "/in/b/"])
async def test_an_app_can_have_it_off(path: str) -> None:
    app = Lilya(routes=ROUTES, redirect_slashes=False)
    assert (await call(app, path)).status == 404


async def test_an_include_can_have_it_off_for_what_is_below() -> None:
    routes = [Path("/b", handler), Include("/deep", routes=[Path("/c", handler)])]
    app = Lilya(routes=[Path("/a", handler), Include("/in", routes=routes, redirect_slashes=False)])
    assert (await call(app, "/in/b/")).status == 404
    assert (await call(app, "/in/deep/c/")).status == 404
    assert await redirected(app, "/a/") is not None


async def test_a_router_can_have_it_off_for_its_own() -> None:
    app = Lilya(routes=[Path("/a", handler), Include("/r", app=Router([Path("/b", handler)], redirect_slashes=False))])
    assert (await call(app, "/r/b/")).status == 404
    assert await redirected(app, "/a/") is not None


async def test_a_mounted_app_with_it_on_redirects_below_one_with_it_off() -> None:
    child = ChildLilya(routes=[Path("/b", handler)])
    app = Lilya(routes=[Include("/child", app=child)], redirect_slashes=False)
    assert await redirected(app, "/child/b/") == "http://example.org/child/b"


async def test_what_redirects_lead_to_answers() -> None:
    app = Lilya(routes=ROUTES)
    for path in ("/in", "/router", "/child"):
        assert (await call(app, f"{path}/")).json == "here"
