"""The program of the guide runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.routing.client import call, talk
from tests.support.wire import left, text

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "controllers.md").read_text(encoding="utf-8")


@pytest.fixture
def app() -> Any:
    """The application of the first program."""
    program = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(program[1], "controllers.md", "exec"), names)
    return names["app"]


async def test_the_program_keeps_notes(app: Any) -> None:
    assert (await call(app, "/notes/1")).json == "first"
    assert (await call(app, "/notes/2")).status == 404
    assert (await call(app, "/notes/2", "PUT", body=b"second")).status == 200
    assert (await call(app, "/notes/2")).json == "second"
    assert (await call(app, "/notes/2", "DELETE")).status == 200
    assert (await call(app, "/notes/2", "HEAD")).status == 404
    refused = await call(app, "/notes/2", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, PUT")


async def test_the_program_echoes(app: Any) -> None:
    answer = await talk(app, "/echo", text("[1]"), left())
    assert answer.types[0] == "websocket.accept"
