"""Mappings with several values for a key, and query strings."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya.datastructures import FormData, ImmutableMultiDict, MultiDict, QueryParam
from lilya.datastructures._multi import same_items

PAIRS = [("a", "1"), ("b", "2"), ("a", "3")]

both = pytest.mark.parametrize("kind", [MultiDict, ImmutableMultiDict])
Kind = type[MultiDict[str]] | type[ImmutableMultiDict[str]]


@both
def test_the_first_value_stands_for_all_and_all_can_be_had(kind: Kind) -> None:
    multi = kind(PAIRS)
    assert multi["a"] == multi.get("a") == "1"
    assert multi.getlist("a") == multi.getall("a") == ["1", "3"]
    assert multi.getlist("missing") == []
    assert multi.get("missing") is None
    assert len(multi) == 3
    assert list(multi) == list(multi.keys()) == ["a", "b"]
    with pytest.raises(KeyError):
        multi["missing"]


@both
def test_pairs_keep_their_order_and_repeats(kind: Kind) -> None:
    multi = kind(PAIRS)
    assert multi.multi_items() == multi.get_multi_items() == list(multi.items()) == PAIRS


@both
def test_it_is_dumped_with_the_last_value_or_with_all(kind: Kind) -> None:
    multi = kind(PAIRS)
    assert multi.dump() == {"a": "3", "b": "2"}
    assert multi.dump_list() == multi.dict() == {"a": ["1", "3"], "b": ["2"]}


@both
def test_it_is_made_of_pairs_a_mapping_keywords_or_nothing(kind: Kind) -> None:
    assert kind({"a": "1"}, b="2").multi_items() == [("a", "1"), ("b", "2")]
    assert kind(kind(PAIRS)).multi_items() == PAIRS
    assert kind(iter(PAIRS)).multi_items() == PAIRS
    assert kind().multi_items() == kind(None).multi_items() == []


@both
def test_equal_is_one_of_the_same_class_with_the_same_pairs_in_any_order(kind: Kind) -> None:
    assert kind(PAIRS) == kind(reversed(PAIRS))
    assert kind(PAIRS) != kind(PAIRS[:2])
    assert kind([("a", "1"), ("a", "1")]) != kind([("a", "1"), ("b", "1")])
    assert kind([("a", "1")]) != {"a": "1"}
    assert MultiDict(PAIRS) != ImmutableMultiDict(PAIRS)
    with pytest.raises(TypeError, match="unhashable"):
        hash(kind())


@both
def test_it_shows_its_pairs(kind: Kind) -> None:
    assert repr(kind([("a", "1")])) == f"{kind.__name__}([('a', '1')])"


def test_equality_needs_no_hashing_and_no_order() -> None:
    assert same_items([("a", [1]), ("a", {2})], [("a", {2}), ("a", [1])])
    assert not same_items([("a", [1]), ("a", [1])], [("a", [1]), ("a", [2])])


def test_poplist_gives_all_values_and_removes_the_first() -> None:
    multi = MultiDict(PAIRS)
    assert multi.poplist("a") == ["1", "3"]
    assert multi.multi_items() == [("b", "2"), ("a", "3")]
    assert multi.poplist("missing") == []
    assert multi.popall("a") == ["3"]


def test_the_mutable_one_can_be_fixed_and_the_fixed_one_copied() -> None:
    multi = MultiDict(PAIRS)
    fixed = multi.to_immutable()
    multi.add("c", "4")
    assert isinstance(fixed, ImmutableMultiDict)
    assert fixed.multi_items() == PAIRS
    assert not hasattr(fixed, "add")
    for copied in (fixed.mutablecopy(), fixed.copy()):
        assert isinstance(copied, MultiDict)
        copied["a"] = "9"
    assert fixed["a"] == "1"


@pytest.mark.parametrize(
    "duplicate", [MultiDict.copy, copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_copy_of_the_mutable_one_is_another_one(duplicate: Callable[[MultiDict[str]], MultiDict[str]]) -> None:
    multi = MultiDict(PAIRS)
    copied = duplicate(multi)
    assert copied == multi
    copied.add("a", "4")
    assert len(multi) == 3


@pytest.mark.parametrize(
    ("source", "pairs"),
    [
        ("", []),
        (b"", []),
        ("a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        ("a=&b&=c&&", [("a", ""), ("b", ""), ("", "c")]),
        ("a+b=c%20d%2Be", [("a b", "c d+e")]),
        ("a=b=c;d", [("a", "b=c;d")]),
        (b"q=%E2%82%AC", [("q", "€")]),
        (b"q=\xe2\x82\xac", [("q", "€")]),
        (b"q=%ff\xff", [("q", "\ufffd\ufffd")]),
        ("q=%zz%", [("q", "%zz%")]),
        ({"a": 1, "b": [2, "3"], "c": ()}, [("a", "1"), ("b", "2"), ("b", "3")]),
        ([("a", 1), ("a", None)], [("a", "1"), ("a", "None")]),
        (MultiDict(PAIRS), PAIRS),
    ],
)
def test_a_query_is_read_in_order_with_blank_values(source: object, pairs: list[tuple[str, str]]) -> None:
    assert QueryParam(source).multi_items() == pairs  # type: ignore[arg-type]


def test_keywords_are_added() -> None:
    assert QueryParam("a=1", a="2", b=3).multi_items() == [("a", "1"), ("a", "2"), ("b", "3")]
    assert QueryParam().multi_items() == []


def test_more_than_one_source_is_an_assertion_error() -> None:
    with pytest.raises(AssertionError, match="not 2"):
        QueryParam("a=1", "b=2")


def test_a_query_as_text_is_sorted_and_encoded() -> None:
    query = QueryParam("b=%26&a=2&a=1")
    assert str(query) == "a=1&a=2&b=%26"
    assert repr(query) == "QueryParam('a=1&a=2&b=%26')"


def test_queries_are_equal_in_any_order_and_are_not_forms() -> None:
    assert QueryParam("a=1&b=2") == QueryParam(b"b=2&a=1")
    assert QueryParam("a=1") != QueryParam("a=2")
    assert QueryParam("a=1") != FormData([("a", "1")])


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("a=%E2%82&b=+%2B&&=%00")
def test_a_query_is_read_as_the_standard_library_does(query: str) -> None:
    assert QueryParam(query).multi_items() == parse_qsl(query, keep_blank_values=True, max_num_fields=None)


@given(st.binary())
def test_reading_a_query_never_fails_and_its_text_is_stable(query: bytes) -> None:
    once = str(QueryParam(query))
    assert str(QueryParam(once)) == once


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
    )
)
def test_pairs_come_back_from_a_query(pairs: list[tuple[str, str]]) -> None:
    assert QueryParam(urlencode(pairs)).multi_items() == pairs
    assert QueryParam(str(QueryParam(pairs))) == QueryParam(pairs)
