"""Routes of a host name."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, NoMatchFound, Path, Router, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import call, talk


async def handler(request: Request) -> dict[str, Any]:
    return request.path_params


async def home() -> str:
    return "any host"


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


def host_header(host: str | None) -> dict[str, Any]:
    return {"headers": [] if host is None else [(b"host", host.encode())]}


APP = Lilya(
    routes=[
        Host("api.example.org", app=Router([Path("/x", handler), WebSocketPath("/ws", socket)]), name="api"),
        Host("{year:int}.archive.org", app=Router([Path("/{page}", handler)])),
        Host("{day:datetime}.day.org", app=Router([Path("/x", handler)])),
        Host("{tenant}.example.org:8000", app=Router([Path("/x", handler, name="x")]), name="tenant"),
        Host("opaque.org", app=PlainText('"opaque"')),
        Path("/x", home),
    ]
)


@pytest.mark.parametrize(
    ("host", "path", "answer"),
    [
        ("api.example.org", "/x", {}),
        ("API.Example.ORG", "/x", {}),
        ("api.example.org:443", "/x", {}),
        ("api.example.org:", "/x", {}),
        ("2024.archive.org", "/p", {"year": 2024, "page": "p"}),
        ("2024-02-28T00:00:00.day.org", "/x", {"day": "2024-02-28T00:00:00"}),
        ("acme.example.org", "/x", {"tenant": "acme"}),
        ("acme.example.org:9999", "/x", {"tenant": "acme"}),
        ("opaque.org", "/anything", "opaque"),
        ("other.org", "/x", "any host"),
        ("x.archive.org", "/x", "any host"),
        ("2024-02-31T00:00:00.day.org", "/x", "any host"),
        ("api.example.org.evil.org", "/x", "any host"),
        ("evil.org/api.example.org", "/x", "any host"),
        (None, "/x", "any host"),
        ("[::1]:8000", "/x", "any host"),
    ],
)
async def test_the_host_header_says_whose_routes_answer(host: str | None, path: str, answer: Any) -> None:
    assert (await call(APP, path, **host_header(host))).json == answer


async def test_a_host_is_opaque_and_answers_its_own_404() -> None:
    assert (await call(APP, "/none", **host_header("api.example.org"))).status == 404
    only = Lilya(routes=[Host("a.org", app=Router([])), Path("/x", home)])
    assert (await call(only, "/x", **host_header("a.org"))).status == 404


async def test_websockets_have_hosts_too() -> None:
    assert (await talk(APP, "/ws", **host_header("api.example.org"))).types == ["websocket.accept", "websocket.close"]
    assert (await talk(APP, "/ws", **host_header("other.org"))).types == ["websocket.close"]


async def test_a_host_may_stand_inside_an_include() -> None:
    async def both(a: str, b: str) -> list[str]:
        return [a, b]

    app = Lilya(routes=[Include("/{a}", routes=[Host("{b}.org", app=Router([Path("/x", both)]))])])
    assert (await call(app, "/1/x", **host_header("two.org"))).json == ["1", "two"]


@pytest.mark.parametrize(
    ("name", "params"),
    [("tenant:x", {}), ("tenant:x", {"tenant": "a", "more": 1}), ("tenant", {"tenant": "a"}), ("x", {"tenant": "a"})],
)
def test_a_host_is_reversed_with_exactly_its_parameters(name: str, params: dict[str, Any]) -> None:
    assert APP.path_for("tenant:x", tenant="acme").host == "acme.example.org:8000"
    with pytest.raises(NoMatchFound):
        APP.path_for(name, **params)


def test_a_host_alone_reverses_its_routes() -> None:
    host = Host("a.org", app=Router([Path("/x", handler, name="x")]))
    assert (host.path_for("x"), host.path_for("x").host) == ("/x", "a.org")
