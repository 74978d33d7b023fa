"""What matching means is simple: try each template's regex, in order. The tree must say the same, only sooner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._paths.template import PathTemplate
from lilya._paths.tree import NOWHERE, PathTree
from lilya.transformers import TRANSFORMER_TYPES, StrTransformer

BUILT_IN = ["str", "str", "int", "int", "path", "float", "uuid", "datetime"]
CUSTOM = ["even", "perhaps", "deep"]
TEXTS = [
    "",
    "a",
    "b",
    "1",
    "12",
    "a.b",
    "v1-a",
    "1.5",
    "٣",
    "é",
    "a\n",
    "ab",
    "2024-01-02T03:04:05.5",
    "2024-13-01T00:00:00",
]
TEXTS.append("0190D8A4-6F3C-7D2E-9A1B-CDEF01234567")


class Even(StrTransformer):
    regex = "[0-9]+"

    def transform(self, value: str) -> str:
        if value[-1] not in "02468":
            raise ValueError(value)
        return f"even {value}"


class Perhaps(StrTransformer):
    regex = "[a-z]*"


class Deep(StrTransformer):
    regex = "[a-z]+(?:/[a-z]+)*"


@pytest.fixture(scope="module", autouse=True)
def _custom() -> Iterator[None]:
    TRANSFORMER_TYPES.update({"even": Even(), "perhaps": Perhaps(), "deep": Deep()})
    yield
    for key in CUSTOM:
        del TRANSFORMER_TYPES[key]


@dataclass(frozen=True)
class Declared:
    template: str
    prefix: bool


@st.composite
def templates(draw: st.DrawFn) -> str:
    """A template of up to four segments, with names of its own order."""
    kinds = st.sampled_from(BUILT_IN + CUSTOM)
    segments = draw(
        st.lists(
            st.one_of(
                st.sampled_from(["a", "b", "1", "a.b"]).map(lambda text: [text]),
                kinds.map(lambda kind: ["", kind, ""]),
                st.tuples(kinds, st.sampled_from([".", "-", "", "b"]), kinds).map(
                    lambda of: ["", of[0], of[1], of[2], ""]
                ),
                st.tuples(st.sampled_from(["v", "a."]), kinds).map(lambda of: [of[0], of[1], ""]),
            ),
            max_size=4,
        )
    )
    names = iter(draw(st.permutations("klmnopqr")))
    return "/" + "/".join(
        "".join(part if i % 2 == 0 else f"{{{next(names)}:{part}}}" for i, part in enumerate(segment))
        for segment in segments
    )


TABLES = st.lists(st.builds(Declared, templates(), st.booleans()), max_size=10)
PATHS = st.one_of(
    st.lists(st.sampled_from(TEXTS), max_size=5).map(lambda pieces: "/" + "/".join(pieces)),
    st.sampled_from(["", "*", "a/b", "//", "/a//b/"]),
)


def by_regexes(table: list[Declared], path: str) -> list[tuple[int, dict[str, Any], int]]:
    found = []
    for order, declared in enumerate(table):
        template = PathTemplate.parse(declared.template)
        regex = template.regex
        if declared.prefix:
            is_root = template.path == "/"
            regex = re.compile("" if is_root else regex.pattern.removesuffix(r"\Z") + r"(?=/|\Z)")
        match = regex.match(path)
        if match is None:
            continue
        try:
            params = {name: kind.transform(match[name]) for name, kind in template.transformers.items()}
        except ValueError:
            continue
        found.append((order, params, match.end()))
    return found


def by_tree(table: list[Declared], path: str) -> list[tuple[int, dict[str, Any], int]]:
    tree: PathTree[int] = PathTree()
    for order, declared in enumerate(table):
        tree.find(path)  # what was found before must not stand in the way of what is added now
        tree.add(declared.template, order, prefix=declared.prefix)
    for other in ("a", "1"):  # nor must what was found beside it
        tree.find(path.rpartition("/")[0] + "/" + other)
    first, second = ([(order, dict(params), end) for order, params, end in tree.find(path)] for _ in range(2))
    assert first == second
    return first


@given(TABLES, PATHS)
def test_any_table_and_any_path(table: list[Declared], path: str) -> None:
    assert by_tree(table, path) == by_regexes(table, path)


@given(TABLES.filter(bool), st.data())
def test_a_path_that_was_made_for_one_of_the_templates(table: list[Declared], data: st.DataObject) -> None:
    template = PathTemplate.parse(data.draw(st.sampled_from(table)).template)
    texts = {name: data.draw(st.sampled_from(["a", "1", "12", "a.b", "1-a", "a/a", ""])) for name in template.names}
    path = template.format.format(**texts) + data.draw(st.sampled_from(["", "", "/", "/a", "a"]))
    assert by_tree(table, path) == by_regexes(table, path)


@given(st.lists(st.builds(Declared, templates(), st.booleans()), min_size=1, max_size=2), st.data())
def test_nowhere_is_where_a_slash_makes_no_difference(table: list[Declared], data: st.DataObject) -> None:
    template = PathTemplate.parse(data.draw(st.sampled_from(table)).template)
    texts = {name: data.draw(st.sampled_from(["a", "1", "1-a", "a/a", ""])) for name in template.names}
    path = data.draw(PATHS | st.sampled_from([template.format.format(**texts) + end for end in ("/", "/a", "a")]))
    tree: PathTree[int] = PathTree()
    for order, declared in enumerate(table):
        tree.add(declared.template, order, prefix=declared.prefix)
    if tree.find(path) is NOWHERE:
        assert by_regexes(table, path) == []
        assert by_regexes(table, path + "/") == []
        assert by_regexes(table, path.removesuffix("/")) == []


@given(st.sampled_from(["str", "path", "int", "float", "uuid", "datetime"]), st.data())
def test_a_built_url_is_found_with_its_value(key: str, data: st.DataObject) -> None:
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\n"), min_size=1)
    strategies: dict[str, st.SearchStrategy[object]] = {
        "str": text,
        "path": st.lists(text).map("/".join),
        "int": st.integers(min_value=0),
        "float": st.floats(min_value=1e-3, allow_infinity=False),
        "uuid": st.uuids(),
        "datetime": st.datetimes().map(lambda value: value.replace(microsecond=0)),
    }
    value = data.draw(strategies[key])
    template = PathTemplate.parse(f"/before/{{x:{key}}}/after")
    tree: PathTree[None] = PathTree()
    tree.add(template, None)
    path = unquote(template.build({"x": value}))
    assert list(tree.find(path)) == [(None, {"x": value}, len(path))]
