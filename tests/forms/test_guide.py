"""The program of the guide runs, and the table of its limits is true."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from lilya._sansio.form import DEFAULT_LIMITS
from lilya.testing.server import MemoryServer, http_scope
from tests.forms.bodies import Part, multipart
from tests.forms.posting import MULTIPART

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "forms.md").read_text(encoding="utf-8")


@pytest.fixture
def app() -> Any:
    """The application of the first program."""
    program = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(program[1], "forms.md", "exec"), names)
    return names["app"]


async def ask(app: Any, method: str, body: bytes = b"") -> tuple[int, str]:
    async with MemoryServer(app) as server:
        exchange = server.request(http_scope(method, "/", headers=[(b"content-type", MULTIPART.encode())]), body)
        status = (await exchange.head()).status
        answer = b""
        while chunk := await exchange.chunk():
            answer += chunk
        await exchange.aclose()
    return status, answer.decode()


async def test_the_program_shows_a_form(app: Any) -> None:
    status, page = await ask(app, "GET")
    assert status == 200
    assert '<input name="file" type="file">' in page


async def test_the_program_takes_an_upload(app: Any) -> None:
    film = bytes(3_000_000)
    digest = hashlib.sha256(film).hexdigest()
    body = multipart([Part("title", "Übung".encode()), Part("file", film, "film.mp4", "video/mp4")])
    assert await ask(app, "POST", body) == (200, f"Übung: film.mp4, 3000000 bytes, sha256 {digest}")


async def test_the_program_refuses_what_it_says(app: Any) -> None:
    assert await ask(app, "POST", multipart([Part("title", b"")])) == (400, "Choose a file.")
    two = multipart([Part("file", b"", "a"), Part("file", b"", "b")])
    assert await ask(app, "POST", two) == (400, "Too many files. Maximum number of files is 1.")


def test_the_table_has_every_limit_with_its_default() -> None:
    rows = re.findall(r"^\| `(max_\w+)` \| (\d+|none)(?: ([MK])iB)? \|", GUIDE, re.MULTILINE)
    scale = {"": 1, "K": 1024, "M": 1024 * 1024}
    table = {name: math.inf if number == "none" else int(number) * scale[unit] for name, number, unit in rows}
    limits = [field.name for field in fields(DEFAULT_LIMITS) if field.name.startswith("max_")]
    assert table == {name: getattr(DEFAULT_LIMITS, name) for name in limits}
