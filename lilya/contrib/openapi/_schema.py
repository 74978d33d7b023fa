"""From annotations to schemas: JSON Schema 2020-12, the dialect of OpenAPI 3.1 and 3.2.

A type is described as the encoders write and read it: a `timedelta` is a number of seconds, a named tuple an array.
Classes with fields become components under their name and are referred to. Models of pydantic and structs of msgspec
describe themselves. What nobody can tell is the schema that allows everything.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from types import NoneType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

from lilya._handling.casts import MAPPINGS, ROWS, members
from lilya.datastructures._upload import UploadFile
from lilya.encoders._json import json_encode

__all__ = ["Schema", "Schemas", "plain"]

Schema = dict[str, Any]

REF: Final = "#/components/schemas/"

# In this order: a bool is an int, a datetime is a date.
SCALARS: Final[tuple[tuple[type, Schema], ...]] = (
    (bool, {"type": "boolean"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (str, {"type": "string"}),
    (bytes, {"type": "string", "contentEncoding": "base64"}),
    (datetime, {"type": "string", "format": "date-time"}),
    (date, {"type": "string", "format": "date"}),
    (time, {"type": "string", "format": "time"}),
    (timedelta, {"type": "number", "description": "seconds"}),
    (UUID, {"type": "string", "format": "uuid"}),
    (Decimal, {"type": "string", "format": "decimal"}),
    (IPv4Address, {"type": "string", "format": "ipv4"}),
    (IPv6Address, {"type": "string", "format": "ipv6"}),
    (PurePath, {"type": "string"}),
    (UploadFile, {"type": "string", "contentMediaType": "application/octet-stream"}),
)

# What is written in `Annotated` by attributes of these names (annotated-types, pydantic's Field, msgspec's Meta).
CONSTRAINTS: Final[Mapping[str, str]] = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "title": "title",
    "description": "description",
}


class Field(NamedTuple):
    """One field of a class: its name in JSON, its type, and what it is where nobody gives it (MISSING: it must be)."""

    name: str
    wanted: Any
    default: Any


class Schemas:
    """The schemas of one document. `components` are those of classes, by name."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._names: dict[Any, str] = {}

    def of(self, wanted: Any, *, output: bool = False) -> Schema:
        """The schema of an annotation; of what an answer holds, with `output`, which pydantic tells apart."""
        if wanted is None or wanted is NoneType:
            return {"type": "null"}
        if wanted in (Any, object, inspect.Parameter.empty) or isinstance(wanted, str):
            return {}
        if get_origin(wanted) is Annotated:
            return self._annotated(wanted, output)
        if get_origin(wanted) in (Required, NotRequired):
            return self.of(get_args(wanted)[0], output=output)
        if isinstance(wanted, TypeVar):
            return self.of(wanted.__bound__ or Any, output=output)
        if isinstance(wanted, NewType):
            return self.of(wanted.__supertype__, output=output)
        if type(wanted).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
            return self.of(wanted.__value__, output=output)
        choices = members(wanted)
        if len(choices) > 1:
            return {"anyOf": [self.of(each, output=output) for each in choices]}
        origin = get_origin(wanted) or wanted
        if origin is Literal:
            return _enumerated([each.value if isinstance(each, Enum) else each for each in get_args(wanted)])
        if origin in ROWS:
            return self._row(origin, get_args(wanted), output)
        if origin in MAPPINGS:
            parts = get_args(wanted)
            inside = self.of(parts[1], output=output) if len(parts) == 2 else {}
            return {"type": "object", **({"additionalProperties": inside} if inside else {})}
        return self._class(wanted, origin, output) if isinstance(origin, type) else {}

    def _annotated(self, wanted: Any, output: bool) -> Schema:
        base, *notes = get_args(wanted)
        schema = self.of(base, output=output)
        said: Schema = {}
        for note in notes:
            for each in (note, *(getattr(note, "metadata", None) or ())):
                said |= _said(each, schema)
        return {**schema, **said}

    def _row(self, origin: Any, parts: tuple[Any, ...], output: bool) -> Schema:
        schema: Schema = {"type": "array"}
        if origin is tuple and parts and parts[-1] is not Ellipsis:
            prefix = [self.of(each, output=output) for each in parts]
            return {**schema, "prefixItems": prefix, "minItems": len(prefix), "maxItems": len(prefix)}
        inside = self.of(parts[0], output=output) if parts else {}
        if inside:
            schema["items"] = inside
        return {**schema, "uniqueItems": True} if origin in (set, frozenset) else schema

    def _class(self, wanted: Any, origin: type, output: bool) -> Schema:
        if issubclass(origin, Enum):
            return self._component(wanted, lambda: _documented(_enumerated([each.value for each in origin]), origin))
        if hasattr(origin, "model_json_schema"):
            return self._pydantic(wanted, origin, output)
        if hasattr(origin, "__struct_fields__"):
            return self._struct(wanted)
        found = fields_of(origin)
        if found is not None:
            parameters = dict(zip(getattr(origin, "__parameters__", ()), get_args(wanted), strict=False))
            if issubclass(origin, tuple):
                return self._component(wanted, lambda: self._row(tuple, tuple(each.wanted for each in found), output))
            return self._component(wanted, lambda: self._object(origin, found, parameters, output))
        return next((dict(schema) for kind, schema in SCALARS if issubclass(origin, kind)), {})

    def _object(self, origin: type, found: list[Field], parameters: Mapping[Any, Any], output: bool) -> Schema:
        properties: Schema = {}
        for each in found:
            said = self.of(_filled(each.wanted, parameters), output=output)
            default = None if each.default is MISSING else plain(each.default)
            properties[each.name] = said if default is None else {**said, "default": default}
        required = [each.name for each in found if each.default is MISSING]
        schema: Schema = {"type": "object", "properties": properties, **({"required": required} if required else {})}
        return _documented(schema, origin)

    # -- components -------------------------------------------------------------------------------------------------

    def _component(self, wanted: Any, make: Callable[[], Schema]) -> Schema:
        """A reference to a class's component; it is made once, and may refer to itself."""
        name = self._names.get(wanted)
        if name is None:
            name = self._names[wanted] = self._free_name(_name_of(wanted), wanted)
            self.components[name] = {}
            self.components[name] = make()
        return {"$ref": REF + name}

    def _free_name(self, name: str, wanted: Any) -> str:
        if name in self.components:
            name = f"{_word(getattr(wanted, '__module__', ''))}_{name}"
        unique, number = name, 2
        while unique in self.components:
            unique, number = f"{name}_{number}", number + 1
        return unique

    def _pydantic(self, wanted: Any, model: Any, output: bool) -> Schema:
        mode = "serialization" if output else "validation"
        return self._adopted((wanted, mode), model.model_json_schema(ref_template=REF + "{model}", mode=mode), model)

    def _struct(self, wanted: Any) -> Schema:
        (schema,), defs = sys.modules["msgspec"].json.schema_components((wanted,), ref_template=REF + "{name}")
        name = schema["$ref"].removeprefix(REF)
        return self._adopted((wanted, ""), {**defs.pop(name), "$defs": defs}, wanted, name)

    def _adopted(self, key: Any, schema: Schema, wanted: Any, name: str = "") -> Schema:
        """What a class says of itself, and of others, as components."""
        if key in self._names:
            return {"$ref": REF + self._names[key]}
        own = name or _name_of(wanted)
        defs = schema.pop("$defs", {})
        given: dict[str, Schema] = {own: schema, **defs}  # one that refers to itself stands among the others
        chosen = self._chosen_names(given, "Output" if key[1] == "serialization" else "")
        for each, said in given.items():
            self.components[chosen[each]] = _renamed(said, chosen)
        self._names[key] = chosen[own]
        return {"$ref": REF + chosen[own]}

    def _chosen_names(self, given: Mapping[str, Schema], suffix: str) -> dict[str, str]:
        """The names of new components: their own, unless it is that of another one.

        What refers to a component that got another name is another one, too, so this goes on until nothing changes.
        """
        chosen = {each: each for each in given}
        tried = dict.fromkeys(given, 0)
        settled = False
        while not settled:
            settled = True
            for each, said in given.items():
                written = _renamed(said, chosen)
                others = {name for key, name in chosen.items() if key != each}
                while chosen[each] in others or self.components.get(chosen[each], written) != written:
                    tried[each] += 1
                    number = "" if tried[each] == 1 and suffix else f"_{tried[each] + (not suffix)}"
                    chosen[each] = f"{each}{suffix}{number}"
                    written = _renamed(said, chosen)
                    settled = False
        return chosen


def fields_of(kind: type) -> list[Field] | None:
    """The fields of a class, None for one that has none that anybody could know."""
    if is_dataclass(kind):
        hints = _hints(kind)
        return [Field(each.name, hints.get(each.name, Any), _default(each)) for each in fields(kind) if each.init]
    if is_typeddict(kind):
        required: frozenset[str] = getattr(kind, "__required_keys__", frozenset())
        # Of an annotation that is a text the class does not know whether it begins with `NotRequired`.
        needed = {name for name, hint in _hints(kind).items() if _is_required(hint, name in required)}
        return [Field(name, hint, MISSING if name in needed else None) for name, hint in _hints(kind).items()]
    if hasattr(kind, "__attrs_attrs__"):
        hints = _hints(kind)
        nothing = sys.modules["attr"].NOTHING
        return [
            Field(each.alias, hints.get(each.name, Any), MISSING if each.default is nothing else _scalar(each.default))
            for each in kind.__attrs_attrs__
            if each.init
        ]
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = _hints(kind)
        return [Field(name, hints.get(name, Any), MISSING) for name in kind._fields]
    return None


def plain(value: Any) -> Any:
    """A value as JSON has it; None where it has none of it."""
    try:
        return json_encode(value)
    except Exception:  # whatever somebody's encoder raises: a default that cannot be written is not written
        return None


def _is_required(hint: Any, usual: bool) -> bool:
    return get_origin(hint) is Required or (usual and get_origin(hint) is not NotRequired)


def _default(field: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    return MISSING if field.default_factory is MISSING else None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | int | float | Enum) else None


def _hints(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except Exception:  # an annotation for type checkers only: its fields are described as anything
        return dict.fromkeys(getattr(kind, "__annotations__", {}), Any)


def _filled(wanted: Any, parameters: Mapping[Any, Any]) -> Any:
    """An annotation of a generic class, with what stands for its parameters."""
    if not parameters:
        return wanted
    if wanted in parameters:
        return parameters[wanted]
    open_ones = getattr(wanted, "__parameters__", ())
    return wanted[tuple(parameters.get(each, each) for each in open_ones)] if open_ones else wanted


def _said(note: Any, schema: Schema) -> Schema:
    """What a note in `Annotated` adds to a schema."""
    if isinstance(note, str | bytes | int | float):
        return {}
    said = {name: getattr(note, each) for each, name in CONSTRAINTS.items() if _is_said(getattr(note, each, None))}
    for attribute, ending in (("min_length", "min"), ("max_length", "max")):
        length = getattr(note, attribute, None)
        if isinstance(length, int):
            said[ending + {"array": "Items", "object": "Properties"}.get(schema.get("type", ""), "Length")] = length
    return said


def _is_said(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _enumerated(values: list[Any]) -> Schema:
    values = [plain(each) for each in values]
    kinds = {type(each) for each in values}
    kind = next((schema["type"] for each, schema in SCALARS[:4] if kinds == {each}), None)
    said: Schema = {} if kind is None else {"type": kind}
    return {**said, "const": values[0]} if len(values) == 1 else {**said, "enum": values}


def _documented(schema: Schema, kind: type) -> Schema:
    """With the class's own docstring, if somebody wrote one: dataclasses and enums get theirs from Python."""
    doc = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    generated = doc.startswith(f"{kind.__name__}(") or doc in (Enum.__doc__, "An enumeration.")
    return {**schema, "title": kind.__name__, **({"description": doc} if doc and not generated else {})}


def _name_of(wanted: Any) -> str:
    """`Page[User]` is called `Page_User`."""
    parts = [_name_of(each) for each in get_args(wanted)]
    name = getattr(get_origin(wanted) or wanted, "__name__", str(wanted))
    return "_".join([_word(name), *parts])


def _word(text: str) -> str:
    """Text as the name of a component, which has letters, digits, dots, hyphens and underscores."""
    return "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in text).strip("_")


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """A schema with its references under the names that were chosen."""
    if isinstance(schema, list):
        return [_renamed(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return dict(_renamed_items(schema, names))


def _renamed_items(schema: Schema, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str) and value.startswith(REF):
            name = value.removeprefix(REF)
            yield key, REF + names.get(name, name)
        elif key == "mapping" and isinstance(value, dict):  # of a discriminator
            yield (
                key,
                {
                    each: REF + names.get(target.removeprefix(REF), target.removeprefix(REF))
                    for each, target in value.items()
                },
            )
        else:
            yield key, _renamed(value, names)
