"""Every block of code on every page runs, every output is what it prints, every link leads somewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from textwrap import indent
from typing import Any

import pytest

from tests.docs.pages import DOCS, ROOT, Block, Link, anchors, blocks, links, pages, read, run_script

PYTHON = [block for page in pages() for block in blocks(page) if block.language == "python"]
SCRIPTS = [block for block in PYTHON if block.is_script]
LINKS = [link for page in pages() for link in links(page)]

# Pages that a `test_guide.py` of another room drives: these may also show pieces of programs.
GUIDES = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*/test_*guide.py")]


def may_show_pieces(page: str) -> bool:
    return any(PurePosixPath(page).name in guide for guide in GUIDES)


def execute(block: Block) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile("\n" * block.line + block.code, str(ROOT / block.page), "exec", dont_inherit=True), names)


def output_of(block: Block) -> str:
    behind = [each for each in blocks(block.page) if each.line > block.line]
    assert behind, f"{block} is a script, and nothing says what it prints"
    assert behind[0].title == "Output", f"{block} is a script, and nothing says what it prints"
    return behind[0].code


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_of_python_is_a_whole_program_and_runs(block: Block) -> None:
    if not block.is_program:
        assert may_show_pieces(block.page), f"{block} is no whole program: it does not begin with its imports"
        compile("async def piece():\n" + indent(block.code, "    "), str(block), "exec", dont_inherit=True)
        return
    try:
        execute(block)
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("lilya"):
            raise
        pytest.skip(f"{missing.name} is not installed")


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_a_script_prints_what_the_page_says(block: Block) -> None:
    assert run_script(block) == output_of(block)


def test_every_output_belongs_to_a_script() -> None:
    for page in pages():
        expected = [block for block in blocks(page) if block.title == "Output"]
        assert len(expected) == len([block for block in SCRIPTS if block.page == page]), page


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_link_leads_to_a_page_and_a_heading(link: Link) -> None:
    path, _, anchor = link.target.partition("#")
    target = (ROOT / link.page).parent / path if path else ROOT / link.page
    assert target.exists(), "there is no such file"
    if anchor:
        assert anchor in anchors(target.resolve().relative_to(ROOT).as_posix())


def test_a_page_links_only_within_the_documentation() -> None:
    """The site is built from `docs/` alone: a link that leads out of it is dead there."""
    for page in pages():
        if page.startswith("docs/"):
            for link in links(page):
                target = link.target.partition("#")[0]
                resolved = ((ROOT / page).parent / target).resolve()
                assert resolved.is_relative_to(DOCS), f"{link} leads out of docs/"


def test_the_navigation_names_every_page_once() -> None:
    settings = tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))
    named = sorted(pages_in(settings["project"]["nav"]))
    there = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert named == there, "`nav` in docs/zensical.toml names every page once"


def pages_in(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_in(each)


@pytest.mark.parametrize("page", pages())
def test_a_page_has_one_title_and_says_nothing_twice(page: str) -> None:
    outside = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^(#+) (.+)$", outside, re.MULTILINE)
    assert [text for level, text in headings if level == "#"] != [], "a page begins with its title"
    assert len([1 for level, _ in headings if level == "#"]) == 1
    assert len({text for _, text in headings}) == len(headings), "two headings would have one anchor"


def test_a_guide_begins_with_a_program() -> None:
    for page in pages():
        if PurePosixPath(page).parent.as_posix() == "docs/guide":
            first = blocks(page)[0]
            assert first.is_program, f"{page} begins with {first.language or 'a block that is no program'}"
            assert first.line < 12, f"{page}: its first program comes late, on line {first.line}"
