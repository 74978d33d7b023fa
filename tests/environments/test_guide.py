"""The program of the guide runs, and its env file is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lilya.environments import EnvironLoader
from tests.routing.client import call

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "environment.md").read_text(encoding="utf-8")


async def test_the_program_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DEBUG", "yes")
    program = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(program[1], "environment.md", "exec"), names)
    assert (await call(names["app"])).json == "Hello"
    assert names["app"].debug is True


def test_the_env_file_says_what_the_guide_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOST", "example.org")
    monkeypatch.delenv("CACHE_DIR", raising=False)
    lines = re.search(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert lines is not None
    file = tmp_path / ".env"
    file.write_text(lines[1])
    assert EnvironLoader(env_file=file, strict=True).export() == {
        "NAME": "demo",
        "PORT": "8000",
        "TITLE": "two words",
        "HOME_PAGE": "https://example.org/demo",
        "CACHE": "/tmp/demo",
        "PRICE": "5$",
        "PATTERN": "$is as it is$",
    }
