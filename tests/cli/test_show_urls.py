"""`show-urls`: every route there can be, in rows and in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.cli._routes import rows_of
from lilya.controllers import Controller
from lilya.routing import Host, Include, Router, WebSocketPath
from lilya.routing import Path as Route
from tests.cli.driving import files, lilya


async def item(id: int) -> int:
    return id


def sync_item(a: str, b: str) -> str:
    return a + b


class Items(Controller):
    async def get(self) -> str:
        return ""

    async def post(self) -> str:
        return ""


async def socket(websocket: Any) -> None: ...


async def foreign(scope: Any, receive: Any, send: Any) -> None: ...


class Layer:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Mounted:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


async def handle(request: Any, exc: Exception) -> None: ...


def test_each_kind_of_route_has_a_row() -> None:
    app = Lilya(
        routes=[
            Route("/a/{id:int}", item, methods=["POST", "GET"]),
            Include("/inc", routes=[Include("/{a}", routes=[Route("/{b}/", sync_item)])]),
            Route("/items", Items, include_in_schema=False),
            WebSocketPath("/ws", socket),
            Include("/child", app=ChildLilya(routes=[])),
            Include("/router", app=Layer(Router([Route("/x", sync_x)]))),
            Include("/raw", app=Mounted()),
            Host("{tenant}.example.org", app=Lilya(routes=[Route("/t", sync_x)])),
        ]
    )
    rows = [(f"{row.host}{row.path}", row.parameters, row.handler, row.kind, row.methods) for row in rows_of(app)]
    assert rows == [
        ("/a/{id:int}", ("id:int",), "item", "async", ("GET", "HEAD", "POST")),
        ("/inc/{a}/{b}", ("a:str", "b:str"), "sync_item", "sync", ("GET", "HEAD")),
        ("/items", (), "Items", "controller", ("GET", "HEAD", "POST")),
        ("/ws", (), "socket", "websocket", ()),
        ("/router/x", (), "sync_x", "sync", ("GET", "HEAD")),
        ("/raw", (), "Mounted", "asgi", ()),
        ("{tenant}.example.org/t", ("tenant:str",), "sync_x", "sync", ("GET", "HEAD")),
    ]
    assert [row.path for row in rows_of(app) if not row.documented] == ["/items"]


def sync_x() -> str:
    return "x"


def test_layers_are_named_from_the_outside() -> None:
    inner = Router([Route("/x", sync_x, permissions=[Layer])], middleware=[Layer])
    app = Lilya(routes=[Include("/i", app=Layer(inner), exception_handlers={404: handle})], middleware=[Layer])
    (row,) = rows_of(app)
    assert row.layers == (
        "middleware Layer (Lilya)",
        "exception handler 404 (Include)",
        "middleware Layer",
        "middleware Layer (Router)",
        "permission Layer (Path)",
    )


APP = """
from lilya.apps import Lilya
from lilya.controllers import Controller
from lilya.routing import Host, Path, WebSocketPath

async def a(id: int) -> int: ...
def b() -> str: ...
async def s(websocket) -> None: ...
class C(Controller):
    async def get(self) -> str: ...

app = Lilya(routes=[
    Path("/a/{id:int}", a, methods=["POST", "GET"]), WebSocketPath("/s", s), Path("/openapi.json", b), Path("/c", C),
    Host("api.example.org", app=Lilya(routes=[Path("/a-path-that-does-not-fit/into-eighty-columns-or-less", b)])),
])
plain = lambda scope, receive, send: None
"""


@pytest.mark.realtime
def test_the_table_is_the_documented_one_and_whole_lines_where_it_is_piped(tmp_path: Path) -> None:
    files(tmp_path, app=APP)
    result = lilya("show_urls", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    lines = [" | ".join(part.strip() for part in line.strip("│").split("│")) for line in result.out.splitlines()]
    assert lines[0].strip() == "Application Paths"
    assert "Path" in lines[2]
    assert "/a/{id:int} | id:int | a | async | GET, HEAD, POST" in lines
    assert "/s |  | s | websocket | " in lines
    assert "/openapi.json" not in result.out
    assert "into-eighty-columns-or-less " in result.out
    assert "\x1b" not in result.out
    narrow = lilya("show-urls", "--layers", cwd=tmp_path, env={"COLUMNS": "80"})
    assert max(map(len, narrow.out.splitlines())) <= 80


@pytest.mark.realtime
def test_it_is_json_if_asked_for_and_filtered(tmp_path: Path) -> None:
    files(tmp_path, app=APP)

    def paths(*words: str) -> list[str]:
        return [row["path"] for row in json.loads(lilya("show-urls", "--json", *words, cwd=tmp_path).out)]

    assert paths("--method", "post") == ["/a/{id:int}"]
    assert paths("--path", "/?") == ["/s", "/c"]
    assert paths("--type", "controller", "--all", "--path", "c") == ["/c"]


@pytest.mark.realtime
def test_what_is_no_lilya_application_has_no_table(tmp_path: Path) -> None:
    files(tmp_path, app=APP)
    result = lilya("--app", "app:plain", "show-urls", cwd=tmp_path)
    assert (result.code, result.out) == (1, "")
    assert "is not a Lilya application" in result.err
