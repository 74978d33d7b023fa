from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import product
from types import FrameType
from typing import Any
from uuid import UUID

import pytest

from lilya._paths.template import PathTemplate
from lilya._paths.tree import PathTree
from lilya.transformers import TRANSFORMER_TYPES, StrTransformer, Transformer


class Even(Transformer[list[int]]):
    """Even numbers, in a value that can be changed."""

    regex = "[0-9]+"

    def transform(self, value: str) -> list[int]:
        if int(value) % 2:
            raise ValueError(f"{value} is odd")
        return [int(value)]

    def normalise(self, value: list[int]) -> str:
        return str(value[0])


class Broken(StrTransformer):
    def transform(self, value: str) -> str:
        raise RuntimeError(value)


@pytest.fixture
def custom() -> Iterator[None]:
    """Registers `even` (values can be changed), `broken` (fails) and `deep` (may match slashes)."""
    TRANSFORMER_TYPES["even"] = Even()
    TRANSFORMER_TYPES["broken"] = Broken()
    TRANSFORMER_TYPES["deep"] = type("Deep", (StrTransformer,), {"regex": "[a-z]+(/[a-z]+)*"})()
    yield
    for key in ("even", "broken", "deep"):
        del TRANSFORMER_TYPES[key]


def tree_of(*templates: str, prefixes: tuple[str, ...] = ()) -> PathTree[str]:
    """A tree of templates that are their own values; the prefixes come last."""
    tree: PathTree[str] = PathTree()
    for template in templates:
        tree.add(template, template)
    for template in prefixes:
        tree.add(template, template, prefix=True)
    return tree


def found(tree: PathTree[str], path: str) -> list[tuple[str, dict[str, Any], int]]:
    """What matches; asked twice, since the second answer may be a kept one."""
    first, second = ([(value, dict(params), end) for value, params, end in tree.find(path)] for _ in range(2))
    assert first == second
    return first


def values(tree: PathTree[str], path: str) -> list[str]:
    return [value for value, _, _ in found(tree, path)]


def calls(tree: PathTree[str], path: str) -> int:
    """How many functions a `find` calls, those of the interpreter included: a measure of work without a clock."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        tree.find(path)
    finally:
        sys.setprofile(before)
    return count


def test_an_empty_tree_finds_nothing() -> None:
    tree = tree_of()
    assert [found(tree, path) for path in ("", "/", "/x", "*")] == [[], [], [], []]


def test_a_static_path_matches_as_it_is() -> None:
    tree = tree_of("/", "/x", "/x/y/")
    assert found(tree, "/") == [("/", {}, 1)]
    assert found(tree, "/x") == [("/x", {}, 2)]
    assert found(tree, "/x/y") == [("/x/y/", {}, 4)]
    for path in ("", "x", "/x/", "//", "//x", "/x//y", "/x/y/z", "/X", "/x\n"):
        assert found(tree, path) == []


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("str", "a b", "a b"),
        ("int", "12", 12),
        ("float", "1.5", 1.5),
        ("uuid", "0190D8A4-6F3C-7D2E-9A1B-CDEF01234567", UUID("0190d8a4-6f3c-7d2e-9a1b-cdef01234567")),
        ("datetime", "2024-02-29T01:02:03.5", datetime(2024, 2, 29, 1, 2, 3, 500_000)),
        ("path", "a/b", "a/b"),
        ("path", "", ""),
    ],
)
def test_a_param_has_its_value(key: str, text: str, value: object) -> None:
    path = f"/items/{text}"
    assert found(tree_of(f"/items/{{x:{key}}}"), path) == [(f"/items/{{x:{key}}}", {"x": value}, len(path))]


@pytest.mark.parametrize("text", ["", "x", "-1", "٣", "1" * (sys.get_int_max_str_digits() + 1)])
def test_a_text_that_is_no_value_does_not_match(text: str) -> None:
    tree = tree_of("/items/{id:int}", "/items/{id:int}/x", "/v{id:int}.x", "/all/{id:int}/{rest:path}")
    for path in (f"/items/{text}", f"/items/{text}/x", f"/v{text}.x", f"/all/{text}/rest"):
        assert found(tree, path) == []


def test_all_that_matches_is_found_in_declared_order() -> None:
    templates = ["/{a}/{b}", "/users/{id:int}", "/{rest:path}", "/users/7", "/{a}/{id:int}", "/users/{x}", "/{b}/{a}"]
    tree = tree_of(*templates)
    assert values(tree, "/users/7") == templates
    assert values(tree, "/users/8") == [t for t in templates if t != "/users/7"]
    assert values(tree, "/users/me") == ["/{a}/{b}", "/{rest:path}", "/users/{x}", "/{b}/{a}"]
    assert values(tree, "/x/7") == ["/{a}/{b}", "/{rest:path}", "/{a}/{id:int}", "/{b}/{a}"]
    reverse = tree_of(*reversed(templates))
    assert values(reverse, "/users/7") == templates[::-1]


def test_the_same_template_may_come_many_times() -> None:
    tree: PathTree[str] = PathTree()
    for method in ("GET", "PUT", "DELETE"):
        tree.add("/items/{id:int}", method)
        tree.add("/items", method)
        tree.add("/files/{rest:path}", method)
    assert values(tree, "/items/1") == values(tree, "/items") == values(tree, "/files/x") == ["GET", "PUT", "DELETE"]


def test_templates_of_one_kind_keep_their_names() -> None:
    tree = tree_of("/{a}/x", "/{b}/y", "/{c}/x")
    assert found(tree, "/1/x") == [("/{a}/x", {"a": "1"}, 4), ("/{c}/x", {"c": "1"}, 4)]
    assert found(tree, "/1/y") == [("/{b}/y", {"b": "1"}, 4)]


def test_text_and_params_may_share_a_segment() -> None:
    tree = tree_of("/{name}.json", "/v{major:int}-{tag}", "/{file}")
    assert found(tree, "/a.b.json") == [("/{name}.json", {"name": "a.b"}, 9), ("/{file}", {"file": "a.b.json"}, 9)]
    assert found(tree, "/v1-x-y")[0] == ("/v{major:int}-{tag}", {"major": 1, "tag": "x-y"}, 7)
    assert values(tree, "/.json") == ["/{file}"]
    assert values(tree, "/v-x") == ["/{file}"]


def test_what_spans_segments_may_stand_anywhere() -> None:
    tree = tree_of("/{a:path}/edit", "/f/{a:path}.{ext}", "/{id:int}/{a:path}", "/{a:path}/{n:int}")
    assert found(tree, "/x/y/edit") == [("/{a:path}/edit", {"a": "x/y"}, 9)]
    assert found(tree, "//edit") == [("/{a:path}/edit", {"a": ""}, 6)]
    assert found(tree, "/f/a/b.tar.gz") == [("/f/{a:path}.{ext}", {"a": "a/b.tar", "ext": "gz"}, 13)]
    assert found(tree, "/7/x/8") == [
        ("/{id:int}/{a:path}", {"id": 7, "a": "x/8"}, 6),
        ("/{a:path}/{n:int}", {"a": "7/x", "n": 8}, 6),
    ]
    assert found(tree, "/7") == []


def test_a_prefix_matches_at_the_end_of_a_segment() -> None:
    tree = tree_of(prefixes=("/api",))
    assert found(tree, "/api") == found(tree, "/api/") == found(tree, "/api/x/y") == [("/api", {}, 4)]
    assert found(tree, "/api//x") == [("/api", {}, 4)]
    for path in ("/", "/ap", "/apix", "//api", "api"):
        assert found(tree, path) == []


def test_the_prefix_of_a_root_matches_everything() -> None:
    tree = tree_of("/x", prefixes=("/",))
    for path in ("", "/", "/y", "/x/y", "*", "//"):
        assert found(tree, path) == [("/", {}, 0)]
    assert found(tree, "/x") == [("/x", {}, 2), ("/", {}, 0)]


def test_a_prefix_may_have_params() -> None:
    tree = tree_of("/{tenant}/api/{id:int}", prefixes=("/{tenant}/api", "/{n:int}", "/v{n:int}", "/{a:path}/x"))
    assert found(tree, "/acme/api/7") == [
        ("/{tenant}/api/{id:int}", {"tenant": "acme", "id": 7}, 11),
        ("/{tenant}/api", {"tenant": "acme"}, 9),
    ]
    assert found(tree, "/12/y") == [("/{n:int}", {"n": 12}, 3)]
    assert found(tree, "/v12/y") == [("/v{n:int}", {"n": 12}, 4)]
    assert found(tree, "/a/b/x/c/x/d") == [("/{a:path}/x", {"a": "a/b/x/c"}, 10)]
    assert found(tree, "/a/xy") == []


def test_prefixes_and_whole_paths_keep_their_order() -> None:
    tree: PathTree[int] = PathTree()
    for order, (template, prefix) in enumerate(
        [("/", True), ("/a/b", False), ("/a", True), ("/{x}/b", False), ("/a", False), ("/{x}", True), ("/a/b", True)]
    ):
        tree.add(template, order, prefix=prefix)
    assert [value for value, _, _ in tree.find("/a/b")] == [0, 1, 2, 3, 5, 6]
    assert [value for value, _, _ in tree.find("/a")] == [0, 2, 4, 5]


@pytest.mark.parametrize("more", ["/z", "/api/z", "/{any}/y", "/api/{any:int}"])
def test_what_all_templates_begin_with_is_a_short_cut_and_nothing_else(more: str) -> None:
    templates = ["/api/v1", "/api/v1/a", "/api/v1/{x:int}/b", "/api/v1/c/{rest:path}"]
    long, short = (PathTree[str]() for _ in range(2))
    for template in templates:
        long.add(template, template)
    long.add(more, more)
    for template in templates:
        short.add(template, template)
    heads = ["", "/", "/api", "/api/", "/api/v1", "/api/v1/", "/api/v1x", "/api//v1", "api/v1/", "//api/v1/"]
    for path in [head + end for head in heads for end in ("", "a", "7/b", "7/c", "c/", "c/d/e", "/", "none", "/none")]:
        assert list(short.find(path)) == [found for found in long.find(path) if found[0] != more], path
    short.add(more, more)
    assert [found[0] for found in short.find(more.replace("{any}", "7").replace("{any:int}", "7"))] == [more]


def test_what_is_added_later_is_found() -> None:
    tree = tree_of("/x")
    assert values(tree, "/x") == ["/x"]
    assert values(tree, "/x/y") == []
    tree.add("/{a}", "/{a}")
    tree.add(PathTemplate.parse("/x/y"), "/x/y")
    assert values(tree, "/x") == ["/x", "/{a}"]
    assert values(tree, "/x/y") == ["/x/y"]


def test_a_template_with_a_trailing_slash_of_its_own_matches_with_it_only() -> None:
    tree = tree_of("/{a}")
    tree.add(PathTemplate.parse("/x/", keep_slash=True), "/x/")
    assert values(tree, "/x/") == ["/x/"]
    assert values(tree, "/x") == ["/{a}"]


def test_a_bad_template_is_refused_and_changes_nothing() -> None:
    tree = tree_of("/x")
    with pytest.raises(ValueError, match="Duplicated param name a"):
        tree.add("/{a}/{a}", "bad")
    assert values(tree, "/x/x") == []


def test_the_answer_of_a_declared_path_is_kept_and_cannot_be_changed() -> None:
    tree = tree_of("/users/me", "/users/{name}", prefixes=("/users",))
    answer = tree.find("/users/me")
    assert tree.find("/users/me") is answer
    assert isinstance(answer, tuple)
    assert [dict(params) for _, params, _ in answer] == [{}, {"name": "me"}, {}]
    for _, params, _ in answer:
        writable: Any = params
        with pytest.raises(TypeError, match="does not support item assignment"):
            writable["name"] = "you"


def test_the_answer_of_any_other_path_is_not_kept() -> None:
    tree = tree_of("/users/{name}", "/users/{name}/x", prefixes=("/api",))
    for path in ("/users/me", "/api/x"):
        (first,), (second,) = tree.find(path), tree.find(path)
        assert first == second
        assert first[1] is not second[1]


@pytest.mark.usefixtures("custom")
def test_a_value_that_can_be_changed_is_never_shared_between_requests() -> None:
    tree = tree_of("/2", "/{n:even}")
    (_, (_, params, _)), (_, (_, again, _)) = tree.find("/2"), tree.find("/2")
    params["n"].append("changed")
    assert again["n"] == [2]


@pytest.mark.usefixtures("custom")
def test_a_value_error_of_a_transformer_means_no_match() -> None:
    tree = tree_of("/{n:even}", "/x/{n:even}.json", "/y/{n:even}/{rest:path}", "/z/{rest:path}/{n:even}")
    assert values(tree, "/2") == ["/{n:even}"]
    assert [values(tree, path) for path in ("/3", "/x/3.json", "/y/3/a", "/z/a/3")] == [[], [], [], []]


@pytest.mark.usefixtures("custom")
def test_another_error_of_a_transformer_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="boom"):
        tree_of("/{x:broken}").find("/boom")


@pytest.mark.usefixtures("custom")
def test_a_transformer_is_not_asked_for_a_template_that_does_not_match() -> None:
    assert values(tree_of("/{x:broken}/y", "/{x:broken}/{n:int}"), "/boom/z") == []


@pytest.mark.usefixtures("custom")
def test_a_custom_transformer_may_span_segments() -> None:
    tree = tree_of("/{a:deep}/x", "/{n:even}/{a:deep}")
    assert found(tree, "/a/b/x") == [("/{a:deep}/x", {"a": "a/b"}, 6)]
    assert found(tree, "/4/a/b") == [("/{n:even}/{a:deep}", {"n": [4], "a": "a/b"}, 6)]


def test_templates_with_a_replaced_transformer_keep_the_one_they_were_parsed_with() -> None:
    before = TRANSFORMER_TYPES["int"]
    tree: PathTree[str] = PathTree()
    tree.add("/{x:int}", "before")
    try:
        for i in range(10):  # each is freed at once but for the tree
            TRANSFORMER_TYPES["int"] = type("Letter", (StrTransformer,), {"regex": chr(97 + i)})()
            tree.add("/{x:int}", chr(97 + i))
    finally:
        TRANSFORMER_TYPES["int"] = before
    assert [values(tree, path) for path in ("/7", "/a", "/j", "/k")] == [["before"], ["a"], ["j"], []]


@pytest.mark.parametrize("form", ["/r{}", "/r{}/items/{{id:int}}", "/{{tenant}}/r{}/{{name}}", "/r{}/{{rest:path}}"])
def test_the_work_does_not_grow_with_the_number_of_templates(form: str) -> None:
    small, large = (tree_of(*(form.format(i) for i in range(n))) for n in (3, 3000))

    def least(tree: PathTree[str], path: str) -> int:
        return min(calls(tree, path) for _ in range(3))  # the collector may run in between

    work = least(small, form.format(1).replace("{id:int}", "7"))
    assert work > 0
    for i in (0, 1, 1500, 2999):
        assert least(large, form.format(i).replace("{id:int}", "7")) == work
    miss = form.format("none").replace("{id:int}", "7")
    assert least(large, miss) == least(small, miss)


def test_a_long_path_is_not_looked_at_beyond_the_longest_template() -> None:
    tree = tree_of("/{a}/{b}/{c}", "/x/{rest:path}", prefixes=("/y",))
    path = "/a" * 10_000
    assert values(tree, path) == []
    assert calls(tree, path) == calls(tree, "/a" * 5)
    assert found(tree, "/x" + path) == [("/x/{rest:path}", {"rest": path[1:]}, 20_002)]
    assert found(tree, "/y" + path) == [("/y", {}, 2)]


def test_a_long_template_is_no_deeper_recursion() -> None:
    template = "/{a}" + "/x" * 10_000
    assert values(tree_of(template), "/b" + "/x" * 10_000) == [template]


def test_overlapping_kinds_cost_no_more_than_the_nodes_they_make() -> None:
    # Every segment of the path fits all three kinds, so a search that forgot where it had been would take 3**depth.
    kinds = ["1", "{{p{0}}}", "{{p{0}:int}}"]
    every_way = ["".join(f"/{kind.format(i)}" for i, kind in enumerate(way)) for way in product(kinds, repeat=4)]
    some_deep_ways = ["".join(f"/{kinds[(n >> i) % 3].format(i)}" for i in range(12)) for n in range(200)]
    for depth, templates in ((4, every_way), (12, some_deep_ways)):
        tree = tree_of(*templates)
        nodes = {tuple(template.split("/")[:i]) for template in templates for i in range(depth + 2)}
        assert values(tree, "/1" * depth) == templates
        assert calls(tree, "/1" * (depth - 1) + "/x") < 10 * len(nodes)
