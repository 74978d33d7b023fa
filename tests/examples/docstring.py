"""The command lines an example's docstring tells its reader to try, as requests a test can send."""

from __future__ import annotations

import ast
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["EXAMPLES", "Curl", "curls"]

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, slots=True)
class Curl:
    """A line that begins with `curl`; `target` is the path with its query."""

    method: str
    target: str
    body: str | None

    @property
    def options(self) -> dict[str, Any]:
        """What httpx wants besides method and target to send the same request."""
        if self.body is None:
            return {}
        return {"content": self.body, "headers": {"content-type": "application/x-www-form-urlencoded"}}


def curls(example: str) -> list[Curl]:
    """The `curl` lines of an example, in their order."""
    docstring = ast.get_docstring(ast.parse((EXAMPLES / example).read_text())) or ""
    lines = [line.strip() for line in docstring.splitlines()]
    return [_read(line) for line in lines if line.startswith("curl ")]


def _read(line: str) -> Curl:
    words = shlex.split(line, comments=True)[1:]
    method, body, target = "GET", None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-d":
            body = words.pop(0)
        elif word != "&":
            url = urlsplit(word)
            assert url.netloc == "127.0.0.1:8000", f"{line!r}: where is that?"
            target = url.path + (f"?{url.query}" if url.query else "")
    return Curl(method, target, body)
