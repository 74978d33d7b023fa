"""From types to schemas: every kind of class that encoders write, each as they write it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Required, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest

from lilya.contrib.openapi._schema import Schemas

T = TypeVar("T")
UserId = NewType("UserId", int)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """How loud."""

    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: float


class Options(TypedDict):
    name: str
    size: NotRequired[int]


@dataclass
class Item:
    """A thing for sale."""

    id: UserId
    color: Color = Color.RED
    tags: list[str] = field(default_factory=list)
    parent: Item | None = None
    kept: int = field(default=0, init=False)


@dataclass
class Page(Generic[T]):
    items: list[T]
    first: T | None = None


@attrs.define
class Made:
    x: int
    _y: str = "a"
    z: list[int] = attrs.Factory(list)


class Struct(msgspec.Struct, rename="camel"):
    some_name: int
    next_one: Struct | None = None


class Model(pydantic.BaseModel):
    size: Annotated[int, pydantic.Field(gt=0)]
    children: list[Model] = []

    @pydantic.computed_field
    def double(self) -> int:
        return self.size * 2


class Parent(pydantic.BaseModel):
    model: Model


class Secretive:
    pass


def of(wanted: Any) -> Any:
    return Schemas().of(wanted)


@pytest.mark.parametrize(
    ("wanted", "schema"),
    [
        (int, {"type": "integer"}),
        (bool, {"type": "boolean"}),
        (float, {"type": "number"}),
        (str, {"type": "string"}),
        (bytes, {"type": "string", "contentEncoding": "base64"}),
        (None, {"type": "null"}),
        (Any, {}),
        ("Missing", {}),
        (Secretive, {}),
        (T, {}),
        (UserId, {"type": "integer"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (date, {"type": "string", "format": "date"}),
        (timedelta, {"type": "number", "description": "seconds"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (Decimal, {"type": "string", "format": "decimal"}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1], {"type": "integer", "const": 1}),
        (Literal[1, "a"], {"enum": [1, "a"]}),
        (Literal[Color.RED], {"type": "string", "const": "red"}),
    ],
)
def test_a_type_without_fields_is_written_where_it_stands(wanted: Any, schema: Any) -> None:
    assert of(wanted) == schema


def test_a_fixed_tuple_has_its_parts_in_order() -> None:
    assert of(tuple[int, str]) == {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "minItems": 2,
        "maxItems": 2,
    }


def test_notes_of_annotated_are_constraints() -> None:
    assert of(Annotated[int, pydantic.Field(gt=0, le=9, description="How many")]) == {
        "type": "integer",
        "exclusiveMinimum": 0,
        "maximum": 9,
        "description": "How many",
    }
    assert of(Annotated[str, msgspec.Meta(min_length=1, pattern="^a")]) == {
        "type": "string",
        "minLength": 1,
        "pattern": "^a",
    }
    assert of(Annotated[list[int], msgspec.Meta(max_length=3)])["maxItems"] == 3
    assert of(Annotated[int, "a word"]) == {"type": "integer"}


def component(wanted: Any) -> tuple[str, dict[str, Any], Schemas]:
    schemas = Schemas()
    name = schemas.of(wanted)["$ref"].rpartition("/")[2]
    return name, schemas.components[name], schemas


def test_a_dataclass_is_a_component_that_may_refer_to_itself() -> None:
    name, schema, schemas = component(Item)
    assert name == "Item"
    assert schema == {
        "type": "object",
        "title": "Item",
        "description": "A thing for sale.",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer"},
            "color": {"$ref": "#/components/schemas/Color", "default": "red"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Item"}, {"type": "null"}]},
        },
    }
    assert schemas.components["Color"] == {"type": "string", "enum": ["red", "blue"], "title": "Color"}


def test_a_generic_dataclass_is_a_component_for_what_it_holds() -> None:
    name, schema, schemas = component(Page[Item])
    assert name == "Page_Item"
    assert schema["properties"]["items"] == {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    assert schema["properties"]["first"]["anyOf"][0] == {"$ref": "#/components/schemas/Item"}
    assert schemas.of(Page[int]) == {"$ref": "#/components/schemas/Page_int"}


def test_other_classes_with_fields_are_components_too() -> None:
    _, made, _ = component(Made)
    assert made["required"] == ["x"]
    assert made["properties"]["y"] == {"type": "string", "default": "a"}
    _, options, _ = component(Options)
    assert (options["required"], set(options["properties"])) == (["name"], {"name", "size"})
    assert options["properties"]["size"] == {"type": "integer"}
    _, point, _ = component(Point)
    assert (point["type"], [each["type"] for each in point["prefixItems"]]) == ("array", ["integer", "number"])
    _, level, _ = component(Level)
    assert (level["enum"], level["description"]) == ([1, 2], "How loud.")


def test_structs_and_models_describe_themselves() -> None:
    _, struct, _ = component(Struct)
    assert set(struct["properties"]) == {"someName", "nextOne"}
    _, parent, schemas = component(Parent)
    assert parent["properties"]["model"] == {"$ref": "#/components/schemas/Model"}
    assert schemas.components["Model"]["properties"]["size"]["exclusiveMinimum"] == 0
    assert schemas.of(Parent) == {"$ref": "#/components/schemas/Parent"}
    assert "$defs" not in json.dumps(schemas.components)


def test_what_a_model_answers_with_is_another_component_where_it_differs() -> None:
    schemas = Schemas()
    schemas.of(Parent)
    assert schemas.of(Model, output=True) == {"$ref": "#/components/schemas/ModelOutput"}
    assert "double" in schemas.components["ModelOutput"]["properties"]
    assert "double" not in schemas.components["Model"]["properties"]
    assert schemas.of(Parent, output=True) == {"$ref": "#/components/schemas/ParentOutput"}
    assert schemas.components["ParentOutput"]["properties"]["model"] == {"$ref": "#/components/schemas/ModelOutput"}


class Sized(TypedDict, total=False):
    name: Required[str]
    size: int


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    weight: int = 1

    @pydantic.computed_field
    def heavy(self) -> bool:
        return self.weight > 20


class Pets(pydantic.BaseModel):
    pets: list[Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]]


def test_what_is_said_of_the_keys_of_a_typed_dict_goes_before_what_is_said_of_all() -> None:
    _, schema, _ = component(Sized)
    assert schema["required"] == ["name"]
    assert schema["properties"]["name"] == {"type": "string"}


def test_a_discriminator_leads_to_the_components_it_means() -> None:
    schemas = Schemas()
    schemas.of(Dog)
    schemas.of(Pets, output=True)
    mapping = schemas.components["Pets"]["properties"]["pets"]["items"]["discriminator"]["mapping"]
    assert mapping == {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/DogOutput"}


def test_three_classes_of_one_name_are_three_components() -> None:
    def made(number: int) -> Any:
        return attrs.make_class("Same", {f"a{number}": attrs.field(type=int)})

    def struct(number: int) -> Any:
        return msgspec.defstruct("Same", [(f"s{number}", int)])

    schemas = Schemas()
    references = {schemas.of(kind)["$ref"] for kind in (made(1), made(2), made(3), struct(1), struct(2))}
    assert len(references) == len(schemas.components) == 5


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` is a syntax error before Python 3.12")
def test_an_alias_is_what_it_stands_for() -> None:
    names: dict[str, Any] = {}
    exec("type Ids = list[int]", names)
    assert of(names["Ids"]) == {"type": "array", "items": {"type": "integer"}}


def test_two_classes_of_one_name_are_two_components() -> None:
    @dataclass
    class Item:
        other: int

    schemas = Schemas()
    first, second = schemas.of(globals()["Item"])["$ref"], schemas.of(Item)["$ref"]
    assert first != second
    assert set(schemas.components[second.rpartition("/")[2]]["properties"]) == {"other"}
    assert schemas.of(Item)["$ref"] == second


def test_a_default_that_json_cannot_say_is_not_said() -> None:
    @dataclass
    class Odd:
        a: Any = field(default=object())

    _, schema, _ = component(Odd)
    assert schema["properties"] == {"a": {}}


def test_a_field_that_cannot_be_resolved_is_anything() -> None:
    @dataclass
    class Broken:
        a: Missing  # type: ignore[name-defined]  # noqa: F821

    _, schema, _ = component(Broken)
    assert schema["properties"] == {"a": {}}
