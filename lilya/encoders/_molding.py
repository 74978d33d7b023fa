"""From JSON values to objects: the way back through the encoders."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from lilya.encoders._defaults import ENCODER_TYPES, FieldsEncoder
from lilya.encoders._registry import MoldingProtocol

__all__ = ["apply_structure"]

_ROWS = frozenset({list, set, frozenset, deque, Sequence, Collection, Iterable})
_MAPPINGS = frozenset({dict, Mapping, MutableMapping})


def apply_structure(structure: Any, value: Any, *, with_encoders: Iterable[Any] | None = None) -> Any:
    """An object of the type `structure` made of a JSON value: the inverse of `json_encode`.

    `structure` is a class that an encoder makes (the newest that does; `with_encoders` go before all others), or an
    annotation over such: `list[T]`, `set[T]`, `tuple[T, ...]`, `dict[K, T]`, `T | None`, `Annotated[T, ...]`. The
    fields of dataclasses, attrs classes and named tuples are made likewise. A value that has the type already is
    returned as it is, and so is, unchecked, one for a `structure` that no encoder makes, such as `int`.

    Raises `ValueError` where no such object can be made of `value`; its notes (`__notes__`) say where in `value`, the
    innermost place first.
    """
    with ENCODER_TYPES.preceded_by(with_encoders):
        try:
            return _mold(structure, value)
        except RecursionError:
            raise ValueError("The value is nested too deeply.") from None


def _mold(structure: Any, value: Any) -> Any:
    encoder = ENCODER_TYPES.find_molding(structure)
    if encoder is not None:
        return _made_by(encoder, structure, value)
    origin, arguments = get_origin(structure), get_args(structure)
    if origin is None:
        return value
    if origin is Annotated:
        return _mold(arguments[0], value)
    if origin is Union or origin is UnionType:
        return _mold_union(arguments, value)
    if origin in _MAPPINGS:
        return _mold_mapping(structure, value, *arguments)
    if origin in _ROWS:
        return _mold(origin, _mold_row(structure, value, arguments[0]))
    if origin is tuple:
        return tuple(_mold_tuple(structure, value, arguments))
    return _mold(origin, value)


def _mold_part(structure: Any, value: Any, place: str) -> Any:
    try:
        return _mold(structure, value)
    except ValueError as error:
        error.add_note(place)
        raise


def _made_by(encoder: MoldingProtocol, structure: Any, value: Any) -> Any:
    if _is_one(value, structure):
        return value
    try:
        if isinstance(encoder, FieldsEncoder):
            return encoder.mold(structure, value, _mold_part)
        return encoder.encode(structure, value)
    except (TypeError, ArithmeticError) as error:  # ArithmeticError: timedelta's overflow, Decimal's syntax
        name = getattr(structure, "__name__", structure)
        raise ValueError(f"No {name} can be made of {type(value).__name__}: {error}") from error


def _is_one(value: Any, structure: Any) -> bool:
    """Whether a value is of that type already. True is no number, though Python counts it among them."""
    if not isinstance(structure, type) or not isinstance(value, structure):
        return False
    return structure is not int or not isinstance(value, bool)


def _mold_union(members: tuple[Any, ...], value: Any) -> Any:
    """The first member that makes something of the value; the value itself if it fits one already. Text fits last."""
    fits_as_text = False
    for member in members:
        if _is_one(value, member):
            if member is not str:
                return value
            fits_as_text = True
    failure: ValueError | None = None
    for member in members:
        if member is NoneType:
            continue
        try:
            made = _mold(member, value)
        except ValueError as error:
            failure = failure or error
        else:
            if made is not value:
                return made
    if failure is not None and not fits_as_text:
        raise failure
    return value


def _mold_mapping(structure: Any, value: Any, keys: Any, values: Any) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"Wanted an object for {structure}, got {type(value).__name__}.")
    return {
        _mold_part(keys, key, f"in the key {key!r}"): _mold_part(values, each, f"in [{key!r}]")
        for key, each in value.items()
    }


def _row(structure: Any, value: Any) -> Collection[Any]:
    if not isinstance(value, list | tuple | set | frozenset | deque):
        raise ValueError(f"Wanted an array for {structure}, got {type(value).__name__}.")
    return value


def _mold_row(structure: Any, value: Any, part: Any) -> list[Any]:
    return [_mold_part(part, each, f"in [{index}]") for index, each in enumerate(_row(structure, value))]


def _mold_tuple(structure: Any, value: Any, parts: tuple[Any, ...]) -> list[Any]:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return _mold_row(structure, value, parts[0])
    row = _row(structure, value)
    if len(row) != len(parts):
        raise ValueError(f"Wanted {len(parts)} values for {structure}, got {len(row)}.")
    pairs = zip(parts, row, strict=True)
    return [_mold_part(part, each, f"in [{index}]") for index, (part, each) in enumerate(pairs)]
