"""A page of HTML, read: it must be well-formed, need nothing from elsewhere, and run nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Element", "Page"]

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


@dataclass
class Element:
    """A tag, its attributes, and what is in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(each if isinstance(each, str) else each.text for each in self.children)

    @property
    def is_open(self) -> bool:
        return "open" in self.attributes

    def walk(self) -> Iterator[Element]:
        """All elements in it, in their order."""
        for each in self.children:
            if isinstance(each, Element):
                yield each
                yield from each.walk()

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """The elements of a tag, and of a class where one is given."""
        return [
            each
            for each in self.walk()
            if each.tag == tag and (not kind or kind in each.attributes.get("class", "").split())
        ]

    def one(self, tag: str, kind: str = "") -> Element:
        """The first of them."""
        return self.all(tag, kind)[0]

    def rows(self) -> dict[str, str]:
        """A table of names and values."""
        return {row.one("th").text: row.one("td").text for row in self.all("tr")}

    def titled(self, heading: str) -> Element:
        """The section of that heading."""
        return next(each for each in self.all("section") if any(h.text == heading for h in each.all("h2")))


class Page(HTMLParser):
    """Reads a page; a tag that is not closed, or closed twice, is an `AssertionError`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert [each.tag for each in self._open] == [""], "not everything is closed"
        self._needs_nothing(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def _needs_nothing(self, html: str) -> None:
        for element in self.root.walk():
            assert element.tag not in {"script", "link", "img", "iframe", "object", "base", "form"}
            for name, value in element.attributes.items():
                assert not name.startswith("on")
                assert name not in {"src", "style"}
                assert name != "href" or value.startswith("#")
        style = self.root.one("style").text
        assert "url(" not in style
        assert "@import" not in style
        ids = [element.attributes["id"] for element in self.root.walk() if "id" in element.attributes]
        assert len(ids) == len(set(ids))
        assert {link.attributes["href"][1:] for link in self.root.all("a")} <= set(ids)
