"""The arithmetic: quartiles of ratios, and a straight line through points with what tells whether they lie on one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["STEADY", "STRAIGHT", "Line", "Quartiles", "bounds", "fit", "quartiles", "ratios"]

# Of a curve that should not rise: by how much of its mean the line may rise or fall from its first to its last point.
STEADY: Final = 0.3
# Of a straight one: its slope at the end, by that before, lies between this and one by it. A parabola has 3 there where
# the last x is twice the one before, and 6 where it is five times that.
STRAIGHT: Final = 0.6


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Half of all rounds lie between `low` and `high`."""

    low: float
    median: float
    high: float

    def text(self) -> str:
        """`median (low to high)`, of what is small with a digit more."""
        digits = 2 if self.median >= 0.1 else 3
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def quartiles(values: Sequence[float]) -> Quartiles:
    """The three of them; one value is all of its own."""
    if len(values) == 1:
        return Quartiles(values[0], values[0], values[0])
    return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Between what the median of all rounds there could be lies, in 95 of 100 cases: by the ranks of these."""
    ordered = sorted(values)
    away = 0.98 * math.sqrt(len(ordered))  # half of 1.96 standard deviations of a fair coin's count
    low = max(0, math.floor(len(ordered) / 2 - away))
    return ordered[low], ordered[-1 - low]


def ratios(floor: Sequence[float], own: Sequence[float]) -> list[float]:
    """The floor's time by one's own, round by round: 1 is as fast as raw ASGI."""
    return [each / mine for each, mine in zip(floor, own, strict=True)]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line by least squares through points.

    `r2`: the share of the scatter in y that the line explains. `bend`: the slope between the last two points, by that
    of a line through all but the last: 1 on a straight line, more where it bends upwards, less where it flattens.
    `rise`: of the line, from the first x to the last, by the mean of y.
    """

    slope: float
    intercept: float
    r2: float
    bend: float
    rise: float

    @property
    def is_constant(self) -> bool:
        """Whether y does not depend on x."""
        return abs(self.rise) <= STEADY

    @property
    def is_linear(self) -> bool:
        """Whether y grows by the same for each x more."""
        return self.slope > 0 and STRAIGHT <= self.bend <= 1 / STRAIGHT


def fit(x: Sequence[float], y: Sequence[float]) -> Line:
    """The line through three points or more, in the order of x; raises `statistics.StatisticsError` for fewer."""
    slope, intercept = statistics.linear_regression(x, y)
    before = statistics.linear_regression(x[:-1], y[:-1]).slope
    at_the_end = (y[-1] - y[-2]) / (x[-1] - x[-2])
    mean = statistics.fmean(y)
    scatter = sum((each - mean) ** 2 for each in y)
    left = sum((each - slope * at - intercept) ** 2 for at, each in zip(x, y, strict=True))
    return Line(
        slope=slope,
        intercept=intercept,
        r2=1 - left / scatter if scatter else 1.0,
        bend=at_the_end / before if before else 1.0,
        rise=slope * (max(x) - min(x)) / mean if mean else 0.0,
    )
