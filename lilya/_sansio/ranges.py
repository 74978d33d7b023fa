"""Byte ranges (RFC 9110 section 14): which parts of a representation a `Range` field asks for, and how they are framed.

Positions count from 0 and are inclusive at both ends, as on the wire. What cannot be understood, and what would cost
the server more than it is worth, is ignored: `None`, and the whole representation is the answer (section 14.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from lilya._sansio.headers import check_value, is_token

__all__ = ["MAX_RANGES", "ByteRange", "MultipartByteRanges", "content_range", "parse_ranges"]

# A part costs a seek, a read and a header. Players and download managers ask for one to three; more than this is
# the well-known attack that asks for a file in a thousand pieces (CVE-2011-3192).
MAX_RANGES: Final = 5

# More digits than any position has; int() refuses thousands of them, and reading them takes quadratic time.
_MAX_DIGITS: Final = 18

_RANGE = re.compile(r"([0-9]*)(?:[ \t]*(-)[ \t]*([0-9]*))?").fullmatch
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=?]{1,70}").fullmatch


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from position `start` to position `stop`, both included."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"No range from {self.start} to {self.stop}: both ends are included, and count from 0.")

    def __len__(self) -> int:
        return self.stop - self.start + 1


def parse_ranges(
    field: str,
    size: int,
    *,
    unit: str = "bytes",
    ascending: bool = True,
    merge: bool = True,
    max_ranges: int = MAX_RANGES,
) -> list[ByteRange] | None:
    """The parts of a representation that `field` asks for (RFC 9110 section 14.1.2).

    Ends behind the last position are moved to it; `-n` is the last n positions; a lone `n` is read as the one
    position n (not in the RFC, but sent by some).

    Args:
        field: the value of `Range`.
        size: how many positions the representation has.
        unit: the unit in which it is measured.
        ascending: ignore a field whose ranges do not come in order of position.
        merge: make one range of two that touch, so that a client gets fewer parts than it asked for.
        max_ranges: ignore a field that asks for more.

    Returns:
        The ranges, at least one: answer 206. An empty list if none of those asked for lies in the representation:
        answer 416. `None` if the field is to be ignored: another unit, bad syntax, too many ranges, overlapping ones,
        descending ones.
    """
    name, _, specifications = field.partition("=")
    if name.strip(" \t").lower() != unit:
        return None
    # Bounded before it is read: splitting once more than allowed is enough to know.
    parts = [part for piece in specifications.split(",", 4 * max_ranges) if (part := piece.strip(" \t"))]
    if not parts or len(parts) > max_ranges:
        return None
    found = []
    for part in parts:
        bounds = _bounds(part, size)
        if bounds is None:
            return None
        start, stop = bounds
        if start < size and start <= stop:
            found.append(ByteRange(start, min(stop, size - 1)))
    in_order = sorted(found, key=lambda each: each.start)
    if ascending and found != in_order:
        return None
    if any(left.stop >= right.start for left, right in pairwise(in_order)):
        return None
    return _merged(in_order) if merge else found


def _bounds(part: str, size: int) -> tuple[int, int] | None:
    """First and last position asked for, before they are fitted to the size; `None` for bad syntax."""
    match = _RANGE(part)
    if match is None:
        return None
    first, dash, last = match.groups()
    if not first:
        length = _position(last)
        # The last positions of an empty representation can be had, but not be written as a Content-Range.
        if not last or (length > 0 and size == 0):
            return None
        # The empty suffix `-0` starts behind the end: it cannot be satisfied.
        return max(size - length, 0), size
    start = _position(first)
    if not dash:
        return start, start
    if not last:
        return start, max(start, size - 1)
    stop = _position(last)
    return (start, stop) if start <= stop else None


def _position(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _merged(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    merged: list[ByteRange] = []
    for each in ranges:
        if merged and merged[-1].stop + 1 == each.start:
            merged[-1] = ByteRange(merged[-1].start, each.stop)
        else:
            merged.append(each)
    return merged


def content_range(part: ByteRange, size: int, *, unit: str = "bytes") -> str:
    """The value of `Content-Range` of a part (RFC 9110 section 14.4)."""
    return f"{unit} {part.start}-{part.stop}/{size}"


class MultipartByteRanges:
    """The frame around the parts of a `multipart/byteranges` body (RFC 9110 section 14.6).

    The body is, for each range, `head(range)` and the bytes of the range, and in the end `tail`; it is exactly
    `content_length` bytes long.

    Args:
        ranges: the parts, in the order in which they will be sent.
        size: length of the whole representation, in bytes.
        boundary: 1 to 70 characters that occur in none of the parts; a random one does not.
        media_type: media type of the representation, repeated in each part.

    Raises:
        ValueError: the boundary has other characters than RFC 2046 section 5.1.1 allows, or the media type cannot
            stand in a header.
    """

    __slots__ = ("_boundary", "_media_type", "_size", "content_length", "content_type", "ranges", "tail")

    def __init__(self, ranges: Sequence[ByteRange], size: int, *, boundary: str, media_type: str) -> None:
        if _BOUNDARY(boundary) is None:
            raise ValueError(f"{boundary!r} is no multipart boundary: wanted 1 to 70 letters, digits and '()+_,-./:=?")
        self.ranges = tuple(ranges)
        quoted = boundary if is_token(boundary) else f'"{boundary}"'
        self.content_type = f"multipart/byteranges; boundary={quoted}"
        self._boundary = boundary
        self._media_type = check_value("content-type", media_type)
        self._size = size
        self.tail = f"\r\n--{boundary}--\r\n".encode("ascii")
        self.content_length = sum(len(self.head(part)) + len(part) for part in self.ranges) + len(self.tail)

    def head(self, part: ByteRange) -> bytes:
        """Delimiter and header of one of the parts; its bytes come next."""
        where = content_range(part, self._size)
        text = f"\r\n--{self._boundary}\r\ncontent-type: {self._media_type}\r\ncontent-range: {where}\r\n\r\n"
        return text.encode("latin-1")
