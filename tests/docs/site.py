"""Builds the documentation as a site: `python -m tests.docs.site FOLDER`. A warning or a dead link is an error.

The pages of `docs/` are taken as they are. Those of the reference are made here, from the `__all__` of every public
module: they cannot be out of date. Needs the dependency group `docs`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import lilya
from tests.docs.pages import DOCS, ROOT

__all__ = ["Shown", "build", "dead_links", "public_names", "reference", "site_settings", "undocumented"]

INDEX: Final = '  { "Reference" = [\n    { "What is where" = "reference/index.md" },\n'


@dataclass(frozen=True, slots=True)
class Shown:
    """A public module, and where each of the names it shows is described: here, in another module, or elsewhere."""

    module: str
    homes: Mapping[str, str]

    @property
    def own(self) -> list[str]:
        return [name for name, home in self.homes.items() if home == self.module]

    @property
    def page(self) -> str:
        """A page of the reference is a room of the house."""
        return ".".join(self.module.split(".")[:2])

    def link(self, name: str) -> str:
        home = self.homes[name]
        return f"[`{name}`][{home}.{name}]" if home.startswith("lilya.") else f"`{name}` (of `{home}`)"


def public_names() -> list[Shown]:
    """Every public module with its `__all__`. A name that is shown twice is described on the shortest path to it."""
    found: dict[str, Sequence[str]] = {}
    for info in walk_packages(lilya.__path__, "lilya."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            found[info.name] = getattr(import_module(info.name), "__all__", ())
    homes: dict[tuple[str, int], str] = {}
    for module in sorted(found, key=lambda name: (name.count("."), name)):
        for name in found[module]:
            value = getattr(import_module(module), name)
            if isinstance(value, type | FunctionType) and not value.__module__.startswith("lilya"):
                homes[name, id(value)] = value.__module__
            elif f"{module}.{name}" not in found:  # else griffe takes the name for the module below
                homes.setdefault((name, id(value)), module)
    return [
        Shown(module, {name: homes[name, id(getattr(import_module(module), name))] for name in names})
        for module, names in sorted(found.items())
        if names
    ]


def reference() -> dict[str, str]:
    """The pages of the reference, by their names: `lilya.responses` and what it says, for mkdocstrings to fill."""
    pages: dict[str, list[str]] = {}
    for shown in public_names():
        parts = pages.setdefault(shown.page, [f"# {shown.page}\n"])
        if shown.module != shown.page:
            parts.append(f"## {shown.module}\n")
        if shown.own:
            members = "\n".join(f"        - {name}" for name in shown.own)
            level = 2 if shown.module == shown.page else 3
            options = f"    options:\n      heading_level: {level}\n      members:\n{members}\n"
            parts.append(f"::: {shown.module}\n{options}")
        if others := [name for name in shown.homes if name not in shown.own]:
            links = ", ".join(map(shown.link, others))
            parts.append(f"Can be imported from `{shown.module}` too: {links}.\n")
    return {page: "\n".join(parts) for page, parts in pages.items()}


def site_settings(pages: Sequence[str]) -> str:
    """`docs/zensical.toml` with the pages of the reference in its navigation."""
    text = (DOCS / "zensical.toml").read_text(encoding="utf-8")
    before, found, behind = text.partition(INDEX)
    assert found, f"the navigation in docs/zensical.toml has no section that begins with\n{INDEX}"
    entries = "".join(f'    {{ "{page}" = "reference/{page}.md" }},\n' for page in pages)
    return before + found + entries + behind


def build(folder: Path) -> Path:
    """Build the site in an empty folder. Returns where it is; raises where something is missing or leads nowhere."""
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("zensical.toml"))
    pages = reference()
    for page, text in pages.items():
        (folder / "docs" / "reference" / f"{page}.md").write_text(text, encoding="utf-8")
    (folder / "zensical.toml").write_text(site_settings(list(pages)), encoding="utf-8")
    (folder / "lilya").symlink_to(ROOT / "lilya")
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=folder, check=True)
    site = folder / "site"
    if faults := [*undocumented(site), *dead_links(site)]:
        raise SystemExit("\n".join(faults))
    return site


class _Page(HTMLParser):
    """What a page of the site can be linked by, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values: dict[str, Any] = dict(attrs)
        if values.get("id"):
            self.anchors.add(values["id"])
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])


def _read(site: Path) -> dict[Path, _Page]:
    return {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def undocumented(site: Path) -> Iterator[str]:
    """Public names that have no entry in the built reference."""
    anchors = {anchor for page in _read(site).values() for anchor in page.anchors}
    for shown in public_names():
        for name in shown.own:
            if f"{shown.module}.{name}" not in anchors:
                yield f"{shown.module}.{name} is not in the reference"


def dead_links(site: Path) -> Iterator[str]:
    """Links of the built site that lead to no page, or to no heading of one."""
    pages = _read(site)
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the root of wherever the site is put
            continue
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site.resolve())}: {link} leads to no page"
            elif parts.fragment and target in pages and not _has(pages[target], parts.fragment):
                yield f"{path.relative_to(site.resolve())}: {link} leads to no heading"


def _has(page: _Page, fragment: str) -> bool:
    return unquote(fragment) in page.anchors or re.match(r"__(codelineno|tabbed)", fragment) is not None


if __name__ == "__main__":
    build(Path(sys.argv[1]))
