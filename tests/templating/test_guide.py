"""The program of the guide runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.routing.client import call

pytest.importorskip("jinja2")

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "templating.md").read_text(encoding="utf-8")


async def test_the_program_says_hello() -> None:
    program = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(program[1], "templating.md", "exec"), names)
    answer = await call(names["app"], "/<ada>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Hello</title>" in answer.text
    assert "Hello &lt;ada&gt;!" in answer.text
    assert '<a href="http://example.org/you">' in answer.text
