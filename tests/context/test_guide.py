"""The program of the guide runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.routing.client import call

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "context.md").read_text(encoding="utf-8")


async def test_the_program_knows_who_asks_for_what() -> None:
    program = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(program[1], "context.md", "exec"), names)
    headers = [(b"host", b"example.org"), (b"x-user", b"ada")]
    assert (await call(names["app"], headers=headers)).json == {
        "log": "ada asks for /",
        "route": "home",
        "url": "http://example.org/",
    }
