"""Conditional requests (RFC 9110 section 13): validators, their comparison, and what a request's conditions decide.

Pure functions over values; times are POSIX seconds. HTTP dates (section 5.6.7) stand here: they are validators first.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from typing import Final

from lilya._sansio.headers import FieldLines

__all__ = [
    "ETag",
    "Outcome",
    "evaluate",
    "format_http_date",
    "may_send_range",
    "parse_etag",
    "parse_etags",
    "parse_http_date",
]

_ETAG = r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
_ONE_ETAG = re.compile(_ETAG).fullmatch
_EACH_ETAG = re.compile(_ETAG)

_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_FIRST: Final = -62_135_596_800
_LAST: Final = 253_402_300_799
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# The weekday says nothing the date does not: it is not looked at beyond its shape.
_DATES = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII).fullmatch
    for form in (
        rf"[a-z]{{3}}, (?P<day>[0-9]{{2}}) (?P<month>[a-z]{{3}}) (?P<year>[0-9]{{4}}) {_TIME} GMT",  # IMF-fixdate
        rf"[a-z]{{6,9}}, (?P<day>[0-9]{{2}})-(?P<month>[a-z]{{3}})-(?P<year>[0-9]{{2}}) {_TIME} GMT",  # RFC 850
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",  # asctime
    )
)


def parse_http_date(text: str, *, now: float | None = None) -> int | None:
    """Read an HTTP date in any of its three forms; POSIX seconds, or `None` if it is none (RFC 9110 section 5.6.7).

    Args:
        text: the field's value.
        now: POSIX seconds, against which a two-digit year is read: one that seems more than 50 years ahead is past.
    """
    match = next((match for form in _DATES if (match := form(text.strip(" \t"))) is not None), None)
    if match is None:
        return None
    month = _MONTHS.get(match["month"].lower())
    year, day = int(match["year"]), int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if len(match["year"]) == 2:
        this_year = time.gmtime(now).tm_year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    if month is None or year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second, which POSIX time counts as the next one's first
        return None
    return calendar.timegm((year, month, day, hour, minute, second))


def format_http_date(seconds: float) -> str:
    """Write POSIX seconds as an HTTP date (IMF-fixdate); fractions are cut off.

    A date has four digits for the year: what lies before year 1 or after 9999 becomes the first or last one there is.
    """
    return formatdate(int(min(max(seconds, _FIRST), _LAST) // 1), usegmt=True)


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag (RFC 9110 section 8.8.3). `str()` gives it as it is sent, quoted.

    Attributes:
        value: the opaque text, without quotes.
        weak: the representation is equivalent, not byte for byte the same.

    Raises:
        ValueError: the value holds a quote, a space, a control character or something outside latin-1.
    """

    value: str
    weak: bool = False

    def __post_init__(self) -> None:
        if _ONE_ETAG(f'"{self.value}"') is None:
            raise ValueError(
                f"{self.value!r} cannot be an entity tag: no quotes, spaces, control or non-latin-1 characters."
            )

    def __str__(self) -> str:
        return f'W/"{self.value}"' if self.weak else f'"{self.value}"'

    def matches_strongly(self, other: ETag) -> bool:
        """Byte for byte the same representation: neither is weak (RFC 9110 section 8.8.3.2)."""
        return not (self.weak or other.weak) and self.value == other.value

    def matches_weakly(self, other: ETag) -> bool:
        """An equivalent representation (RFC 9110 section 8.8.3.2)."""
        return self.value == other.value


def parse_etag(text: str) -> ETag | None:
    """Read one entity tag; `None` if it is none (an unquoted one is none)."""
    match = _ONE_ETAG(text.strip(" \t"))
    return None if match is None else ETag(match[2], weak=match[1] is not None)


def parse_etags(text: str) -> list[ETag]:
    """Read a list of entity tags, which may contain commas; whatever is none is left out."""
    return [ETag(value, weak=bool(weak)) for weak, value in _EACH_ETAG.findall(text)]


class Outcome(Enum):
    """What the conditions of a request decide."""

    PROCEED = 200
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412


def evaluate(
    method: str,
    headers: FieldLines,
    *,
    etag: ETag | None = None,
    last_modified: float | None = None,
    exists: bool = True,
) -> Outcome:
    """Decide a request's preconditions in the order of RFC 9110 section 13.2.2.

    | present                                   | true          | false                              |
    |-------------------------------------------|---------------|------------------------------------|
    | `If-Match`                                | go on         | 412                                |
    | else `If-Unmodified-Since`                | go on         | 412                                |
    | `If-None-Match`                           | proceed       | 304 for GET and HEAD, 412 for others |
    | else `If-Modified-Since`, on GET and HEAD | proceed       | 304                                |

    Ask only where the answer would otherwise be a 2xx. `If-Range` is decided by `may_send_range`. A date that cannot
    be read, or for which there is no `last_modified`, is as if it were not there.

    Args:
        method: the request's method, upper-cased.
        headers: the request's header fields.
        etag: the entity tag of the representation as it is now, if it has one.
        last_modified: when it was last changed, POSIX seconds, if that is known; whole seconds are compared.
        exists: whether there is a representation now (`If-None-Match: *` creates only what does not exist).
    """
    modified = None if last_modified is None else int(last_modified // 1)
    reading = method in ("GET", "HEAD")
    if (condition := _field(headers, "if-match")) is not None:
        if not _names(condition, etag, exists, weakly=False):
            return Outcome.PRECONDITION_FAILED
    elif modified is not None and (date := _date(headers, "if-unmodified-since")) is not None and modified > date:
        return Outcome.PRECONDITION_FAILED
    if (condition := _field(headers, "if-none-match")) is not None:
        if _names(condition, etag, exists, weakly=True):
            return Outcome.NOT_MODIFIED if reading else Outcome.PRECONDITION_FAILED
    elif (
        reading
        and modified is not None
        and (date := _date(headers, "if-modified-since")) is not None
        and modified <= date
    ):
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def may_send_range(headers: FieldLines, *, etag: ETag | None = None, last_modified: float | None = None) -> bool:
    """Whether `Range` counts: there is no `If-Range`, or the part fits what the client has (RFC 9110 section 13.1.5).

    A tag must match strongly; a date must be exactly the one of `Last-Modified`. What cannot be read fits nothing.
    """
    condition = _field(headers, "if-range")
    if condition is None:
        return True
    if (wanted := parse_etag(condition)) is not None:
        return etag is not None and wanted.matches_strongly(etag)
    return last_modified is not None and parse_http_date(condition) == int(last_modified // 1)


def _field(headers: FieldLines, name: str) -> str | None:
    lines = headers.getlist(name)
    return ", ".join(lines) if lines else None


def _date(headers: FieldLines, name: str) -> int | None:
    lines = headers.getlist(name)
    return parse_http_date(lines[0]) if len(lines) == 1 else None


def _names(condition: str, etag: ETag | None, exists: bool, *, weakly: bool) -> bool:
    if condition.strip(" \t") == "*":
        return exists
    if etag is None:
        return False
    match = etag.matches_weakly if weakly else etag.matches_strongly
    return any(match(wanted) for wanted in parse_etags(condition))
