"""`apply_structure` over annotations; single types are in `test_defaults`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.encoders import Encoder, apply_structure, json_encode

T = TypeVar("T")
DAY, TEXT = date(2024, 2, 29), "2024-02-29"


@dataclass
class Item:
    sku: str
    day: date | None = None


@dataclass
class Order:
    items: list[Item]
    notes: dict[str, Item] = field(default_factory=dict)
    inner: Order | None = None


@dataclass
class Page(Generic[T]):
    rows: list[T]


class Celsius:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


class CelsiusEncoder(Encoder):
    __type__ = Celsius

    def serialize(self, obj: Celsius) -> float:
        return obj.degrees

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(value)


@pytest.mark.parametrize(
    ("structure", "value", "expected"),
    [
        (int, "5", "5"),
        (Any, TEXT, TEXT),
        (Literal["a"], "b", "b"),
        (Annotated[date, "when"], TEXT, DAY),
        (list[date], [TEXT, DAY], [DAY, DAY]),
        (list[int], [1], [1]),
        (Sequence[date], (TEXT,), [DAY]),
        (set[date], [TEXT, TEXT], {DAY}),
        (frozenset[date], [TEXT], frozenset({DAY})),
        (deque[date], [TEXT], deque([DAY])),
        (tuple[date, ...], [TEXT, TEXT], (DAY, DAY)),
        (tuple[int, date], [1, TEXT], (1, DAY)),
        (dict[str, date], {"a": TEXT}, {"a": DAY}),
        (Mapping[date, Any], {TEXT: 1}, {DAY: 1}),
        (Optional[date], TEXT, DAY),  # noqa: UP045
        (date | None, None, None),
        (date | str, TEXT, DAY),
        (str | date, TEXT, DAY),
        (date | str, "text", "text"),
        (int | str, "5", "5"),
        (Union[int, Item], {"sku": "a"}, Item("a")),  # noqa: UP007
        (list[Item] | Item, {"sku": "a"}, Item("a")),
        (list[Item] | Item | None, [{"sku": "a"}], [Item("a")]),
        (Item | dict[str, Any], Item("a"), Item("a")),
        (int | None, 5, 5),
        (Page[int], {"rows": [1]}, Page([1])),
        (type[int], int, int),
    ],
)
def test_a_value_is_made_to_fit_the_annotation(structure: Any, value: Any, expected: Any) -> None:
    made = apply_structure(structure, value)
    assert made == expected
    assert type(made) is type(expected)


def test_fields_are_made_at_every_depth() -> None:
    order = Order([Item("a", DAY)], {"x": Item("b")}, Order([]))
    assert apply_structure(Order, json_encode(order)) == order


@given(st.builds(Order, st.lists(st.builds(Item, st.text(), st.none() | st.dates())), st.just({}), st.none()))
def test_what_was_encoded_comes_back(order: Order) -> None:
    assert apply_structure(Order, json_encode(order)) == order


def test_encoders_of_one_call_go_first_and_are_forgotten() -> None:
    assert apply_structure(list[Celsius], [5], with_encoders=[CelsiusEncoder])[0].degrees == 5
    assert apply_structure(Celsius, 5) == 5


@pytest.mark.parametrize(
    ("structure", "value", "message", "notes"),
    [
        (Order, {"items": [{"sku": "a"}, {}]}, "No Item can be made of dict: .*'sku'", ["in [1]", "in Order.items"]),
        (Order, {"items": {"sku": "a"}}, "Wanted an array for .*Item.*, got dict", ["in Order.items"]),
        (Order, {"items": [], "notes": {"x": 1}}, "made of an object, not of int", ["in ['x']", "in Order.notes"]),
        (Order, {"items": [], "notes": []}, "Wanted an object for .*, got list", ["in Order.notes"]),
        (list[date], ["x"], "Invalid isoformat", ["in [0]"]),
        (dict[UUID, int], {"x": 1}, "badly formed", ["in the key 'x'"]),
        (tuple[int, date], [1], "Wanted 2 values", []),
        (tuple[int, date], [1, "x"], "Invalid isoformat", ["in [1]"]),
        (tuple[date, ...], "text", "Wanted an array", []),
        (date | UUID | None, "x", "Invalid isoformat", []),
    ],
)
def test_what_does_not_fit_is_a_value_error_that_says_where(
    structure: Any, value: Any, message: str, notes: list[str]
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        apply_structure(structure, value)
    assert getattr(caught.value, "__notes__", []) == notes


def test_a_value_nested_too_deeply_is_a_value_error() -> None:
    value: dict[str, Any] = {"items": []}
    for _ in range(5_000):
        value = {"items": [], "inner": value}
    with pytest.raises(ValueError, match="nested too deeply"):
        apply_structure(Order, value)
