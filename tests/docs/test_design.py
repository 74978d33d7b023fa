"""The design pages: what they show of the code is what the code says."""

from __future__ import annotations

import inspect
import logging
import re
from importlib import import_module
from typing import Any

import anyio.to_thread
import pytest

from lilya.concurrency import thread_limits
from tests.docs.pages import ROOT, read, rows
from tests.docs.refresh import PAGE, render
from tests.house.test_floors import FLOORS

BOUNDS = "docs/design/back-pressure.md"
UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


def test_the_protocol_tables_are_drawn_from_the_tables_of_the_code() -> None:
    assert read(PAGE) == render(), "python -m tests.docs.refresh"


def value_of(name: str) -> Any:
    """A constant by its dotted name, or the default of a parameter: `module.name(parameter)`."""
    path, _, parameter = name.partition("(")
    module, _, attribute = path.rpartition(".")
    value = getattr(import_module(module), attribute)
    if not parameter:
        return value
    found = inspect.signature(value).parameters[parameter.rstrip(")")].default
    assert found is not inspect.Parameter.empty
    return found


BOUND_ROWS = [row for heading in ("Bytes", "Numbers", "Seconds") for row in rows(BOUNDS, heading)]


@pytest.mark.parametrize("row", BOUND_ROWS, ids=lambda row: row[0])
def test_every_bound_has_the_value_of_the_code_and_a_reason(row: list[str]) -> None:
    what, bound, where, why = row
    assert why
    if where == "-":
        return
    numbers = [float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+) ?([KM]iB)?", bound)]
    if where == "`anyio.to_thread.current_default_thread_limiter`":
        return
    value = value_of(where.strip("`"))
    assert numbers == (list(value) if isinstance(value, tuple) else [value]), what


async def test_the_limits_of_threads_are_as_the_page_says() -> None:
    limits = thread_limits()
    assert limits.handlers is anyio.to_thread.current_default_thread_limiter()
    assert [limits.handlers.total_tokens, limits.files.total_tokens] == [40, 16]
    assert limits.cleanup.total_tokens == float("inf")


def test_the_rooms_of_the_page_are_those_of_the_floors() -> None:
    said = {
        int(number): set(re.findall(r"`(\w+)`", rooms))
        for number, _, rooms in rows("docs/design/house.md", "The house")
    }
    assert said == {number: set(rooms) - {"", "__main__"} for number, (_, rooms) in FLOORS.items()}, (
        "docs/design/house.md and FLOORS in tests/house/test_floors.py name different rooms"
    )


def test_the_loggers_of_the_page_exist() -> None:
    named = set(re.findall(r"`(lilya\.\w+)`", " ".join(row[0] for row in rows("docs/design/errors.md", "Who logs"))))
    assert len(named) > 3
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lilya").rglob("*.py"))
    assert named <= set(re.findall(r'getLogger\("([\w.]+)"\)', source))
    assert all(logging.getLogger(name).handlers == [] for name in named)
