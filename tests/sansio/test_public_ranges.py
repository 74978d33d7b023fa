"""`lilya.ranges`: what a `Range` header asks for, as the public API says it."""

from __future__ import annotations

import pytest

from lilya.exceptions import ContentRangeNotSatisfiable
from lilya.ranges import ContentRanges, Range, parse_range_value


def test_the_ranges_come_with_unit_last_position_and_length() -> None:
    found = parse_range_value("bytes=0-4,10-", 19)
    assert found == ContentRanges(unit="bytes", max_value=19, size=15, ranges=[Range(0, 4), Range(10, 19)])


@pytest.mark.parametrize(("value", "length"), [("bytes=-5", 5), ("bytes=-1", 1), ("bytes=0-99", 20), ("bytes=3", 1)])
def test_lengths_are_exact(value: str, length: int) -> None:
    found = parse_range_value(value, 19)
    assert found is not None
    assert found.size == length


@pytest.mark.parametrize("value", [None, "", "bytes=x", "lines=0-1", "bytes=5-6,0-1", "bytes=0-5,3-8"])
def test_what_is_not_to_be_heeded_is_none(value: str | None) -> None:
    assert parse_range_value(value, 19) is None


def test_what_lies_behind_the_end_is_answered_with_416() -> None:
    with pytest.raises(ContentRangeNotSatisfiable) as caught:
        parse_range_value("bytes=20-", 19)
    assert caught.value.status_code == 416
    assert caught.value.headers == {"content-range": "bytes */20"}
    assert caught.value.detail == "Content range bytes=20- is not satisfiable."


def test_units_other_than_bytes_have_their_own_last_position() -> None:
    found = parse_range_value("Lines=1-5", {"lines": 3})
    assert found == ContentRanges(unit="lines", max_value=3, size=3, ranges=[Range(1, 3)])
    assert parse_range_value("bytes=1-5", {"lines": 3}) is None


def test_order_number_and_merging_can_be_set() -> None:
    loose = parse_range_value("bytes=5-6,3-4", 19, enforce_asc=False, merge_ranges=False)
    assert loose is not None
    assert loose.ranges == [Range(5, 6), Range(3, 4)]
    merged = parse_range_value("bytes=3-4,5-6", 19)
    assert merged is not None
    assert merged.ranges == [Range(3, 6)]
    assert parse_range_value("bytes=0-0,2-2", 19, max_ranges=1) is None
    assert parse_range_value("bytes=0-0,2-2,4-4,6-6,8-8,10-10", 19) is None
