"""The documentation as data: its pages, the blocks of code on them, their links, and how a program of theirs is run.

A ```python block that begins with an import, and awaits nothing outside a function, is a program: whole, to be copied
into a file. Any other is a fragment.
A program with an `if __name__ == "__main__":` that does not call `run(app)` is a script: it prints what the ```text
block titled "Output" behind it says.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

__all__ = [
    "DOCS",
    "ROOT",
    "Block",
    "Link",
    "anchors",
    "blocks",
    "links",
    "pages",
    "program",
    "read",
    "rows",
    "run_script",
]

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it stands, what language it is in, and what it says."""

    page: str
    line: int
    language: str
    title: str
    code: str

    @property
    def is_program(self) -> bool:
        begins_so = re.match(r'("""|import |from )', self.code) is not None
        return (
            self.language == "python" and begins_so and re.search(r"^\S*( =)? ?await ", self.code, re.MULTILINE) is None
        )

    @property
    def is_script(self) -> bool:
        return self.is_program and '__name__ == "__main__"' in self.code and "    run(app" not in self.code

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another page, or to a heading of one."""

    page: str
    target: str

    def __str__(self) -> str:
        return f"{self.page} -> {self.target}"


def pages() -> list[str]:
    """The names of all pages, from the root of the project: `README.md`, `docs/guide/routing.md`."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def read(page: str) -> str:
    """What a page says."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    text = read(page)
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2] or "", match[3])
        for match in _FENCE.finditer(text)
    ]


def program(page: str, number: int = 1) -> Any:
    """The `number`-th program of a page, executed: the module it makes."""
    programs = [block for block in blocks(page) if block.is_program]
    return _executed(programs[number - 1], "page")


def run_script(block: Block) -> str:
    """Run a script and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        _executed(block, "__main__")
    return printed.getvalue()


def _executed(block: Block, name: str) -> ModuleType:
    module = ModuleType(name)
    # As many lines in front as there are on the page: a traceback shows where it is.
    code = compile("\n" * block.line + block.code, str(ROOT / block.page), "exec", dont_inherit=True)
    exec(code, vars(module))
    return module


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    _, found, below = read(page).partition(f"# {heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    table = re.search(r"^\|.*\n\|[-| :]+\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert table is not None, f"{page} has no table below {heading!r}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table[1].splitlines()]


def links(page: str) -> list[Link]:
    """The links of a page that lead to files of the project."""
    text = _FENCE.sub("", read(page))
    return [Link(page, target) for target in _LINK.findall(text) if "://" not in target and "mailto:" not in target]


def anchors(page: str) -> set[str]:
    """What can stand behind the `#` of a link to a page."""
    text = _FENCE.sub("", read(page))
    return {_slug(heading) for heading in _HEADING.findall(text)}


def _slug(heading: str) -> str:
    words = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
    return re.sub(r"[\s-]+", "-", words)
