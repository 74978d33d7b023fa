"""The grammar of `application/x-www-form-urlencoded`."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya._sansio.form import FormLimits
from lilya._sansio.urlencoded import parse_urlencoded
from lilya.exceptions import MultiPartException


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=&b&=c", [("a", ""), ("b", ""), ("", "c")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a;b=1", [("a;b", "1")]),
        (b"a+b=c+d", [("a b", "c d")]),
        (b"q=a+b%26c%3D%C3%A9%2B%25%7E*-._", [("q", "a b&c=é+%~*-._")]),
        (b"%C3%BC=%E6%97%A5", [("ü", "日")]),
        (b"a=%zz&b=%&c=%4", [("a", "%zz"), ("b", "%"), ("c", "%4")]),
        (b"a=%00", [("a", "\x00")]),
        (b"a=1\r\n", [("a", "1\r\n")]),
    ],
)
def test_pairs_keep_their_order_and_lose_their_encoding(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_urlencoded(body) == pairs


def test_what_is_encoded_twice_is_decoded_once() -> None:
    assert parse_urlencoded(b"a=%252B&b=%2B") == [("a", "%2B"), ("b", "+")]


@pytest.mark.parametrize("body", [b"a=\xff\xfe", b"a=%ff%fe", b"a=%FF\xfe"])
def test_bytes_that_are_no_utf_8_become_replacement_characters_encoded_or_not(body: bytes) -> None:
    assert parse_urlencoded(body) == [("a", "\ufffd\ufffd")]


@pytest.mark.parametrize("body", ["a=€".encode(), b"a=%E2\x82%AC", b"a=\xe2%82\xac"])
def test_a_character_may_come_partly_encoded(body: bytes) -> None:
    assert parse_urlencoded(body) == [("a", "€")]


def test_the_charset_of_the_request_counts() -> None:
    assert parse_urlencoded(b"n%E9=%E9+\xe9", charset="ISO-8859-1") == [("né", "é é")]


@pytest.mark.parametrize("charset", ["bogus", "idna", "utf-8"])
def test_an_unknown_charset_is_read_as_utf_8(charset: str) -> None:
    assert parse_urlencoded(b"a=%C3%A9%FF", charset=charset) == [("a", "é\ufffd")]


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
    )
)
def test_what_was_written_is_read(pairs: list[tuple[str, str]]) -> None:
    assert parse_urlencoded(urlencode(pairs).encode()) == pairs


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"a", b"%", b"4", b"1", b"+", b"&", b"=", b"\xc3\xa9"])).map(b"".join)
)
def test_it_reads_what_the_standard_library_does(body: bytes) -> None:
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    assert parse_urlencoded(body) == [(as_utf_8(name), as_utf_8(value)) for name, value in pairs]


def as_utf_8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("limits", "fits", "over", "status", "message"),
    [
        (FormLimits(max_fields=2), b"a&b", b"a&b&c", 400, "Too many fields. Maximum number of fields is 2."),
        (FormLimits(max_fields=2), b"a&b&", b"a&&b&", 400, "Too many fields. Maximum number of fields is 2."),
        (
            FormLimits(max_field_size=3),
            b"a=123&b=%20",
            b"a=1&%C3%BC=%204",
            413,
            "Field '%C3%BC' is too large. Maximum size of a field is 3 bytes.",
        ),
        (
            FormLimits(max_name_length=3),
            b"abc=1234",
            b"abcd=1",
            400,
            "The field name 'abcd'... is too long. Maximum length is 3 characters.",
        ),
    ],
)
def test_a_limit_lets_through_what_fits_and_says_what_does_not(
    limits: FormLimits, fits: bytes, over: bytes, status: int, message: str
) -> None:
    assert len(parse_urlencoded(fits, limits)) == fits.rstrip(b"&").count(b"&") + 1
    with pytest.raises(MultiPartException) as caught:
        parse_urlencoded(over, limits)
    assert (caught.value.status_code, caught.value.message) == (status, message)


def test_without_being_asked_it_takes_a_thousand_fields() -> None:
    assert len(parse_urlencoded(b"&".join([b"a=1"] * 1000))) == 1000
    with pytest.raises(MultiPartException, match=r"Too many fields\. Maximum number of fields is 1000\."):
        parse_urlencoded(b"&".join([b"a=1"] * 1001))


def test_a_flood_of_separators_is_refused_before_anything_is_taken_apart() -> None:
    with pytest.raises(MultiPartException, match="Too many fields"):
        parse_urlencoded(b"&" * 50_000)
