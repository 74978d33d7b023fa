"""The default encoders: what each kind of object becomes, and back."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest

from lilya.encoders import (
    ENCODER_TYPES,
    DataclassEncoder,
    Encoder,
    StructEncoder,
    apply_structure,
    json_bytes,
    json_encode,
)

A_UUID = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Name(StrEnum):
    ANN = "ann"


class Spot(Enum):
    HERE = PurePosixPath("/here")


class Point(NamedTuple):
    x: int
    at: date | None = None


Pair = namedtuple("Pair", ["left", "right"])


@dataclass
class Item:
    sku: UUID
    tags: set[str] = field(default_factory=set)
    total: int = field(init=False, default=9)


@dataclass(slots=True, frozen=True)
class Order:
    items: list[Item]
    colour: Colour = Colour.RED
    parent: Order | None = None


@attrs.define
class Crate:
    label: str
    _weight: Decimal = Decimal(1)
    seal: int = attrs.field(init=False, default=4)


class Model:
    """Has a `model_dump`, as older and foreign models do."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def model_dump(self) -> dict[str, Any]:
        return self.values


class PydanticLike(Model):
    def model_dump(self, *, mode: str = "python", fallback: Any = None, **others: Any) -> dict[str, Any]:
        return {"mode": mode, "inner": fallback(self.values["inner"])}

    @classmethod
    def model_validate(cls, value: Any) -> PydanticLike:
        return cls(inner=value["inner"])


def count_to(number: int) -> Iterator[int]:
    yield from range(number)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Item(A_UUID, {"a"}), {"sku": str(A_UUID), "tags": ["a"], "total": 9}),
        (Order([]), {"items": [], "colour": "red", "parent": None}),
        (Crate("x", Decimal("1.10")), {"label": "x", "_weight": "1.10", "seal": 4}),
        (Point(1), [1, None]),
        (Pair(1, {2}), [1, [2]]),
        (Model(at=date(2024, 2, 29)), {"at": "2024-02-29"}),
        (PydanticLike(inner=Decimal("1.0")), {"mode": "json", "inner": "1.0"}),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Name.ANN, "ann"),
        (Spot.HERE, "/here"),
        (PurePosixPath("/a/b"), "/a/b"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 1, 2, 3, 4), "2024-02-29T01:02:03.000004"),
        (datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29T00:00:00+00:00"),
        (time(23, 59), "23:59:00"),
        (timedelta(minutes=1, milliseconds=500), 60.5),
        (A_UUID, str(A_UUID)),
        (Decimal("0.10000000000000000000001"), "0.10000000000000000000001"),
        (b"\xff\x00", "/wA="),
        (bytearray(b"a"), "YQ=="),
        (memoryview(b"a"), "YQ=="),
        ({1}, [1]),
        (frozenset({1}), [1]),
        ((1, (2,)), [1, [2]]),
        (deque([1, 2]), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [["a", 1]]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[]), {"a": []}),
        ({Name.ANN: 1, 2: 3, None: 4, True: 5}, {"ann": 1, "2": 3, "null": 4, "true": 5}),
        (None, None),
        ("text", "text"),
        ("", ""),
    ],
    ids=repr,
)
def test_an_object_becomes_its_json(value: Any, expected: Any) -> None:
    assert json_encode(value) == expected
    assert json.loads(json_bytes([{"nested": value}])) == [{"nested": expected}]


def test_a_generator_is_read_to_its_end() -> None:
    assert json_encode({"numbers": count_to(3)}) == {"numbers": [0, 1, 2]}


def test_a_named_tuple_is_an_array_to_an_encoder_too() -> None:
    encoder = ENCODER_TYPES.find(Point(1))
    assert encoder is not None
    assert encoder.serialize(Point(1)) == [1, None]


def test_a_model_goes_by_its_own_rules_even_where_it_is_a_dataclass() -> None:
    @dataclass
    class Both:
        secret: str

        def model_dump(self) -> dict[str, str]:
            return {"secret": "***"}

    assert json_encode(Both("x")) == {"secret": "***"}


def test_the_class_of_a_model_is_no_model() -> None:
    with pytest.raises(ValueError, match="Object of type 'type' is not JSON serializable"):
        json_encode(Model)


def test_a_registered_encoder_goes_before_a_default_one_for_nested_values() -> None:
    class Ordinal(Encoder):
        __type__ = date

        def serialize(self, obj: date) -> int:
            return obj.toordinal()

    assert json_encode(Point(1, date(1, 1, 2)), with_encoders=[Ordinal]) == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        Item(A_UUID, {"a", "b"}),
        Order([Item(A_UUID)], parent=Order([])),
        Crate("x", Decimal("1.10")),
        Point(1, date(2024, 2, 29)),
        Pair(1, 2),
        Colour.RED,
        Level.HIGH,
        PurePosixPath("/a"),
        date(2024, 2, 29),
        datetime(2024, 2, 29, tzinfo=UTC),
        time(1, 2, 3),
        timedelta(seconds=1.5),
        A_UUID,
        Decimal("1.10"),
        b"\xff",
        bytearray(b"\xff"),
        memoryview(b"\xff"),
        {1, 2},
        frozenset({1}),
        (1, 2),
        deque([1]),
    ],
    ids=repr,
)
def test_what_was_encoded_can_be_made_again(value: Any) -> None:
    structure = type(value)
    assert apply_structure(structure, json_encode(value)) == value
    assert apply_structure(structure, value) is value


@pytest.mark.parametrize(
    ("structure", "value"),
    [
        (Item, []),
        (Item, {}),
        (Item, {"sku": str(A_UUID), "unknown": 1}),
        (Crate, {"label": "x", "unknown": 1}),
        (Point, [1, None, 3]),
        (Point, []),
        (Point, "ab"),
        (Model, [1]),
        (Colour, "green"),
        (date, "yesterday"),
        (date, 5),
        (time, "25:00"),
        (timedelta, "1"),
        (timedelta, 1e300),
        (timedelta, float("nan")),
        (UUID, 5),
        (Decimal, "x"),
        (Decimal, {}),
        (PurePosixPath, 5),
        (bytes, "%%%%"),
        (bytes, 5),
        (bytes, "ünicode"),
        (set, "abc"),
        (set, {"a": 1}),
        (set, [[]]),
        (tuple, 5),
    ],
)
def test_what_cannot_be_made_is_a_value_error(structure: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        apply_structure(structure, value)


def test_an_encoder_alone_makes_an_object_but_not_what_is_in_it() -> None:
    assert DataclassEncoder().encode(Item, {"sku": "x", "total": 1}) == Item("x")  # type: ignore[arg-type]


def test_a_decimal_is_made_of_the_digits_of_a_number() -> None:
    assert apply_structure(Decimal, 1.1) == Decimal("1.1")


def test_a_moment_in_zulu_time_is_read() -> None:
    assert apply_structure(datetime, "2024-02-29T00:00:00Z") == datetime(2024, 2, 29, tzinfo=UTC)


def test_a_named_tuple_is_made_of_an_object_too() -> None:
    assert apply_structure(Point, {"x": 1, "at": "2024-02-29"}) == Point(1, date(2024, 2, 29))
    assert apply_structure(Point, [1]) == Point(1)


def test_models_are_made_by_validation_or_else_by_keywords() -> None:
    assert apply_structure(PydanticLike, {"inner": 1}).values == {"inner": 1}
    assert apply_structure(Model, {"a": 1}).values == {"a": 1}


def test_a_parameter_that_is_no_field_is_handed_to_the_dataclass() -> None:
    @dataclass
    class Scaled:
        size: int = field(init=False)
        factor: InitVar[int]

        def __post_init__(self, factor: int) -> None:
            self.size = 2 * factor

    assert apply_structure(Scaled, {"factor": 4}).size == 8


def test_fields_whose_types_mean_nothing_here_are_filled_as_they_come() -> None:
    @dataclass
    class Loose:
        at: Nowhere  # type: ignore[name-defined]  # noqa: F821

    assert apply_structure(Loose, {"at": "x"}) == Loose("x")


def test_msgspec_is_not_asked_for_where_it_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "msgspec", raising=False)
    assert not StructEncoder().is_type(object())
    assert not StructEncoder().is_type_structure(object)


def test_structs_are_written_and_made_by_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", FakeMsgspec("msgspec"))
    assert json_encode([FakeStruct(Decimal("1.0"))]) == [{"value": "1.0"}]
    assert apply_structure(FakeStruct, {"value": 1}).value == 1
    assert apply_structure(int, {"value": 1}) == {"value": 1}


class FakeStruct:
    def __init__(self, value: Any) -> None:
        self.value = value


class FakeMsgspec(ModuleType):
    """The three names of msgspec that are used; `test_third_parties` has the real one, where it is installed."""

    Struct = FakeStruct

    @staticmethod
    def to_builtins(obj: FakeStruct, *, str_keys: bool, enc_hook: Any) -> Any:
        assert str_keys
        return {"value": enc_hook(obj.value)}

    @staticmethod
    def convert(value: Any, structure: Any) -> Any:
        return structure(**value)
