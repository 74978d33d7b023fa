"""Byte ranges and their frame."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lilya._sansio.headers import parse_options
from lilya._sansio.ranges import (
    MAX_RANGES,
    ByteRange,
    MultipartByteRanges,
    content_range,
    parse_ranges,
)

Pairs = list[tuple[int, int]]


def pairs(ranges: list[ByteRange] | None) -> Pairs | None:
    return None if ranges is None else [(each.start, each.stop) for each in ranges]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", [(0, 0)]),
        ("bytes=0-99", [(0, 99)]),
        ("bytes=10-19", [(10, 19)]),
        ("Bytes = 10 - 19 ", [(10, 19)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=-5", [(95, 99)]),
        ("bytes=5", [(5, 5)]),
        # ends are moved to the last position
        ("bytes=90-1000", [(90, 99)]),
        ("bytes=-1000", [(0, 99)]),
        ("bytes=0-" + "9" * 5000, [(0, 99)]),
        ("bytes=" + "0" * 5000 + "7-8", [(7, 8)]),
        # several
        ("bytes=0-1,10-11, 20-21", [(0, 1), (10, 11), (20, 21)]),
        ("bytes=0-1,,10-11,", [(0, 1), (10, 11)]),
        ("bytes=0-9,10-19,30-39", [(0, 19), (30, 39)]),
        ("bytes=0-1,-1", [(0, 1), (99, 99)]),
        ("bytes=0-1,200-300", [(0, 1)]),
    ],
)
def test_ranges_are_read_and_fitted_to_the_representation(field: str, expected: Pairs) -> None:
    assert pairs(parse_ranges(field, 100)) == expected


@pytest.mark.parametrize("field", ["bytes=100-", "bytes=100-100", "bytes=200", "bytes=-0", "bytes=200-300,100-"])
def test_ranges_behind_the_end_cannot_be_satisfied(field: str) -> None:
    assert parse_ranges(field, 100) == []


@pytest.mark.parametrize(
    "field",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-2-3",
        "bytes=9-1",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=1.0-2",
        "bytes=\u0661-\u0662",
        "bytes 0-1",
        "lines=0-1",
        "bytes=0-1,x",
        "bytes=0-5,5-9",
        "bytes=0-,-1",
        "bytes=20-21,0-1",
        "bytes=0-0,2-2,4-4,6-6,8-8,10-10",
        "bytes=" + ",".join(["0-"] * 1000),
        "bytes=" + "," * 1000 + "0-1",
    ],
)
def test_what_makes_no_sense_or_costs_too_much_is_ignored(field: str) -> None:
    assert parse_ranges(field, 100) is None


def test_an_empty_representation_has_no_ranges_and_its_last_bytes_are_all_of_it() -> None:
    assert parse_ranges("bytes=0-", 0) == []
    assert parse_ranges("bytes=-0", 0) == []
    assert parse_ranges("bytes=-5", 0) is None


def test_the_number_of_ranges_is_bounded_and_can_be_set() -> None:
    field = "bytes=0-0,2-2,4-4,6-6,8-8"
    assert len(parse_ranges(field, 100) or ()) == MAX_RANGES == 5
    assert parse_ranges(field, 100, max_ranges=4) is None
    assert len(parse_ranges(field + ",10-10", 100, max_ranges=6) or ()) == 6
    assert parse_ranges("bytes=0-0", 100, max_ranges=0) is None


def test_descending_ranges_can_be_allowed_and_keep_their_order_unless_merged() -> None:
    field = "bytes=20-21,10-19,0-1"
    assert pairs(parse_ranges(field, 100, ascending=False, merge=False)) == [(20, 21), (10, 19), (0, 1)]
    assert pairs(parse_ranges(field, 100, ascending=False)) == [(0, 1), (10, 21)]
    assert parse_ranges("bytes=20-21,0-20", 100, ascending=False) is None


def test_ranges_that_touch_stay_apart_where_that_is_asked_for() -> None:
    assert pairs(parse_ranges("bytes=0-1,2-3", 100, merge=False)) == [(0, 1), (2, 3)]


def test_another_unit_can_be_asked_for() -> None:
    assert pairs(parse_ranges("lines=1-2", 10, unit="lines")) == [(1, 2)]


@given(st.text(), st.integers(min_value=0, max_value=1000))
@example("bytes=" + "9" * 5000, 5)
def test_reading_ranges_never_fails(field: str, size: int) -> None:
    parse_ranges(field, size)
    parse_ranges(f"bytes={field}", size)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=5),
    st.integers(0, 50),
    st.booleans(),
)
def test_whatever_is_sent_was_asked_for_once_and_exists(asked: Pairs, size: int, merge: bool) -> None:
    field = "bytes=" + ",".join(f"{start}-{stop}" for start, stop in asked)
    ranges = parse_ranges(field, size, merge=merge)
    if ranges is None:
        return
    sent = [position for each in ranges for position in range(each.start, each.stop + 1)]
    wanted = {position for start, stop in asked for position in range(start, stop + 1)}
    assert sent == sorted(wanted & set(range(size)))
    assert sum(map(len, ranges)) == len(sent)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (3, 2)])
def test_a_range_that_is_none_cannot_be_made(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="both ends are included"):
        ByteRange(start, stop)


def test_content_range_names_the_part_and_the_whole() -> None:
    assert content_range(ByteRange(0, 4), 10) == "bytes 0-4/10"
    assert content_range(ByteRange(0, 4), 10, unit="lines") == "lines 0-4/10"


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_mail_parser_reads_the_parts_and_the_length_is_exact(content: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(content) - 1), min_size=1, max_size=6)))
    ranges = [ByteRange(start, start) for start in cuts]
    frame = MultipartByteRanges(ranges, len(content), boundary="3d6b6a416f9b5", media_type="x/y")
    body = b"".join(frame.head(part) + content[part.start : part.stop + 1] for part in frame.ranges) + frame.tail
    assert len(body) == frame.content_length
    message: Message[str, str] = BytesParser().parsebytes(
        b"Content-Type: " + frame.content_type.encode() + b"\r\n\r\n" + body
    )
    parts: Any = message.get_payload()
    assert not message.defects
    assert [part["content-range"] for part in parts] == [content_range(each, len(content)) for each in ranges]
    assert {part["content-type"] for part in parts} == {"x/y"}


def test_the_frame_is_the_one_of_the_rfc() -> None:
    frame = MultipartByteRanges([ByteRange(0, 1), ByteRange(7, 9)], 10, boundary="SEP", media_type="text/plain")
    body = b"".join(frame.head(part) + b"x" * len(part) for part in frame.ranges) + frame.tail
    assert frame.content_type == "multipart/byteranges; boundary=SEP"
    assert body == (
        b"\r\n--SEP\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-1/10\r\n\r\nxx"
        b"\r\n--SEP\r\ncontent-type: text/plain\r\ncontent-range: bytes 7-9/10\r\n\r\nxxx"
        b"\r\n--SEP--\r\n"
    )


def test_a_boundary_with_separators_is_quoted() -> None:
    frame = MultipartByteRanges([ByteRange(0, 1)], 2, boundary="a:b=c/d", media_type="a/b")
    assert parse_options(frame.content_type) == ("multipart/byteranges", {"boundary": "a:b=c/d"})


@pytest.mark.parametrize("boundary", ["", "a" * 71, "a\r\nb", 'a"b', "é", "a b"])
def test_what_is_no_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(ValueError, match="no multipart boundary"):
        MultipartByteRanges([ByteRange(0, 1)], 2, boundary=boundary, media_type="a/b")


def test_a_media_type_cannot_smuggle_in_a_header() -> None:
    with pytest.raises(ValueError, match="control characters"):
        MultipartByteRanges([ByteRange(0, 1)], 2, boundary="b", media_type="a/b\r\nx: y")
