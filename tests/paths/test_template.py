from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._paths.template import Param, PathTemplate, compile_path
from lilya.exceptions import ImproperlyConfigured
from lilya.transformers import TRANSFORMER_TYPES, StrTransformer

parse = PathTemplate.parse


class Anything(StrTransformer):
    """Its text is written as it is; tests give it the regex they ask about."""

    def normalise(self, value: str) -> str:
        return value


def with_regex(regex: str) -> Param:
    transformer: StrTransformer = type("Given", (Anything,), {"regex": regex})()
    return Param("x", transformer)


@pytest.fixture
def deep() -> Iterator[None]:
    """Registers `deep`, which may match slashes."""
    TRANSFORMER_TYPES["deep"] = type("Deep", (Anything,), {"regex": "[a-z/ ]+"})()
    yield
    del TRANSFORMER_TYPES["deep"]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/users", "/users"),
        ("/users/", "/users"),
        ("/users//", "/users"),
        ("//users///{id:int}//", "/users/{id:int}"),
        ("/<id:int>/", "/<id:int>"),
    ],
)
def test_trailing_and_doubled_slashes_are_dropped(raw: str, path: str) -> None:
    template = parse(raw)
    assert (template.raw, template.path) == (raw, path)


def test_a_trailing_slash_is_kept_where_it_is_asked_for() -> None:
    template = parse("//api//", keep_slash=True)
    assert template.path == "/api/"
    assert template.build({}) == "/api/"
    assert [template.regex.match(path) is not None for path in ("/api/", "/api")] == [True, False]
    assert parse("/", keep_slash=True).segments == parse("/").segments


@pytest.mark.parametrize("raw", ["", "users", "{id}", " /users"])
def test_a_path_must_start_with_a_slash(raw: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(f"Paths must start with '/', got {raw!r}")):
        parse(raw)


def test_the_parts_are_read_in_order() -> None:
    template = parse("/users/{id:int}/v{major:int}.<minor>/{rest:path}")
    user, major, minor, rest = template.params
    assert template.names == ("id", "major", "minor", "rest")
    assert template.segments == (("users",), (user,), ("v", major, ".", minor), (rest,))
    assert list(template.transformers.items()) == [
        ("id", TRANSFORMER_TYPES["int"]),
        ("major", TRANSFORMER_TYPES["int"]),
        ("minor", TRANSFORMER_TYPES["str"]),
        ("rest", TRANSFORMER_TYPES["path"]),
    ]


def test_the_root_is_one_empty_segment() -> None:
    assert parse("/").segments == ((),)


def test_both_kinds_of_brackets_mean_the_same() -> None:
    assert parse("/{a}/{b:int}").segments == parse("/<a>/<b:int>").segments


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("/{id}/{id}", "Duplicated param name id in the path /{id}/{id}"),
        ("/{id}/<id:int>/", "Duplicated param name id in the path /{id}/<id:int>"),
        ("/{name}/{id}/{name}/{id}", "Duplicated param names id, name in the path /{name}/{id}/{name}/{id}"),
    ],
)
def test_a_name_given_twice_is_refused(raw: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("/{id:x}", "Unknown path transformer 'x'. Registered are 'str', 'path', 'int', 'float', 'uuid', 'datetime'."),
        ("/{id:integer}", "Unknown path transformer 'integer'. Did you mean 'int'? "),
        ("/{id: int}", "Unknown path transformer ' int'. Did you mean 'int'? "),
        ("/<id:>", "Unknown path transformer ''. "),
    ],
)
def test_an_unknown_transformer_is_refused_with_a_hint(raw: str, message: str) -> None:
    with pytest.raises(AssertionError, match=f"^{re.escape(message)}"):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("/{user-id}", "'{user-id}' in the path /{user-id} is no parameter: 'user-id' is not a Python identifier"),
        ("/{}", "'{}' in the path /{} is no parameter"),
        ("/< id>", "'< id>' in the path /< id> is no parameter"),
        ("/{id", "'{' stands alone in the path /{id"),
        ("/id}", "'}' stands alone in the path /id}"),
        ("/{a/b}", "'{' stands alone"),
        ("/{{id}}", "'{' stands alone"),
        ("/{id>", "'{' stands alone"),
        ("/{a}.{b", "'{' stands alone"),
    ],
)
def test_brackets_that_hold_no_parameter_are_refused(raw: str, message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=re.escape(message)):
        parse(raw)


def test_a_path_is_compiled_to_a_regex_a_format_and_transformers() -> None:
    regex, text, transformers = compile_path("/users/{id:int}/files/<rest:path>/")
    assert text == "/users/{id}/files/{rest}"
    assert transformers == {"id": TRANSFORMER_TYPES["int"], "rest": TRANSFORMER_TYPES["path"]}
    match = regex.match("/users/12/files/a/b")
    assert match is not None
    assert match.groupdict() == {"id": "12", "rest": "a/b"}


@pytest.mark.parametrize(
    ("raw", "path"),
    [("/", ""), ("/x", "/x/"), ("/x", "/x\n"), ("/x.y", "/xzy"), ("/{a}", "/"), ("/{a}", "/a/b"), ("/{a:int}", "/1\n")],
)
def test_the_regex_matches_whole_paths_only(raw: str, path: str) -> None:
    assert parse(raw).regex.match(path) is None


@pytest.mark.parametrize(
    ("raw", "params", "url"),
    [
        ("/", {}, "/"),
        ("/a b/100%", {}, "/a%20b/100%25"),
        ("/café", {}, "/caf%C3%A9"),
        ("/users/{id:int}", {"id": 5}, "/users/5"),
        ("/v{n:int}-{tag}", {"n": 1, "tag": "x?y#z"}, "/v1-x%3Fy%23z"),
        ("/{name}", {"name": "a b+c&d=e;f:g@h,i!j$k'l(m)n*o"}, "/a%20b+c&d=e;f:g@h,i!j$k'l(m)n*o"),
        ("/{name}", {"name": "-._~"}, "/-._~"),
        ("/{name}", {"name": "€"}, "/%E2%82%AC"),
        ("/{name}", {"name": '"<>[]\\^`{|}%'}, "/%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D%25"),
        ("/files/{rest:path}", {"rest": "a b/ü//c"}, "/files/a%20b/%C3%BC//c"),
        ("/files/{rest:path}", {"rest": ""}, "/files/"),
        ("/{at:datetime}", {"at": datetime(2024, 1, 2, 3, 4, 5)}, "/2024-01-02T03:04:05"),
        ("/{id:uuid}", {"id": UUID(int=1)}, "/00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_built_path_is_percent_encoded(raw: str, params: dict[str, Any], url: str) -> None:
    assert parse(raw).build(params) == url


@pytest.mark.usefixtures("deep")
def test_a_transformer_that_may_match_slashes_keeps_them() -> None:
    assert parse("/x/{a:deep}").build({"a": "b/c d"}) == "/x/b/c%20d"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1))
def test_every_segment_comes_back_through_the_url(value: str) -> None:
    template = parse("/users/{name}/x")
    match = template.regex.match(unquote(template.build({"name": value})))
    assert match is not None
    assert match["name"] == value


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "The path /{a}/{b:int} takes 'a', 'b': missing 'a', 'b'."),
        ({"b": 1}, "The path /{a}/{b:int} takes 'a', 'b': missing 'a'."),
        ({"a": 1, "b": 1, "d": 1, "c": 1}, "The path /{a}/{b:int} takes 'a', 'b': unknown 'c', 'd'."),
        ({"a": 1, "B": 1}, "The path /{a}/{b:int} takes 'a', 'b': missing 'b' and unknown 'B'."),
    ],
)
def test_missing_and_unknown_params_are_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse("/{a}/{b:int}").build(params)


def test_params_for_a_path_without_any_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^The path /x takes no parameters: unknown 'a'\.$"):
        parse("/x").build({"a": 1})


def test_a_value_that_no_path_can_carry_is_refused() -> None:
    with pytest.raises(AssertionError, match="May not contain path separators"):
        parse("/{a}").build({"a": "b/c"})


def test_a_template_cannot_be_changed() -> None:
    template: Any = parse("/x")
    with pytest.raises(AttributeError):
        template.path = "/y"


@pytest.mark.parametrize(
    "regex",
    ["[^/]+", "[0-9]+", r"\d{4}-\d{2}", "en|de", "(?:a|b)*", "([a-z][a-z0-9_-]*)", "[^/.]+", r"[\w.-]+", "a{2,}", "é+"],
)
def test_a_regex_that_cannot_match_a_slash_stays_in_its_segment(regex: str) -> None:
    assert not with_regex(regex).spans


@pytest.mark.parametrize(
    "regex", [".*", "/", r"\S+", r"\W", "[^a]", "[+-9]", "[!-~]", "a/b", r"[\S]", "(?=a)a", r"\x2f", "[^a/]", "[/]", ""]
)
def test_a_regex_that_may_match_a_slash_spans_segments(regex: str) -> None:
    assert with_regex(regex).spans


ITEMS = st.lists(
    st.sampled_from(["a-z", "0-9", "+-9", "!-~", "/", "-", ".", "a", "^", r"\w", r"\d", r"\W", r"\-"]), min_size=1
)
ATOMS = st.one_of(
    st.sampled_from(["a", "é", "-", ".", "/", r"\d", r"\w", r"\W", r"\S", r"\.", r"\x2f", "[^/]", "[^/.]", "[^a]"]),
    ITEMS.map(lambda items: f"[{''.join(items)}]"),
)
QUANTIFIED = st.builds("".join, st.tuples(ATOMS, st.sampled_from(["", "*", "+", "?", "{2}", "{1,}", "|"])))
REGEXES = st.recursive(
    st.lists(QUANTIFIED, min_size=1, max_size=3).map("".join),
    lambda inner: st.builds("".join, st.tuples(st.sampled_from(["(", "(?:", "(?=", "(?!"]), inner, st.just(")"))),
    max_leaves=3,
)


@given(REGEXES, st.data())
def test_no_regex_taken_for_one_without_slashes_matches_one(regex: str, data: st.DataObject) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # a "possible nested set" is no concern of ours
        if with_regex(regex).spans or not compiles(regex):
            return
        assert "/" not in data.draw(st.from_regex(regex, fullmatch=True))


def compiles(regex: str) -> bool:
    try:
        re.compile(regex)
    except re.error:
        return False
    return True
