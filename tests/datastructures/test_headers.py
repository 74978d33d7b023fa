"""Header fields."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya._sansio.headers import check_name, check_value
from lilya.datastructures import Header, MultiDict

RAW = [(b"host", b"example.org"), (b"accept", b"a"), (b"x-token", b"1"), (b"x-token", b"\xe9")]
TOKENS = st.text("abcXYZ019-_", min_size=1)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"))

Make = Callable[[], Header]


def fresh() -> Header:
    return Header.from_scope({"headers": RAW})


def built() -> Header:
    header = fresh()
    assert len(header.items()) == 4
    return header


def made() -> Header:
    return Header([("Host", "example.org"), ("Accept", "a"), ("x-token", "1"), ("X-Token", "é")])


each_life = pytest.mark.parametrize("make", [fresh, built, made])


@each_life
def test_a_field_is_found_whatever_the_case_of_its_name(make: Make) -> None:
    header = make()
    assert header["host"] == header["HOST"] == header.get("Host") == header.getone("hoSt") == "example.org"
    assert header["x-token"] == "1"
    assert header.get("missing") is None
    assert header.get("missing", "-") == header.getone("missing", "-") == "-"
    assert header.get("€") is None


@each_life
def test_all_fields_of_a_name_come_in_order(make: Make) -> None:
    header = make()
    assert header.getlist("X-TOKEN") == header.get_all("x-token") == header.getall("x-Token") == ["1", "é"]
    assert header.getlist("missing") == header.get_all("missing") == []
    assert header.getall("missing", None) is None


@each_life
@pytest.mark.parametrize("read", [Header.__getitem__, Header.getone, Header.getall, Header.pop, Header.popall])
def test_a_missing_field_is_a_key_error(make: Make, read: Callable[[Header, str], object]) -> None:
    with pytest.raises(KeyError, match="missing"):
        read(make(), "missing")


@each_life
def test_an_attribute_is_a_field_joined_by_commas(make: Make) -> None:
    header = make()
    assert header.x_token == "1,é"
    assert header.host == "example.org"
    assert header.missing == ""
    with pytest.raises(AttributeError, match="'Header' object has no attribute '_missing'"):
        _ = header._missing


@each_life
def test_in_takes_a_name_or_a_pair_as_text_or_bytes(make: Make) -> None:
    header = make()
    assert "Host" in header
    assert b"HOST" in header
    assert ("x-token", "é") in header
    assert (b"X-Token", b"\xe9") in header
    assert "missing" not in header
    assert b"missing" not in header
    assert ("x-token", "2") not in header
    assert ("x-token",) not in header
    assert (1, 2) not in header
    assert 1 not in header


@each_life
def test_iterating_gives_what_an_asgi_message_wants(make: Make) -> None:
    header = make()
    assert list(header) == header.encoded_multi_items() == header.get_encoded_multi_items() == RAW
    assert len(header) == 4
    assert Header(header) == header


@each_life
def test_text_views_keep_order_and_repeats(make: Make) -> None:
    header = make()
    assert [name.lower() for name in header.keys()] == ["host", "accept", "x-token"]  # noqa: SIM118
    assert list(header.values()) == ["example.org", "a", "1", "é"]
    assert header.multi_items() == header.get_multi_items() == list(header.items())
    assert len(dict(header)) == 3
    assert dict(header)["x-token"] == "1"


def test_names_that_differ_in_case_are_one_field_spelt_as_the_first() -> None:
    header = made()
    assert header.to_dict() == header.dict() == header.dump_list()
    assert header.dump_list() == {"Host": ["example.org"], "Accept": ["a"], "x-token": ["1", "é"]}
    assert header.dump() == {"Host": "example.org", "Accept": "a", "x-token": "é"}


def test_it_is_made_of_a_mapping_with_lists_of_pairs_of_bytes_or_of_nothing() -> None:
    assert list(Header({"A": "1", "b": ["2", "3"], "c": ()})) == [(b"a", b"1"), (b"b", b"2"), (b"b", b"3")]
    assert list(Header([(b"a", "\xe9"), ("b", b"\xe9")])) == [(b"a", b"\xe9"), (b"b", b"\xe9")]
    assert list(Header(MultiDict([("a", "1"), ("a", "2")]))) == [(b"a", b"1"), (b"a", b"2")]
    assert list(Header()) == list(Header(None)) == list(Header({})) == []


def test_a_scope_without_headers_and_headers_of_any_shape_will_do() -> None:
    assert list(Header.from_scope({})) == list(Header.from_scope({"headers": None})) == []
    assert list(Header.from_scope({"headers": ((b"a", b"1"),)})) == [(b"a", b"1")]
    assert list(Header.from_scope({"headers": [[b"A", b"1"]]})) == [(b"a", b"1")]
    assert list(Header.from_scope({"headers": Header({"a": "1"})})) == [(b"a", b"1")]
    assert list(Header.from_raw(iter(RAW))) == RAW


def test_the_list_of_a_scope_is_never_changed() -> None:
    raw = list(RAW)
    header = Header.from_raw(raw)
    header["host"] = "other"
    del header["accept"]
    header.add("new", "1")
    assert raw == RAW


def test_upper_case_names_of_a_careless_server_are_found() -> None:
    header = Header.from_raw([(b"Host", b"a"), (b"HOST", b"b")])
    assert header["host"] == "a"
    assert header.getlist("host") == ["a", "b"]


def test_the_header_of_a_scope_or_message_is_put_there_once() -> None:
    message: dict[str, Any] = {"type": "http.response.start", "headers": RAW}
    header = Header.ensure_header_instance(message)
    assert Header.ensure_header_instance(message) is header is message["headers"]
    header.add("x-new", "1")
    assert (b"x-new", b"1") in list(message["headers"])
    bare: dict[str, Any] = {}
    assert len(Header.ensure_header_instance(bare)) == 0
    assert isinstance(bare["headers"], Header)


SETTERS: list[Callable[[Header, Any, Any], object]] = [
    lambda header, name, value: header.__setitem__(name, value),
    lambda header, name, value: header.add(name, value),
    lambda header, name, value: header.setdefault(name, value),
    lambda header, name, value: header.update({name: value}),
    lambda header, name, value: header.extend([(name, value)]),
    lambda header, name, value: header.merge({name: [value]}),
    lambda header, name, value: Header({name: value}),
    lambda header, name, value: Header([(name, value)]),
]


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("x", "a\r\nset-cookie: b"), ("x", "a\x00"), ("x", "€"), ("x y", "a"), ("", "a"), ("x:", "a"), ("x\r\ny", "a")],
)
def test_no_way_of_setting_lets_through_what_may_not_be_sent(
    setter: Callable[[Header, Any, Any], object], name: str, value: str
) -> None:
    header = Header()
    with pytest.raises(ValueError, match="header"):
        setter(header, name, value)
    assert len(header) == 0


@pytest.mark.parametrize("setter", SETTERS)
def test_what_is_no_text_is_refused_with_a_hint(setter: Callable[[Header, Any, Any], object]) -> None:
    with pytest.raises(TypeError, match=r"Header 'content-length' got 5, wanted str or bytes; did you mean '5'\?"):
        setter(Header(), "content-length", 5)


def test_a_value_is_set_without_the_white_space_around_it() -> None:
    assert Header({"a": "\t b c "})["a"] == "b c"


def test_setting_replaces_and_adding_adds() -> None:
    header = fresh()
    header["X-Token"] = "9"
    assert header.getlist("x-token") == ["9"]
    header.add("x-token", "10")
    assert header.getlist("x-token") == ["9", "10"]
    assert header.setdefault("X-TOKEN", "0") == "9"
    assert header.setdefault("new", "0") == header["new"] == "0"


def test_many_fields_are_set_added_or_filled_in_at_once() -> None:
    header = Header({"a": "1", "b": "1"})
    header.update({"A": ["2", "3"]}, c="4")
    assert header.dump_list() == {"A": ["2", "3"], "b": ["1"], "c": ["4"]}
    header.extend([("a", "5")], c="6")
    assert (header.getlist("a"), header.getlist("c")) == (["2", "3", "5"], ["4", "6"])
    header.merge(Header({"a": "7", "d": "8"}), e="9")
    assert (header.getlist("a"), header["d"], header["e"]) == (["2", "3", "5"], "8", "9")
    header.update()
    header.extend()
    header.merge()
    assert len(header) == 8


def test_fields_are_removed_one_or_all() -> None:
    header = fresh()
    assert header.pop("X-Token") == "1"
    assert header.popone("x-token") == "é"
    assert header.pop("x-token", None) is None
    header.extend({"x-token": ["1", "2"]})
    assert header.popall("X-TOKEN") == ["1", "2"]
    assert header.popall("x-token", ()) == ()
    del header["Host"]
    with pytest.raises(KeyError):
        del header["host"]
    assert list(header) == [(b"accept", b"a")]
    header.clear()
    assert len(header) == 0


@pytest.mark.parametrize(
    ("there", "added", "result"),
    [
        ([], "Origin", ["Origin"]),
        (["Origin"], "origin", ["Origin"]),
        (["Accept, Origin"], "Cookie", ["Accept, Origin, Cookie"]),
        (["Accept", "Origin"], "Accept-Encoding, ORIGIN", ["Accept, Origin, Accept-Encoding"]),
        (["*"], "Origin", ["*"]),
        (["Origin"], "*", ["*"]),
    ],
)
def test_vary_is_added_to_and_never_replaced(there: list[str], added: str, result: list[str]) -> None:
    header = Header({"vary": there})
    header.add_vary_header(added)
    assert header.getlist("vary") == result


@each_life
def test_a_copy_is_another_one(make: Make) -> None:
    header = make()
    for copied in (header.copy(), copy.copy(header), copy.deepcopy(header)):
        assert copied == header
        copied["host"] = "other"
        assert header["host"] == "example.org"


def test_equal_are_headers_with_the_same_fields_in_any_order() -> None:
    assert Header([("a", "1"), ("B", "2"), ("a", "3")]) == Header([("b", "2"), ("A", "3"), ("a", "1")])
    assert fresh() == made()
    assert Header({"a": "1"}) != Header({"a": "2"})
    assert Header({"a": "1"}) != Header({"a": ["1", "1"]})
    assert Header({"a": "1"}) != {"a": "1"}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Header())


def test_it_shows_its_fields_unless_names_repeat() -> None:
    assert repr(Header({"a": "1", "B": "2"})) == "Header({'a': '1', 'B': '2'})"
    assert repr(Header()) == "Header({})"
    assert repr(fresh()) == "Header"


@given(st.lists(st.tuples(st.binary(), st.binary())), st.text())
@example([(b"\xc0", b"\xff"), (b"", b"\x00")], "À")
def test_whatever_the_network_sends_can_be_read(raw: list[tuple[bytes, bytes]], name: str) -> None:
    header = Header.from_scope({"headers": raw})
    header.get(name)
    assert name not in header or header.getlist(name)
    assert header.encoded_multi_items() == [(key.lower(), value) for key, value in raw]
    header.dump_list()
    repr(header)
    assert len(header) == len(raw)


@given(st.lists(st.tuples(TOKENS, VALUES)), TOKENS)
def test_both_lives_give_the_same_answers(pairs: list[tuple[str, str]], name: str) -> None:
    lazy = Header.from_raw([(key.encode(), value.encode("latin-1")) for key, value in pairs])
    eager = Header(pairs)
    for key in (name, *(key for key, _ in pairs)):
        assert lazy.getlist(key) == eager.getlist(key)
        assert lazy.get(key) == eager.get(key)
        assert (key in lazy) is (key in eager)
    assert lazy.encoded_multi_items() == eager.encoded_multi_items()
    assert lazy.multi_items() == eager.multi_items()


@given(st.lists(st.tuples(st.text(), st.text())))
def test_what_is_set_can_be_sent_and_comes_back(pairs: list[tuple[str, str]]) -> None:
    header = Header()
    for name, value in pairs:
        try:
            header.add(name, value)
        except ValueError:
            continue
        assert header.getlist(name)[-1] == value.strip(" \t")
    for name, text in header.items():
        assert check_value(check_name(name), text) == text
    assert Header.from_raw(header.encoded_multi_items()) == header
