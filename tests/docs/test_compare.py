"""The page of the comparison: its rows are the situations that are run, and ours are as it says."""

from __future__ import annotations

import pytest

from tests.compare.__main__ import COLUMNS, outcome
from tests.compare.situations import SITUATIONS
from tests.docs.pages import read, rows

PAGE = "docs/compare.md"
HEADING = "What happens when ..."

# Those that take less than a second. The others are promises that `tests/e2e` keeps.
QUICK = ("the client leaves while a `GET` handler waits 3 s", 'a "not found" is raised in a task group')


def test_the_table_has_every_situation_and_every_framework() -> None:
    assert [row[0] for row in rows(PAGE, HEADING)] == list(SITUATIONS)
    frameworks = dict.fromkeys(column.partition(", ")[0] for column in COLUMNS)
    assert f"| | {' | '.join(frameworks)} |\n" in read(PAGE)
    assert all(len(row) == 1 + len(frameworks) for row in rows(PAGE, HEADING))


@pytest.mark.realtime
@pytest.mark.parametrize("situation", QUICK)
def test_what_it_says_of_us_is_so(situation: str) -> None:
    ours = next(row[1] for row in rows(PAGE, HEADING) if row[0] == situation)
    assert outcome("Lilya, `run`", situation) == ours
