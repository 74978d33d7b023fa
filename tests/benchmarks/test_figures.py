"""The arithmetic of the benchmarks: what it says of numbers whose answer is known."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from tests.benchmarks.curves import Curve
from tests.benchmarks.figures import Quartiles, bounds, fit, quartiles, ratios
from tests.benchmarks.report import Report, Table
from tests.benchmarks.served import shares

EVEN = (0, 250, 500, 1000, 2000)
WIDE = (1, 10, 100, 1000, 5000)


def test_half_of_all_values_lie_between_the_quartiles() -> None:
    assert quartiles([5, 1, 4, 2, 3]) == Quartiles(2, 3, 4)


def test_what_is_small_is_shown_with_a_digit_more() -> None:
    assert Quartiles(0.4, 0.5, 0.6).text() == "0.50 (0.40 to 0.60)"
    assert Quartiles(0.004, 0.005, 0.006).text() == "0.005 (0.004 to 0.006)"


def test_one_value_is_all_of_its_quartiles() -> None:
    assert quartiles([0.5]) == Quartiles(0.5, 0.5, 0.5)


def test_the_bounds_of_the_median_are_those_of_its_ranks() -> None:
    assert bounds(range(100)) == (40, 59)
    assert bounds([3, 1, 2]) == (1, 3)


def test_a_ratio_is_that_of_one_round_and_not_of_the_medians() -> None:
    assert ratios([1, 2, 10], [2, 4, 20]) == [0.5, 0.5, 0.5]


def test_rounds_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


def test_a_share_is_what_is_above_the_floor_by_the_whole() -> None:
    assert shares({"raw": [75.0], "lilya": [100.0]}) == [0.25]


@pytest.mark.parametrize("x", [EVEN, WIDE])
def test_points_on_a_line_give_that_line(x: tuple[int, ...]) -> None:
    line = fit(x, [3 * each + 7 for each in x])
    assert line.slope == pytest.approx(3)
    assert line.intercept == pytest.approx(7)
    assert line.r2 == pytest.approx(1)
    assert line.bend == pytest.approx(1)
    assert line.is_linear
    assert not line.is_constant


@pytest.mark.parametrize("x", [EVEN, WIDE, (100, 1000, 10_000)])
def test_a_parabola_is_not_taken_for_a_line(x: tuple[int, ...]) -> None:
    assert not fit(x, [each**2 for each in x]).is_linear


@pytest.mark.parametrize("x", [EVEN, WIDE])
def test_what_flattens_is_not_taken_for_a_line(x: tuple[int, ...]) -> None:
    assert not fit(x, [each**0.5 for each in x]).is_linear


def test_what_falls_is_not_taken_for_a_line_that_grows() -> None:
    assert not fit(EVEN, [-each for each in EVEN]).is_linear


def test_noise_of_a_tenth_does_not_hide_a_line() -> None:
    line = fit(EVEN, [100, 1350 * 1.1, 2600 * 0.9, 5100 * 1.1, 10_100 * 0.95])
    assert line.is_linear
    assert 0.9 < line.r2 < 1


def test_what_moves_by_a_tenth_is_constant_and_what_doubles_is_not() -> None:
    assert fit(EVEN, [10, 10.5, 9.8, 10.2, 10.4]).is_constant
    assert not fit(EVEN, [10, 11, 13, 15, 20]).is_constant


def test_nothing_at_all_is_constant() -> None:
    line = fit(EVEN, [0] * 5)
    assert line.is_constant
    assert not line.is_linear


def test_two_points_are_not_enough_for_a_law() -> None:
    with pytest.raises(statistics.StatisticsError):
        fit([1, 2], [1, 2])


def test_a_curve_says_whether_it_obeys_its_law() -> None:
    linear = Curve("memory", "here", "KiB", "connections", "linear", EVEN, [20.0 * each + 5 for each in EVEN])
    assert linear.holds
    assert linear.growth == "linear: 20 KiB for each, R² 1.000, bend 1.00"
    constant = Curve("wake-ups", "here", "per s", "connections", "constant", EVEN, linear.y)
    assert not constant.holds
    assert constant.growth.startswith("constant: ")


def test_what_is_next_to_nothing_is_constant_whatever_its_share() -> None:
    few = [0.0, 0.0, 0.2, 0.0, 0.6]
    assert not Curve("wake-ups", "here", "per s", "connections", "constant", EVEN, few).holds
    assert Curve("wake-ups", "here", "per s", "connections", "constant", EVEN, few, tolerance=1.0).holds


def test_a_report_writes_the_tables_and_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(tmp_path / "figures.json", tmp_path / "tables.md")
    report.figures["trio"] = {"plaintext": 0.4}
    report.add(Table("Ratios", ["case", "ratio"], [["plaintext", "0.40"], ["JSON", "0.6"]], ["Measured."]))
    assert json.loads((tmp_path / "figures.json").read_text())["trio"] == {"plaintext": 0.4}
    markdown = (tmp_path / "tables.md").read_text()
    assert (
        "### Ratios\n\n| case | ratio |\n| --- | --: |\n| plaintext | 0.40 |\n| JSON | 0.6 |\n\nMeasured.\n" in markdown
    )
    assert "case       ratio\nplaintext   0.40\nJSON         0.6\n\nMeasured." in capsys.readouterr().out


def test_a_table_of_a_document_is_replaced_by_the_one_with_its_title() -> None:
    text = "# A\n\n### Ratios\n\n| old |\n\nOld words.\n\n## B\n\nKept.\n\n### Others\n\n| kept |\n"
    report = Report(tables=[Table("Ratios", ["case"], [["new"]]), Table("Elsewhere", ["case"], [["not in it"]])])
    new = "# A\n\n### Ratios\n\n| case |\n| --- |\n| new |\n\n## B\n\nKept.\n\n### Others\n\n| kept |\n"
    assert report.replaced(text) == new
    assert report.replaced(new) == new
