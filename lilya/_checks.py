"""What a number given by a user must be, said in one way: each raises `ImproperlyConfigured`, also a `ValueError`."""

from __future__ import annotations

import math
from typing import Any

from lilya.exceptions import ImproperlyConfigured

__all__ = ["check_count", "check_seconds", "check_timeout"]


def check_count(what: str, number: Any, *, least: int) -> int:
    """`number`, if it is an int and not less than `least`."""
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ImproperlyConfigured(f"{what} is an int, {least} or more, not {number!r}")
    return number


def check_seconds(what: str, seconds: Any, *, finite: bool = False) -> float:
    """`seconds` as a float, if it is a number of them, more than 0; `math.inf`, which is no limit, unless `finite`."""
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not seconds > 0 or (finite and seconds == math.inf):
        wanted = "a number of seconds above 0" + (" and finite" if finite else "")
        raise ImproperlyConfigured(f"{what} is {wanted}, got {seconds!r}")
    return float(seconds)


def check_timeout(what: str, seconds: Any) -> float | None:
    """The same, or None: no limit."""
    return None if seconds is None else check_seconds(what, seconds)
