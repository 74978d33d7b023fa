"""The reference is made of what the modules show; that it renders is looked at by `python -m tests.docs.site`."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

from tests.docs.pages import read
from tests.docs.site import dead_links, public_names, reference, site_settings
from tests.support.house import real_house


def test_every_public_name_is_on_the_page_of_its_module() -> None:
    pages = reference()
    for shown in public_names():
        section = pages[shown.page].partition(f"# {shown.module}\n")[2].partition("\n## ")[0]
        for name in import_module(shown.module).__all__:
            assert f"        - {name}\n" in section or f"`{name}`" in section, f"{shown.module}.{name}"


def test_every_public_module_that_shows_names_has_a_section() -> None:
    """The house reads the sources, the reference imports them: both find the same."""
    public = {
        module.name
        for module in real_house()
        if module.exported and not any(part.startswith("_") for part in module.name.split("."))
    }
    assert {shown.module for shown in public_names()} == public - {"lilya"}


def test_a_name_is_described_once() -> None:
    described = [name for shown in public_names() for name in shown.own]
    for name in {name for name in described if described.count(name) > 1}:
        objects = [getattr(import_module(each.module), name) for each in public_names() if name in each.own]
        assert len({id(each) for each in objects}) == len(objects), name


def test_the_overview_names_every_room() -> None:
    said = set(re.findall(r"`(lilya[\w.]*)`", read("docs/reference/index.md")))
    missing = {page for page in reference() if not any(each == page or each.startswith(f"{page}.") for each in said)}
    assert missing == set(), "docs/reference/index.md names every room once"
    for each in said:
        import_module(each)


def test_the_settings_of_the_site_name_the_pages_of_the_reference() -> None:
    pages = list(reference())
    settings = tomllib.loads(site_settings(pages))
    entries = next(each["Reference"] for each in settings["project"]["nav"] if "Reference" in each)
    assert [next(iter(each)) for each in entries] == ["What is where", *pages]


def test_a_dead_link_of_the_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text('<h1 id="title">x</h1>')
    links = ["page/", "page/#title", "#here", "https://example.org/gone", "gone/", "page/#gone"]
    body = "".join(f'<a href="{link}">x</a>' for link in links)
    (tmp_path / "index.html").write_text(f'<h1 id="here">x</h1>{body}')
    assert list(dead_links(tmp_path)) == [
        "index.html: gone/ leads to no page",
        "index.html: page/#gone leads to no heading",
    ]
