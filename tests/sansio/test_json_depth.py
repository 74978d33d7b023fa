"""JSON that is nested too deeply is refused before anything runs out of stack; brackets in strings are none."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lilya._sansio.json import MAX_DEPTH, parse_json


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_as_deep_as_allowed_is_read_and_one_more_is_not() -> None:
    assert parse_json(nested(MAX_DEPTH)) is not None
    for text in (nested(MAX_DEPTH + 1), '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "[" * 100_000):
        with pytest.raises(ValueError, match="too deeply nested"):
            parse_json(text)


@pytest.mark.parametrize(
    "value",
    ["[" * 10_000, "]" * 10_000 + "[" * 10_000, '\\"[' * 10_000, [{"a": [1]}] * 10_000, ["{[" * 300, [nested(300)]]],
    ids=["in a string", "closed first", "escaped", "many and flat", "both"],
)
def test_brackets_in_strings_and_many_beside_each_other_are_not_deep(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


def test_what_strings_hide_is_refused_all_the_same() -> None:
    with pytest.raises(ValueError, match="too deeply nested"):
        parse_json('["]",' * 100_000)


def test_looking_costs_less_than_reading() -> None:
    text = json.dumps([{"id": n, "name": "a name", "tags": ["a", "b"]} for n in range(20_000)])
    found: dict[Any, list[float]] = {parse_json: [], json.loads: []}
    for _ in range(9):  # in turns: what slows the machine down slows both of them down
        for call, times in found.items():
            begin = time.thread_time()
            call(text)
            times.append(time.thread_time() - begin)
    assert min(found[parse_json]) < 2 * min(found[json.loads])
