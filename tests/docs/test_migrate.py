"""The pages for those who come from elsewhere: old and new answer the same, and what the tables name exists."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.concurrency import in_trio
from lilya.requests import Request
from lilya.testclient import AsyncTestClient
from lilya.websockets import WebSocket
from tests.docs.pages import DOCS, blocks, program, read
from tests.docs.site import public_names

PAGES = sorted(path.relative_to(DOCS.parent).as_posix() for path in (DOCS / "migrate").glob("*.md"))
STARLETTE, FASTAPI, QUART_TRIO, LILYA = (
    f"docs/migrate/{name}.md" for name in ("starlette", "fastapi", "quart-trio", "lilya")
)

Seen = list[tuple[int, str]]


async def conversation(app: Any) -> tuple[Seen, list[str]]:
    """What an application answers to a client of the shop: statuses with bodies, and what the websocket said."""
    async with AsyncTestClient(app) as client:
        found = [
            await client.get("/items/1"),
            await client.post("/items/1", json={"amount": 3}),
            await client.get("/stream"),
        ]
        assert (await client.get("/items/2")).status_code == 404
        assert (await client.get("/items/x")).status_code == 404
        await client.wait_idle()
        async with client.websocket_connect("/echo") as websocket:
            await websocket.send_text("hello")
            said = [await websocket.receive_text()]
    return [(each.status_code, each.text.replace(" ", "").strip()) for each in found], said


async def test_starlette_and_lilya_answer_the_same() -> None:
    new, old = program(STARLETTE, 1), program(STARLETTE, 2)
    answers = await conversation(new.app)
    assert answers == await conversation(old.app)
    assert answers[0][1] == (201, '{"sold":3}')
    assert new.sold == old.sold == [1]


async def test_quart_trio_and_lilya_answer_the_same() -> None:
    pytest.importorskip("quart_trio")
    if not in_trio():
        pytest.skip("Quart-Trio runs on trio alone")
    new, old = program(QUART_TRIO, 1), program(QUART_TRIO, 2)
    assert await conversation(new.app) == await conversation(old.app)
    assert new.sold == old.sold == [1]
    for app in (new.app, old.app):
        async with AsyncTestClient(app) as client:
            assert (await client.get("/both")).json() == {"asked": 2}


async def test_fastapi_and_lilya_answer_the_same() -> None:
    answers = []
    for app in (program(FASTAPI, 1).app, program(FASTAPI, 2).app):
        async with AsyncTestClient(app) as client:
            found = [
                await client.get("/items/1"),
                await client.get("/items/?q=tea&page=2", headers={"user-agent": "test"}),
                await client.post("/items/", json={"name": "cake"}),
                await client.get("/items/2"),
            ]
            refused = [
                await client.get("/items/9"),
                await client.get("/items/"),
                await client.get("/items/?q=tea&page=x"),
                await client.post("/items/", json={"price": 2}),
                await client.post("/items/", json={"name": "cake", "price": "dear"}),
            ]
            answers.append([each.json() for each in found] + [each.status_code for each in refused])
    assert answers[0] == answers[1]
    assert answers[0][2:] == [{"id": 2}, {"name": "cake", "price": 1.0}, 404, 422, 422, 422, 422]


async def test_a_program_of_the_public_lilya_runs() -> None:
    module = program(LILYA)
    async with AsyncTestClient(module.app) as client:
        assert (await client.get("/items/1")).status_code == 404
        client.headers["token"] = "sesame"
        answer = await client.get("/items/1")
        assert (answer.json(), answer.headers["x-timing"]) == ({"id": 1}, "1")
        assert (await client.post("/items/7", json=3)).json() == {"sold": 3}
        assert module.sold == [7]
        async with client.websocket_connect("/echo") as websocket:
            await websocket.send_json({"a": 1})
            assert await websocket.receive_json() == {"a": 1}


# -- the tables -------------------------------------------------------------------------------------------------------

PUBLIC = {
    name: getattr(import_module(shown.module), name) for shown in reversed(public_names()) for name in shown.homes
}
OBJECTS: dict[str, Any] = {
    "app": Lilya(),
    "request": Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}),
    "websocket": WebSocket,
}


def cells() -> Iterator[Any]:
    """The code in the last column of every table."""
    for page in PAGES:
        for line in read(page).splitlines():
            if line.startswith("| ") and not set(line) <= set("|- "):
                for code in re.findall(r"`([^`]+)`", line.strip("| ").rpartition(" | ")[2]):
                    yield pytest.param(code, id=f"{page.rpartition('/')[2]}: {code}")


@pytest.mark.parametrize("code", list(cells()))
def test_what_a_table_names_exists_and_takes_what_it_is_given(code: str) -> None:
    if re.fullmatch(r"[a-z-]+|[A-Z][a-z]+|\d+", code) and code not in PUBLIC:
        return  # a word of Python, HTTP, or a parameter: `yield`, `POST`
    if code.startswith("lilya."):
        module, _, name = code.rpartition(".")
        assert getattr(import_module(module), name) is not None
        return
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            parameters = inspect.signature(PUBLIC[node.func.id]).parameters
            takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
            for keyword in node.keywords:
                assert takes_all or keyword.arg in parameters, f"{node.func.id} has no {keyword.arg}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in OBJECTS:
            owner = OBJECTS[node.value.id]
            assert hasattr(type(owner), node.attr) or hasattr(owner, node.attr), f"no {node.value.id}.{node.attr}"


def test_every_page_shows_both_sides() -> None:
    for page in PAGES:
        programs = [block for block in blocks(page) if block.is_program]
        assert len(programs) == (1 if page == LILYA else 2)
        assert programs[0].title == ""
        assert [block.title for block in programs[1:]] == re.findall(r"^# From (.+)$", read(page), re.MULTILINE)[
            : len(programs) - 1
        ]
