"""What an event looks like on the wire, and that a client reads in it what was meant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._sansio.sse import SEPARATORS, check_retry, check_separator, encode_event

SIMPLE_TEXT = st.text(alphabet=st.characters(codec="utf-8"))


def encode(event: object, separator: str = "\n") -> bytes:
    return encode_event(event, to_json=json.dumps, separator=separator)


def parse(stream: bytes) -> list[dict[str, str]]:
    """A client: the HTML standard, section 9.2.6, line by line."""
    events: list[dict[str, str]] = []
    last_id = kind = ""
    data: list[str] = []
    for line in re.split("\r\n|\n|\r", stream.decode()):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append({"data": "\n".join(data), "event": kind or "message", "id": last_id})
            kind, data = "", []
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            last_id = value
    return events


def test_the_fields_come_in_a_fixed_order_and_an_empty_line_ends_the_event() -> None:
    event = {"retry": 10, "data": "d", "event": "e", "id": "i", ":": "c"}
    assert encode(event) == b": c\nid: i\nevent: e\ndata: d\nretry: 10\n\n"


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        ("text", b"data: text\n\n"),
        (b"bytes", b"data: bytes\n\n"),
        ("", b"data: \n\n"),
        ({"data": ""}, b"data: \n\n"),
        ({"data": b"raw"}, b"data: raw\n\n"),
        ({"data": {"a": [1, None]}}, b'data: {"a": [1, null]}\n\n'),
        ({"data": [1, 2]}, b"data: [1, 2]\n\n"),
        ({"data": 5}, b"data: 5\n\n"),
        ({"data": None, "event": None, "id": 7}, b"id: 7\n\n"),
        ({"id": ""}, b"id: \n\n"),
        ({":": "ping"}, b": ping\n\n"),
        ({":": "one\r\ntwo"}, b": one\n: two\n\n"),
        ({"retry": 0}, b"retry: 0\n\n"),
        ({}, b"\n"),
    ],
)
def test_an_event_becomes(event: object, wire: bytes) -> None:
    assert encode(event) == wire


@pytest.mark.parametrize("data", ["a\nb", "a\rb", "a\r\nb"])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_data_is_split_at_every_line_end_a_client_knows(data: str, separator: str) -> None:
    assert encode(data, separator) == f"data: a{separator}data: b{separator}{separator}".encode()


def test_data_is_not_split_at_what_only_python_takes_for_a_line_end() -> None:
    assert encode("a\x0bb\x0cc\x1cd\x85e\u2028f").count(b"data:") == 1


@given(SIMPLE_TEXT, st.sampled_from(SEPARATORS))
def test_a_client_gets_the_data_that_was_sent(data: str, separator: str) -> None:
    (event,) = parse(encode(data, separator))
    assert event["data"] == data.replace("\r\n", "\n").replace("\r", "\n")


@given(SIMPLE_TEXT, SIMPLE_TEXT, SIMPLE_TEXT)
def test_no_field_can_forge_another_one(identity: str, kind: str, comment: str) -> None:
    try:
        wire = encode({"id": identity, "event": kind, ":": comment, "data": "d"})
    except ValueError:
        assert re.search("[\r\n\0]", identity + kind)
        return
    assert parse(wire) == [{"data": "d", "event": kind or "message", "id": identity}]


@pytest.mark.parametrize("name", ["id", "event"])
@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_a_line_end_or_nul_in_a_field_of_one_line_is_refused(name: str, character: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' of an event stands on one line"):
        encode({name: f"a{character}data: forged"})


@pytest.mark.parametrize("retry", [-1, True, 1.5, "5"])
def test_a_retry_that_clients_would_ignore_is_refused(retry: Any) -> None:
    with pytest.raises(ValueError, match="whole number of milliseconds"):
        encode({"retry": retry})
    with pytest.raises(ValueError, match="whole number of milliseconds"):
        check_retry(retry)


def test_an_unknown_field_is_refused_with_what_was_probably_meant() -> None:
    with pytest.raises(ValueError, match=r"no field 'price'.*write \{'data': \{'price': \.\.\.\}\}"):
        encode({"price": 5})


@pytest.mark.parametrize("event", [5, None, ["data"], {":": 5}, {"id": 1.5}, {"event": ["x"]}])
def test_what_is_no_text_where_text_belongs_is_refused(event: object) -> None:
    with pytest.raises(TypeError, match="text or bytes"):
        encode(event)


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode("\ud800")
    with pytest.raises(ValueError, match="can't decode"):
        encode(b"\xff")


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_line_may_end_in_one_of_three_ways(separator: str) -> None:
    assert check_separator(separator) == separator


@pytest.mark.parametrize("separator", ["", "\n\n", "\n\r", "x", ";"])
def test_no_other_separator_is_taken(separator: str) -> None:
    with pytest.raises(ValueError, match="separates its lines"):
        check_separator(separator)
