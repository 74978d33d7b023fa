"""Tables, lines of JSON, XML, YAML and MessagePack: each is read back by a reader of its own kind."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.datastructures import MultiDict
from lilya.encoders import Encoder
from lilya.exceptions import MissingDependency
from lilya.responses import (
    CSVResponse,
    HTMLResponse,
    JSONResponse,
    MessagePackResponse,
    NDJSONResponse,
    PlainText,
    RedirectResponse,
    Response,
    StreamingResponse,
    XMLResponse,
    YAMLResponse,
    make_response,
)
from tests.responses.fetching import fetch


@dataclass
class Order:
    id: int
    customer: str


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class MoneyEncoder(Encoder):
    __type__ = Money

    def serialize(self, obj: Money) -> str:
        return f"{obj.cents / 100:.2f}"


Named = namedtuple("Named", "id name")


class Headers(Mapping[str, int]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> int:
        return {"a": 1, "b": 2}[key]

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("response_class", "media_type"),
    [
        (CSVResponse, "text/csv; charset=utf-8"),
        (NDJSONResponse, "application/x-ndjson"),
        (XMLResponse, "application/xml"),
        (YAMLResponse, "application/x-yaml"),
        (MessagePackResponse, "application/x-msgpack"),
    ],
)
async def test_each_has_its_media_type_and_its_length(response_class: type[Response], media_type: str) -> None:
    answer = await fetch(response_class(b"as given", status_code=201, headers={"x": "1"}))
    assert answer.status == 201
    assert answer.headers == {"content-length": "8", "content-type": media_type, "x": "1"}
    assert answer.body == b"as given"


@pytest.mark.parametrize("response_class", [CSVResponse, NDJSONResponse, XMLResponse, YAMLResponse])
def test_text_is_in_the_format_already_and_nothing_is_nothing(response_class: type[Response]) -> None:
    assert response_class("ä <b>").body == "ä <b>".encode()
    assert response_class(bytearray(b"x")).body == b"x"
    assert response_class().body == b""


@pytest.mark.parametrize("response_class", [CSVResponse, NDJSONResponse, XMLResponse, YAMLResponse])
def test_an_encoder_of_the_response_serves_it_wherever_the_object_is(response_class: type[Response]) -> None:
    body = response_class([{"price": Money(4200)}], encoders=[MoneyEncoder]).body
    assert b"42.00" in body


async def test_content_may_be_awaited() -> None:
    async def rows() -> list[dict[str, int]]:
        await anyio.lowlevel.checkpoint()
        return [{"a": 1}]

    assert (await fetch(CSVResponse(rows()))).body == b"a\n1"


# -- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ([], ""),
        ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "a,b\n1,x\n2,y"),
        ([{"a": 1, "b": 2}, {"b": 3}, {"a": 4, "c": 5}], "a,b\n1,2\n,3\n4,"),
        ({"a": 1}, "a\n1"),
        (({"n": n} for n in range(3)), "n\n0\n1\n2"),
        ([Order(1, "Ada"), Order(2, "Bob")], "id,customer\n1,Ada\n2,Bob"),
        (Order(1, "Ada"), "id,customer\n1,Ada"),
        ([Named(1, "Ada")], "id,name\n1,Ada"),
        ([Headers(), OrderedDict(b=3, a=4)], "a,b\n1,2\n4,3"),
        (MultiDict({"a": "1"}), "a\n1"),
        ([("name", "age"), ["Ada", 36]], "name,age\nAda,36"),
        ([{"t": "a,b"}, {"t": 'say "hi"'}, {"t": "two\nlines"}, {"t": "cr\rcr"}], None),
        ([{"a,b": "", 'q"': " x "}], None),
        ([{"a": None, "b": True, "c": 1.5, "d": date(2026, 1, 31)}], "a,b,c,d\n,True,1.5,2026-01-31"),
        ([{"a": Decimal("1.50"), "b": [1, "x"], "c": {"k": None}}], 'a,b,c\n1.50,"[1,""x""]","{""k"":null}"'),
        ([{"ü": "ß"}], "ü\nß"),
    ],
)
def test_a_table_is_written_line_by_line(content: Any, body: str | None) -> None:
    written = CSVResponse(content).body.decode()
    if body is not None:
        assert written == body
    else:
        assert list(csv.DictReader(io.StringIO(written, newline=""))) == content
    assert not written.endswith("\n")


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=2)
    )
)
def test_any_text_in_a_table_is_read_as_it_was_written(rows: list[list[str]]) -> None:
    written = CSVResponse(rows).body.decode()
    assert list(csv.reader(io.StringIO(written, newline=""))) == rows


def test_a_single_empty_cell_is_not_lost() -> None:
    assert list(csv.reader(io.StringIO(CSVResponse([[""], ["x"], [""]]).body.decode()))) == [[""], ["x"], [""]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1], "a row of a CSVResponse is a mapping or a list, not int: 1"),
        (7, "a row of a CSVResponse is a mapping or a list, not int: 7"),
        (["text"], "a row of a CSVResponse is a mapping or a list, not str: 'text'"),
        ([{"a": 1}, [1]], "the rows of a CSVResponse are all mappings or all lists, but this one is not: [1]"),
        ([[1], {"a": 1}], "the rows of a CSVResponse are all mappings or all lists, but this one is not: {'a': 1}"),
    ],
)
def test_what_is_no_table_is_refused(content: Any, says: str) -> None:
    with pytest.raises(TypeError) as caught:
        CSVResponse(content)
    assert str(caught.value) == says


# -- lines of JSON ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ([{"a": 1}, "ü\n", None, [1, 2]], '{"a":1}\n"ü\\n"\nnull\n[1,2]'),
        ([], ""),
        ({"a": 1}, '{"a":1}'),
        (Order(1, "Ada"), '{"id":1,"customer":"Ada"}'),
        (Named(1, "Ada"), '[1,"Ada"]'),
        ((Order(n, "Ada") for n in range(2)), '{"id":0,"customer":"Ada"}\n{"id":1,"customer":"Ada"}'),
        (range(3), "0\n1\n2"),
        (7, "7"),
    ],
)
def test_lines_of_json_are_one_for_each_item(content: Any, body: str) -> None:
    assert NDJSONResponse(content).body.decode() == body


@given(st.lists(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers()), min_size=1))
def test_every_line_is_read_as_it_was_written(items: list[dict[str, int]]) -> None:
    assert [json.loads(line) for line in NDJSONResponse(items).body.split(b"\n")] == items


# -- XML --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"a": 1, "b": "x"}, "<root><a>1</a><b>x</b></root>"),
        ({"a": {"b": {"c": None}}}, "<root><a><b><c/></b></a></root>"),
        ({"tag": ["x", "y"]}, "<root><tag>x</tag><tag>y</tag></root>"),
        ({"row": [[1, 2], [3]]}, "<root><row><item>1</item><item>2</item></row><row><item>3</item></row></root>"),
        ([{"a": 1}, {"a": 2}], "<root><item><a>1</a></item><item><a>2</a></item></root>"),
        ([], "<root></root>"),
        ({}, "<root></root>"),
        ({"yes": True, "no": False, "pi": 3.5}, "<root><yes>true</yes><no>false</no><pi>3.5</pi></root>"),
        ({"t": "<&> \"'"}, "<root><t>&lt;&amp;&gt; \"'</t></root>"),
        ({"t": "a\r\nb"}, "<root><t>a&#13;\nb</t></root>"),
        ({"t": "\x00\x0b\ufffe"}, "<root><t>\ufffd\ufffd\ufffd</t></root>"),
        ({"first name": 1, "1st": 2, "a:b": 3, "<x>": 4, "": 5, "-": 6}, None),
        ({"größe": 1}, "<root><größe>1</größe></root>"),
        (Order(1, "Ada"), "<root><id>1</id><customer>Ada</customer></root>"),
        (5, "<root>5</root>"),
    ],
)
def test_xml_is_one_document_of_elements(content: Any, body: str | None) -> None:
    written = XMLResponse(content).body.decode()
    root = ElementTree.fromstring(written)
    assert root.tag == "root"
    if body is not None:
        assert written == body
    else:
        assert [element.tag for element in root] == ["first_name", "_1st", "a_b", "_x_", "_", "_-"]


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_whatever_is_in_it_xml_can_be_parsed(content: dict[str, str]) -> None:
    root = ElementTree.fromstring(XMLResponse(content).body)
    assert len(root) == len(content)
    for element, value in zip(root, content.values(), strict=True):
        assert len(element.text or "") == len(value)


def test_every_character_of_a_name_is_taken_by_a_parser() -> None:
    content = {f"a{chr(code)}": None for code in range(0x10000) if not 0xD800 <= code < 0xE000}
    content |= {chr(code): None for code in range(0x10000) if not 0xD800 <= code < 0xE000}
    names = {element.tag for element in ElementTree.fromstring(XMLResponse(content).body)}
    assert {"Ä", "ж", "語", "한", "a-", "a.", "a7", "a_", "_"} <= names


# -- YAML and MessagePack ---------------------------------------------------------------------------------------------


def test_yaml_keeps_the_order_of_keys_and_the_letters() -> None:
    pytest.importorskip("yaml")
    assert YAMLResponse({"b": 1, "a": [Order(1, "Jürgen")]}).body.decode() == "b: 1\na:\n- id: 1\n  customer: Jürgen\n"


def test_message_pack_is_packed() -> None:
    msgpack = pytest.importorskip("msgpack")
    content = {"order": Order(1, "Ada"), "raw": b"\x00\xff", "day": date(2026, 1, 31), "price": Money(5)}
    packed = MessagePackResponse(content, encoders=[MoneyEncoder]).body
    assert msgpack.unpackb(packed) == {
        "order": {"id": 1, "customer": "Ada"},
        "raw": b"\x00\xff",
        "day": "2026-01-31",
        "price": "0.05",
    }
    assert msgpack.unpackb(MessagePackResponse("text").body) == "text"
    assert MessagePackResponse().body == b"\xc0"
    assert MessagePackResponse(packed).body == packed


@pytest.mark.parametrize(
    ("response_class", "module", "says"),
    [
        (YAMLResponse, "yaml", "YAMLResponse needs PyYAML: pip install PyYAML"),
        (MessagePackResponse, "msgpack", "MessagePackResponse needs msgpack: pip install msgpack"),
    ],
)
def test_a_missing_library_is_named(
    response_class: type[Response], module: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency) as caught:
        response_class({"a": 1})
    assert str(caught.value) == says


# -- make_response ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 404, 503])
async def test_an_object_becomes_a_response_of_any_class_and_status(status: int) -> None:
    answer = await fetch(make_response(Order(1, "Ada"), status_code=status, headers={"x": "1"}))
    assert (answer.status, answer.headers["x"]) == (status, "1")
    assert json.loads(answer.body) == {"id": 1, "customer": "Ada"}
    assert make_response(Order(1, "Ada"), XMLResponse).body == b"<root><id>1</id><customer>Ada</customer></root>"


def test_outside_of_json_text_has_no_quotes() -> None:
    assert make_response(date(2026, 1, 31), PlainText).body == b"2026-01-31"
    assert make_response(date(2026, 1, 31)).body == b'"2026-01-31"'
    assert make_response("<p>", HTMLResponse).body == b"<p>"
    assert make_response({"a": [1]}, PlainText).body == b'{"a":[1]}'


def test_encoders_serve_nested_values() -> None:
    assert make_response({"a": [Money(5)]}, encoders=[MoneyEncoder]).body == b'{"a":["0.05"]}'
    with pytest.raises(ValueError, match="Money"):
        make_response({"a": [Money(5)]})


def test_options_of_the_encoding_are_passed_on() -> None:
    content = {"a": None, "b": Money(5)}
    options: dict[str, Any] = {"exclude_none": True}
    made = make_response(content, encoders=[MoneyEncoder], json_encode_extra_kwargs=options)
    assert made.body == b'{"b":"0.05"}'
    assert make_response({"a": 1}, json_encode_extra_kwargs={"post_transform_fn": None}).body == b'{"a":1}'
    assert make_response("text", json_encode_extra_kwargs={}).body == b'"text"'


async def test_background_work_and_other_kinds_of_response_are_served_too() -> None:
    ran: list[str] = []

    async def work() -> None:
        ran.append("background")

    made = make_response([1], background=work)
    assert isinstance(made, JSONResponse)
    await fetch(made)
    assert ran == ["background"]
    assert make_response("/x", RedirectResponse, status_code=303).headers["location"] == "/x"
    assert (await fetch(make_response(["a", "b"], StreamingResponse))).body == b"ab"
