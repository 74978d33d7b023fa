"""The grammar of header fields."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya._sansio.headers import (
    best_coding,
    best_media_type,
    check_name,
    check_value,
    content_disposition,
    format_allow,
    is_token,
    parse_accept,
    parse_list,
    parse_options,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize("name", ["host", "X-Token", "x_y", "!#$%&'*+-.^_`|~", "1"])
def test_a_token_is_a_name(name: str) -> None:
    assert is_token(name)
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", ":path", "a\r\nb", "é", "a\x00", "a\n", "(a)", "a/b"])
def test_what_is_no_token_is_refused_as_a_name_and_shown(name: str) -> None:
    assert not is_token(name)
    with pytest.raises(ValueError, match="is no header name") as caught:
        check_name(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(("value", "sent"), [("", ""), ("a b\tc", "a b\tc"), (" \ta ", "a"), ("\xe9\x80", "\xe9\x80")])
def test_a_value_is_sent_without_the_white_space_around_it(value: str, sent: str) -> None:
    assert check_value("x", value) == sent


@pytest.mark.parametrize("character", ["\r", "\n", "\x00", "\x0b", "\x1f", "\x7f"])
def test_a_control_character_in_a_value_is_refused_because_it_would_begin_another_header(character: str) -> None:
    with pytest.raises(ValueError, match="control characters would end the header") as caught:
        check_value("x-note", f"ab{character}set-cookie: a=b")
    assert "'x-note'" in str(caught.value)
    assert "position 2" in str(caught.value)


@pytest.mark.parametrize("character", ["€", "Ā", "\ud800"])
def test_a_value_beyond_latin_1_is_refused_with_the_way_out(character: str) -> None:
    with pytest.raises(ValueError, match="percent-encode it"):
        check_value("x", f"10 {character}")


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        ("a", ["a"]),
        (" a , b,,\tc ,", ["a", "b", "c"]),
        ('a="x,y", b', ['a="x,y"', "b"]),
        (r'"a\",b", c', [r'"a\",b"', "c"]),
        ('a, "never closed, b', ["a", '"never closed, b']),
    ],
)
def test_a_list_is_split_at_commas_outside_of_quotes(value: str, elements: list[str]) -> None:
    assert parse_list(value) == elements


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        ("", "", {}),
        ("Text/HTML", "text/html", {}),
        ("text/html;charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        (' text/html ; Charset = "utf-8" ; q=1', "text/html", {"charset": "utf-8", "q": "1"}),
        ("multipart/form-data; boundary=----WebKitAbC", "multipart/form-data", {"boundary": "----WebKitAbC"}),
        (r'form-data; name="a\"b\\c"', "form-data", {"name": 'a"b\\c'}),
        (r'form-data; filename="C:\dir\x.txt"', "form-data", {"filename": r"C:\dir\x.txt"}),
        ('form-data; name="a;b=c"; filename="d"', "form-data", {"name": "a;b=c", "filename": "d"}),
        ("attachment; filename*=UTF-8''%e2%82%ac%20x.txt", "attachment", {"filename": "€ x.txt"}),
        ("attachment; filename*=iso-8859-1'en'%A3; filename=plain", "attachment", {"filename": "£"}),
        ("attachment; filename=plain; filename*=utf-8''%ff", "attachment", {"filename": "plain"}),
        ("attachment; filename=plain; filename*=koi8-r''x", "attachment", {"filename": "plain"}),
        ("attachment; filename=plain; filename*=nothing", "attachment", {"filename": "plain"}),
        ("a/b; x=1; x=2", "a/b", {"x": "1"}),
        ("a/b;;;  ; x ; =y; z=", "a/b", {"z": ""}),
        ('a/b; x="never closed; y=1', "a/b", {"x": "never closed; y=1"}),
        ('a/b; x="', "a/b", {"x": ""}),
        ('a/b; x="y"junk; z=1', "a/b", {"x": "y", "z": "1"}),
    ],
)
def test_options_are_read_as_far_as_they_make_sense(value: str, kind: str, parameters: dict[str, str]) -> None:
    assert parse_options(value) == (kind, parameters)


@given(st.text())
@example('a; b="\\')
@example("a; b*=utf-8''\ud800")
@example(";=;=;=")
def test_reading_never_fails(value: str) -> None:
    parse_list(value)
    kind, parameters = parse_options(value)
    assert kind == kind.lower()
    assert all(name == name.lower() for name in parameters)
    assert all(0 <= each.weight <= 1 for each in parse_accept(value))
    assert best_media_type(value, ["text/html"]) in ("text/html", None)
    assert best_coding(value, ["gzip"]) in ("gzip", "identity", None)


@pytest.mark.parametrize("unit", ['a;b="x', 'a,"', 'a;b*="\\', ";a=", 'text/a;q="'])
def test_hostile_fields_are_read_in_linear_time(unit: str) -> None:
    field = unit * 20_000
    parse_list(field)
    parse_options(field)
    parse_accept(field)


@given(st.text())
@example("a b.txt")
@example("report.txt")
@example("a/b\\c\"d';%.txt")
@example("x\r\nset-cookie: a=b")
def test_every_file_name_comes_back_from_its_content_disposition(filename: str) -> None:
    written = content_disposition("attachment", filename)
    assert check_value("content-disposition", written) == written
    assert parse_options(written) == ("attachment", {"filename": filename.encode("utf-8", "replace").decode()})


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        (None, "inline"),
        ("report.txt", 'inline; filename="report.txt"'),
        ("a b.txt", "inline; filename*=utf-8''a%20b.txt"),
        ("naïve €.txt", "inline; filename*=utf-8''na%C3%AFve%20%E2%82%AC.txt"),
        ("\udcff.txt", "inline; filename*=utf-8''%3F.txt"),
    ],
)
def test_a_file_name_is_sent_plain_where_it_can_be(filename: str | None, value: str) -> None:
    assert content_disposition("inline", filename) == value


def test_a_disposition_type_is_one_word() -> None:
    with pytest.raises(ValueError, match="no disposition type"):
        content_disposition("attachment; x", "a")


def test_accepted_elements_come_in_the_order_sent_and_without_bad_weights() -> None:
    accepted = parse_accept('text/html;level=1;q=0.5, */*;q=.1, a/b;q=2, c/d;q=x, e/f;q=-1, g/h;Q="0.25", i/j;q=nan')
    assert accepted == [
        ("text/html", {"level": "1"}, 0.5),
        ("*/*", {}, 0.1),
        ("g/h", {}, 0.25),
    ]


@pytest.mark.parametrize(
    ("accept", "offers", "chosen"),
    [
        (None, ["text/plain", "text/html"], "text/plain"),
        ("", ["text/plain", "text/html"], "text/plain"),
        (None, [], None),
        ("*/*", [], None),
        (BROWSER, ["text/plain", "text/html"], "text/html"),
        ("*/*", ["text/plain", "text/html"], "text/plain"),
        ("text/plain;q=0, */*;q=0.1", ["text/plain", "application/json"], "application/json"),
        ("image/png", ["text/plain"], None),
        ("text/plain;q=0", ["text/plain"], None),
        ("*/*, text/html;q=0", ["text/html"], None),
        ("text/html;q=0.4, */*;q=0.5", ["text/html", "image/png"], "image/png"),
        ("text/*;q=0.3, text/html;q=0.7", ["text/plain", "text/html"], "text/html"),
        ("text/html;q=0.7, text/html;level=1", ["text/html;level=2", "text/html;level=1"], "text/html;level=1"),
        ("text/html;level=1", ["text/html"], None),
        ("*;q=.2", ["image/png"], "image/png"),
        ("TEXT/HTML", ["text/html"], "text/html"),
    ],
)
def test_the_offer_wanted_most_is_chosen_by_the_most_specific_range_and_of_equals_the_first(
    accept: str | None, offers: list[str], chosen: str | None
) -> None:
    assert best_media_type(accept, offers) == chosen


@pytest.mark.parametrize(
    ("field", "chosen"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, br", "br"),
        ("br;q=0.5, gzip;q=0.6", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0, *", "br"),
        ("*", "br"),
        ("deflate", "identity"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, gzip", "gzip"),
        ("*;q=0, identity;q=0.1", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
    ],
)
def test_a_content_coding_is_used_only_where_it_is_asked_for(field: str | None, chosen: str | None) -> None:
    assert best_coding(field, ["br", "gzip"]) == chosen


def test_allow_lists_each_method_once_in_a_fixed_order() -> None:
    assert format_allow(["post", "GET", "HEAD", "get"]) == "GET, HEAD, POST"
    assert format_allow([]) == ""
