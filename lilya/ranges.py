"""Read a `Range` field against a representation of a known size (RFC 9110 section 14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lilya._sansio.ranges import MAX_RANGES, ByteRange, parse_ranges
from lilya.exceptions import ContentRangeNotSatisfiable

__all__ = ["ContentRanges", "Range", "parse_range_value"]

Range = ByteRange


@dataclass(slots=True)
class ContentRanges:
    """The parts of a representation that a client asked for and can have.

    Attributes:
        unit: what positions count, nearly always `bytes`.
        max_value: the last position of the representation: its size less one.
        size: how many positions all the ranges have together.
        ranges: the parts, inclusive at both ends.
    """

    unit: str
    max_value: int
    size: int = 0
    ranges: list[Range] = field(default_factory=list)


def parse_range_value(
    header_value: str | None,
    max_values: int | Mapping[str, int],
    *,
    enforce_asc: bool = True,
    max_ranges: int | None = None,
    merge_ranges: bool = True,
) -> ContentRanges | None:
    """Which parts of a representation the value of a `Range` header asks for.

    Args:
        header_value: the header, or `None` if there is none.
        max_values: the last position (size less one) of the representation measured in bytes, or, for other
            units, of each unit by its name. A unit that is not there is not understood.
        enforce_asc: ignore a header whose ranges do not come in order of position.
        max_ranges: ignore a header that asks for more ranges than this; `None` is 5.
        merge_ranges: make one range of two that touch.

    Returns:
        The ranges, each inside the representation; `None` if there is nothing to heed and the whole is the answer:
        no header, bad syntax, another unit, too many, overlapping or descending ranges.

    Raises:
        ContentRangeNotSatisfiable: none of the ranges lies in the representation; answered with 416.
    """
    if header_value is None:
        return None
    units = {"bytes": max_values} if isinstance(max_values, int) else max_values
    unit = header_value.partition("=")[0].strip(" \t").lower()
    if unit not in units:
        return None
    size = units[unit] + 1
    ranges = parse_ranges(
        header_value,
        size,
        unit=unit,
        ascending=enforce_asc,
        merge=merge_ranges,
        max_ranges=MAX_RANGES if max_ranges is None else max_ranges,
    )
    if ranges is None:
        return None
    if not ranges:
        raise ContentRangeNotSatisfiable(range_def=header_value, size=size, unit=unit)
    return ContentRanges(unit=unit, max_value=size - 1, size=sum(map(len, ranges)), ranges=ranges)
