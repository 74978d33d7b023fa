"""Conditional requests and HTTP dates."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya._sansio.conditional import (
    ETag,
    Outcome,
    evaluate,
    format_http_date,
    may_send_range,
    parse_etag,
    parse_etags,
    parse_http_date,
)
from lilya.datastructures._headers import Header

CHANGED = 784_111_777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
TAG = ETag("v1")

PROCEED, NOT_MODIFIED, FAILED = Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED


@pytest.mark.parametrize(
    "text",
    [DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", " sun, 06 nov 1994 08:49:37 gmt\t"],
)
def test_all_three_forms_of_a_date_are_read(text: str) -> None:
    assert parse_http_date(text, now=CHANGED) == CHANGED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "1994-11-06",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_http_date(text) is None


@given(st.text())
def test_reading_a_date_never_fails(text: str) -> None:
    parse_http_date(text)


@given(st.integers(min_value=-62_135_596_800, max_value=253_402_300_799))
def test_a_date_comes_back(seconds: int) -> None:
    written = format_http_date(seconds)
    assert parse_http_date(written) == seconds
    if seconds > -30_610_224_000:  # the standard library takes the years before 1000 for short ones
        assert parsedate_to_datetime(written).timestamp() == seconds


@pytest.mark.parametrize(("seconds", "year"), [(-1e15, "0001"), (1e15, "9999")])
def test_a_moment_without_a_date_becomes_the_nearest_that_has_one(seconds: float, year: str) -> None:
    assert format_http_date(seconds).split()[3] == year


def test_fractions_of_a_second_are_cut_off() -> None:
    assert format_http_date(CHANGED + 0.999) == DATE
    assert format_http_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"


def test_a_leap_second_is_the_next_ones_first() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_800


@pytest.mark.parametrize(
    ("year", "now", "read"), [(94, 1994, 1994), (44, 1994, 1944), (26, 2026, 2026), (77, 2026, 1977), (76, 2026, 2076)]
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(year: int, now: int, read: int) -> None:
    seconds = parse_http_date(f"Sunday, 06-Nov-{year:02} 00:00:00 GMT", now=(now - 1970) * 31_557_600 + 15_000_000)
    assert seconds is not None
    assert format_http_date(seconds).split()[3] == str(read)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('"a"', ETag("a")),
        ('W/"a"', ETag("a", weak=True)),
        (' "" ', ETag("")),
        ('"a,b"', ETag("a,b")),
        ("a", None),
        ('"a', None),
        ('w/"a"', None),
        ('"a" "b"', None),
        ('"a b"', None),
        ("", None),
    ],
)
def test_one_entity_tag_is_read(text: str, tag: ETag | None) -> None:
    assert parse_etag(text) == tag


def test_a_list_of_entity_tags_is_read_and_the_rest_left_out() -> None:
    assert parse_etags('"a,b" , W/"c",d, "e') == [ETag("a,b"), ETag("c", weak=True)]
    assert parse_etags("") == []


@given(st.text())
def test_reading_entity_tags_never_fails(text: str) -> None:
    parse_etag(text)
    parse_etags(text)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"')), st.booleans())
@example("\xe9", False)
def test_an_entity_tag_comes_back(value: str, weak: bool) -> None:
    tag = ETag(value, weak)
    assert parse_etag(str(tag)) == tag
    assert parse_etags(f"{tag}, {tag}") == [tag, tag]


@pytest.mark.parametrize("value", ['a"b', "a b", "a\r\nb", "€"])
def test_what_cannot_be_an_entity_tag_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be an entity tag"):
        ETag(value)


def test_tags_are_compared_as_the_table_of_the_rfc_says() -> None:
    weak_1, weak_2, strong_1 = ETag("1", weak=True), ETag("2", weak=True), ETag("1")
    assert (weak_1.matches_strongly(weak_1), weak_1.matches_weakly(weak_1)) == (False, True)
    assert (weak_1.matches_strongly(weak_2), weak_1.matches_weakly(weak_2)) == (False, False)
    assert (weak_1.matches_strongly(strong_1), weak_1.matches_weakly(strong_1)) == (False, True)
    assert (strong_1.matches_strongly(strong_1), strong_1.matches_weakly(strong_1)) == (True, True)


@pytest.mark.parametrize(
    ("method", "fields", "outcome"),
    [
        ("GET", {}, PROCEED),
        ("PUT", {}, PROCEED),
        # 1: If-Match, strong
        ("PUT", {"if-match": '"v1"'}, PROCEED),
        ("PUT", {"if-match": '"v0", "v1"'}, PROCEED),
        ("PUT", {"if-match": ['"v0"', '"v1"']}, PROCEED),
        ("PUT", {"if-match": "*"}, PROCEED),
        ("PUT", {"if-match": '"v0"'}, FAILED),
        ("GET", {"if-match": '"v0"'}, FAILED),
        ("PUT", {"if-match": 'W/"v1"'}, FAILED),
        ("PUT", {"if-match": "nonsense"}, FAILED),
        # 2: If-Unmodified-Since, unless there is If-Match
        ("PUT", {"if-unmodified-since": DATE}, PROCEED),
        ("PUT", {"if-unmodified-since": LATER}, PROCEED),
        ("PUT", {"if-unmodified-since": EARLIER}, FAILED),
        ("PUT", {"if-unmodified-since": "nonsense"}, PROCEED),
        ("PUT", {"if-unmodified-since": [EARLIER, EARLIER]}, PROCEED),
        ("PUT", {"if-match": '"v1"', "if-unmodified-since": EARLIER}, PROCEED),
        # 3: If-None-Match, weak
        ("GET", {"if-none-match": '"v1"'}, NOT_MODIFIED),
        ("HEAD", {"if-none-match": 'W/"v1"'}, NOT_MODIFIED),
        ("GET", {"if-none-match": '"v0", W/"v1"'}, NOT_MODIFIED),
        ("GET", {"if-none-match": "*"}, NOT_MODIFIED),
        ("GET", {"if-none-match": '"v0"'}, PROCEED),
        ("GET", {"if-none-match": "v1"}, PROCEED),
        ("PUT", {"if-none-match": '"v1"'}, FAILED),
        ("PUT", {"if-none-match": "*"}, FAILED),
        ("PUT", {"if-none-match": '"v0"'}, PROCEED),
        # 4: If-Modified-Since, on reading only, unless there is If-None-Match
        ("GET", {"if-modified-since": DATE}, NOT_MODIFIED),
        ("HEAD", {"if-modified-since": LATER}, NOT_MODIFIED),
        ("GET", {"if-modified-since": EARLIER}, PROCEED),
        ("GET", {"if-modified-since": "nonsense"}, PROCEED),
        ("POST", {"if-modified-since": DATE}, PROCEED),
        ("GET", {"if-none-match": '"v0"', "if-modified-since": DATE}, PROCEED),
        # both pairs
        ("GET", {"if-match": '"v1"', "if-none-match": '"v1"'}, NOT_MODIFIED),
        ("GET", {"if-unmodified-since": EARLIER, "if-none-match": '"v1"'}, FAILED),
    ],
)
def test_preconditions_are_decided_in_the_order_of_the_rfc(
    method: str, fields: dict[str, str], outcome: Outcome
) -> None:
    assert evaluate(method, Header(fields), etag=TAG, last_modified=CHANGED + 0.5) is outcome


@pytest.mark.parametrize(
    ("method", "fields", "outcome"),
    [
        ("PUT", {"if-match": '"v1"'}, FAILED),
        ("PUT", {"if-match": "*"}, PROCEED),
        ("GET", {"if-none-match": '"v1"'}, PROCEED),
        ("GET", {"if-none-match": "*"}, NOT_MODIFIED),
        ("PUT", {"if-unmodified-since": EARLIER}, PROCEED),
        ("GET", {"if-modified-since": DATE}, PROCEED),
    ],
)
def test_a_representation_without_validators_fits_a_star_only(
    method: str, fields: dict[str, str], outcome: Outcome
) -> None:
    assert evaluate(method, Header(fields)) is outcome


def test_a_star_means_that_something_exists() -> None:
    assert evaluate("PUT", Header({"if-match": "*"}), exists=False) is FAILED
    assert evaluate("PUT", Header({"if-none-match": "*"}), exists=False) is PROCEED


def test_an_outcome_is_its_status() -> None:
    assert [outcome.value for outcome in Outcome] == [200, 304, 412]


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (None, True),
        ('"v1"', True),
        ('"v0"', False),
        ('W/"v1"', False),
        (DATE, True),
        (LATER, False),
        (EARLIER, False),
        ("v1", False),
        ("", False),
    ],
)
def test_a_part_is_sent_only_if_it_fits_what_the_client_has(condition: str | None, fits: bool) -> None:
    headers = Header({} if condition is None else {"if-range": condition})
    assert may_send_range(headers, etag=TAG, last_modified=CHANGED + 0.25) is fits


def test_a_part_without_validators_fits_nothing_the_client_has() -> None:
    assert not may_send_range(Header({"if-range": '"v1"'}))
    assert not may_send_range(Header({"if-range": DATE}))
    assert not may_send_range(Header({"if-range": '"v1"'}), etag=ETag("v1", weak=True))
    assert may_send_range(Header())


@given(st.text(), st.text(), st.sampled_from(["GET", "PUT"]))
def test_deciding_never_fails_whatever_the_network_sends(first: str, second: str, method: str) -> None:
    names = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")
    raw = [(name.encode(), value.encode("utf-8", "replace")) for name in names for value in (first, second)]
    headers = Header.from_raw(raw)
    evaluate(method, headers, etag=TAG, last_modified=1.5)
    may_send_range(headers, etag=TAG, last_modified=1.5)
