"""The encoders that are there from the start, and the registry that holds them.

    object                                            JSON
    anything with `model_dump` (pydantic)             what that returns; in JSON mode if it offers one
    msgspec Struct                                    its own JSON form, as msgspec writes it
    dataclass, attrs class                            object of its fields
    Enum                                              its value
    datetime, date, time                              string, ISO 8601
    UUID, PurePath                                    string
    Decimal                                           string: a JSON number would lose digits where it is read
    timedelta                                         number of seconds
    bytes, bytearray, memoryview                      string, base64 (RFC 4648, section 4)
    NamedTuple, tuple, set, frozenset, deque,         array; sets in no particular order
    generator, view of a dict

Pydantic, attrs and msgspec are known by what their objects carry; none of them is imported here.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Mapping, MappingView
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import GeneratorType
from typing import Any, TypeAlias, get_type_hints
from uuid import UUID
from weakref import WeakKeyDictionary

from lilya.encoders._registry import Encoder, EncoderRegistry

__all__ = [
    "ENCODER_TYPES",
    "AttrsEncoder",
    "BytesEncoder",
    "DataclassEncoder",
    "DateEncoder",
    "DecimalEncoder",
    "EnumEncoder",
    "FieldsEncoder",
    "ModelDumpEncoder",
    "NamedTupleEncoder",
    "PurePathEncoder",
    "StructEncoder",
    "StructureEncoder",
    "TimedeltaEncoder",
    "UUIDEncoder",
    "register_encoder",
]

# Makes the value of one field: (its type, what came for it, where that was, for messages).
MoldPart: TypeAlias = Callable[[Any, Any, str], Any]


class ModelDumpEncoder(Encoder):
    """Anything with a method `model_dump`, as pydantic's models have.

    A `model_dump` that names keyword-only `mode` and `fallback`, as pydantic's does, is asked for the model's JSON
    form, with the other encoders to fall back to; any other is called bare. The way back is `model_validate`, or the
    constructor with keywords.
    """

    def is_type(self, value: Any) -> bool:
        return hasattr(type(value), "model_dump")

    def serialize(self, obj: Any) -> Any:
        offered = getattr(obj.model_dump, "__kwdefaults__", None) or ()
        wanted = {"mode": "json", "fallback": ENCODER_TYPES.serialize}
        return obj.model_dump(**{key: value for key, value in wanted.items() if key in offered})

    def is_type_structure(self, structure: Any) -> bool:
        return isinstance(structure, type) and hasattr(structure, "model_dump")

    def encode(self, structure: Any, value: Any) -> Any:
        if hasattr(structure, "model_validate"):
            return structure.model_validate(value)
        return structure(**_as_object(structure, value))


class StructEncoder(Encoder):
    """Structs of msgspec, with their renamed, tagged and omitted fields."""

    def is_type(self, value: Any) -> bool:
        # An instance can only exist where msgspec has been imported.
        msgspec = sys.modules.get("msgspec")
        return msgspec is not None and isinstance(value, msgspec.Struct)

    def serialize(self, obj: Any) -> Any:
        return sys.modules["msgspec"].to_builtins(obj, str_keys=True, enc_hook=ENCODER_TYPES.serialize)

    def is_type_structure(self, structure: Any) -> bool:
        msgspec = sys.modules.get("msgspec")
        return msgspec is not None and isinstance(structure, type) and issubclass(structure, msgspec.Struct)

    def encode(self, structure: Any, value: Any) -> Any:
        return sys.modules["msgspec"].convert(value, structure)


class FieldsEncoder(Encoder):
    """A class whose instances are made of named and typed fields."""

    def __init__(self) -> None:
        # The types of the fields by class: they cost more to find than all the rest. Kept as long as the class lives.
        self._types: WeakKeyDictionary[type[Any], Mapping[str, Any]] = WeakKeyDictionary()

    @abstractmethod
    def parameters(self, structure: type[Any]) -> Mapping[str, str | None]:
        """The fields by name: the parameter of the constructor that takes it, None where it takes no such."""

    def serialize(self, obj: Any) -> Any:
        return {name: getattr(obj, name) for name in self.parameters(type(obj))}

    def encode(self, structure: Any, value: Any) -> Any:
        return self.mold(structure, value, lambda _type, part, _place: part)

    def mold(self, structure: type[Any], value: Any, mold_part: MoldPart) -> Any:
        """A `structure` made of the object `value`, its parts by `mold_part`.

        Raises `ValueError` if `value` is no object, and the constructor's `TypeError` for missing or unknown keys.
        """
        types, parameters = self.types(structure), self.parameters(structure)
        arguments = {}
        for key, part in _as_object(structure, value).items():
            parameter = parameters.get(key, key)
            if parameter is not None:
                arguments[parameter] = mold_part(types.get(key, Any), part, f"in {structure.__name__}.{key}")
        return structure(**arguments)

    def types(self, structure: type[Any]) -> Mapping[str, Any]:
        """The types of the fields; none where an annotation means nothing at run time."""
        types = self._types.get(structure)
        if types is None:
            try:
                types = get_type_hints(structure, include_extras=True)
            except Exception:  # annotations are anybody's code; without types the fields are filled as they come
                types = {}
            self._types[structure] = types
        return types


class DataclassEncoder(FieldsEncoder):
    """Dataclasses: an object of their fields, in order."""

    def is_type(self, value: Any) -> bool:
        return is_dataclass(type(value))

    def is_type_structure(self, structure: Any) -> bool:
        return isinstance(structure, type) and is_dataclass(structure)

    def parameters(self, structure: type[Any]) -> Mapping[str, str | None]:
        return {field.name: field.name if field.init else None for field in fields(structure)}


class AttrsEncoder(FieldsEncoder):
    """Classes made by attrs: an object of their attributes, in order."""

    def is_type(self, value: Any) -> bool:
        return hasattr(type(value), "__attrs_attrs__")

    def is_type_structure(self, structure: Any) -> bool:
        return isinstance(structure, type) and hasattr(structure, "__attrs_attrs__")

    def parameters(self, structure: type[Any]) -> Mapping[str, str | None]:
        attributes: Any = structure
        return {each.name: each.alias if each.init else None for each in attributes.__attrs_attrs__}


class NamedTupleEncoder(FieldsEncoder):
    """Named tuples: an array, as of any tuple. The way back takes an array or an object."""

    def is_type(self, value: Any) -> bool:
        return self.is_type_structure(type(value))

    def serialize(self, obj: Any) -> Any:
        return list(obj)

    def is_type_structure(self, structure: Any) -> bool:
        return isinstance(structure, type) and issubclass(structure, tuple) and hasattr(structure, "_fields")

    def parameters(self, structure: type[Any]) -> Mapping[str, str | None]:
        names: Any = structure
        return {name: name for name in names._fields}

    def mold(self, structure: type[Any], value: Any, mold_part: MoldPart) -> Any:
        if isinstance(value, list | tuple):
            names = tuple(self.parameters(structure))
            if len(value) > len(names):
                raise ValueError(f"{structure.__name__} has {len(names)} fields, got {len(value)} values.")
            value = dict(zip(names, value, strict=False))
        return super().mold(structure, value, mold_part)


class EnumEncoder(Encoder):
    """Members of an enumeration: their value."""

    __type__ = Enum

    def serialize(self, obj: Enum) -> Any:
        return obj.value

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(value)


class DateEncoder(Encoder):
    """Dates, times, or both: ISO 8601. The way back takes `Z` too."""

    __type__ = (date, time)  # a datetime is a date

    def serialize(self, obj: date | time) -> str:
        return obj.isoformat()

    def encode(self, structure: Any, value: Any) -> Any:
        return structure.fromisoformat(value)


class UUIDEncoder(Encoder):
    """UUIDs: the usual form, in lower case (RFC 9562, section 4)."""

    __type__ = UUID

    def serialize(self, obj: UUID) -> str:
        return str(obj)

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(str(value))


class DecimalEncoder(Encoder):
    """Decimals: a string with all their digits. The way back takes numbers too, as they are written."""

    __type__ = Decimal

    def serialize(self, obj: Decimal) -> str:
        return str(obj)

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(str(value))


class TimedeltaEncoder(Encoder):
    """Spans of time: seconds, with a fraction."""

    __type__ = timedelta

    def serialize(self, obj: timedelta) -> float:
        return obj.total_seconds()

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(seconds=value)


class PurePathEncoder(Encoder):
    """Paths: a string, with the separators of their own system."""

    __type__ = PurePath

    def serialize(self, obj: PurePath) -> str:
        return str(obj)

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(value)


class BytesEncoder(Encoder):
    """Bytes: base64 with padding (RFC 4648, section 4)."""

    __type__ = (bytes, bytearray, memoryview)

    def serialize(self, obj: bytes | bytearray | memoryview) -> str:
        return b64encode(obj).decode("ascii")

    def encode(self, structure: Any, value: Any) -> Any:
        return structure(b64decode(value, validate=True))


class StructureEncoder(Encoder):
    """Whatever is a row of things: an array. A generator is read to its end."""

    __type__ = (set, frozenset, tuple, deque, GeneratorType, MappingView)

    def serialize(self, obj: Any) -> list[Any]:
        return list(obj)

    def is_type_structure(self, structure: Any) -> bool:
        return isinstance(structure, type) and issubclass(structure, (set, frozenset, tuple, deque))

    def encode(self, structure: Any, value: Any) -> Any:
        if not isinstance(value, list | tuple | set | frozenset | deque):
            raise ValueError(f"A {structure.__name__} is made of an array, not of {type(value).__name__}.")
        return structure(value)


def _as_object(structure: type[Any], value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"A {structure.__name__} is made of an object, not of {type(value).__name__}.")
    return value


# A model knows itself best, so it is asked before the others, even where it is a dataclass too. The row comes last,
# since a named tuple is one as well.
ENCODER_TYPES = EncoderRegistry(
    (
        ModelDumpEncoder,
        StructEncoder,
        DataclassEncoder,
        AttrsEncoder,
        EnumEncoder,
        DateEncoder,
        UUIDEncoder,
        DecimalEncoder,
        TimedeltaEncoder,
        PurePathEncoder,
        BytesEncoder,
        NamedTupleEncoder,
        StructureEncoder,
    )
)
"""The one registry of encoders."""


def register_encoder(encoder: Any) -> None:
    """Ask `encoder` (a class is instantiated) before all others; one of the same name is replaced.

    It is asked for what `json` cannot write itself, so not for a subclass of str, int, float, dict, list or tuple.
    Raises `RuntimeError` for what is no encoder.
    """
    ENCODER_TYPES.register(encoder)
