"""From the text of a query string, a header, a cookie or a form field to a value of a wanted type.

What is wanted is read once, when the application is built, and becomes a function. Text is taken as people write it: a
`bool` is true, 1, yes, on, t, or false, 0, no, off, f, in any case; NaN and the infinities are no numbers, since JSON
has none to answer with; a `dict` is an object in JSON. The members of a union are tried in their order, text last. What
is none of these is made by an encoder that is registered for it (dates, UUIDs, enums...), else by calling it with the
text.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from lilya._sansio.json import parse_json
from lilya.encoders._defaults import ENCODER_TYPES
from lilya.encoders._molding import apply_structure
from lilya.exceptions import ImproperlyConfigured

__all__ = ["ROWS", "Cast", "cast_to", "members", "scalar"]

TRUE: Final = frozenset({"true", "1", "yes", "on", "t"})
FALSE: Final = frozenset({"false", "0", "no", "off", "f"})
ROWS: Final[Mapping[Any, Callable[[list[Any]], Any]]] = {
    list: list,
    Sequence: list,
    Collection: list,
    Iterable: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    deque: deque,
}
SCALARS: Final = (bool, int, float, str, bytes)
MAPPINGS: Final = frozenset({dict, Mapping})


class Cast(NamedTuple):
    """What is wanted, in words, and what makes it of the texts a request has under one key.

    `read` raises `ValueError`, `TypeError` or `ArithmeticError` where that cannot be.
    """

    name: str
    read: Callable[[Sequence[str]], Any]


def cast_to(wanted: Any, place: str) -> Cast:
    """The cast to a type or annotation. Raises `ImproperlyConfigured`, naming `place`, for what is none."""
    if get_origin(wanted) is Annotated:
        return cast_to(get_args(wanted)[0], place)
    if wanted is Any or wanted is object:
        return Cast("any", lambda texts: texts[0] if len(texts) == 1 else list(texts))
    each_of = members(wanted)
    if len(each_of) > 1:
        casts = [cast_to(each, place) for each in sorted(each_of, key=lambda each: each is str) if each is not NoneType]
        return casts[0] if len(casts) == 1 else Cast(_name(wanted), lambda texts: _first(casts, texts))
    origin = get_origin(wanted) or wanted
    if origin in ROWS:
        return Cast(_name(wanted), _row(origin, get_args(wanted), place))
    if origin in MAPPINGS:
        return Cast(_name(wanted), lambda texts: _mapping(wanted, _one(texts)))
    if origin is Literal:
        return Cast(_name(wanted), lambda texts: _literal(get_args(wanted), _one(texts)))
    if wanted not in SCALARS and ENCODER_TYPES.find_molding(wanted) is not None:
        return Cast(_name(wanted), lambda texts: apply_structure(wanted, _one(texts)))
    if not callable(wanted):
        raise ImproperlyConfigured(f"{place}: {wanted!r} is no type that a text could be cast to")
    return Cast(_name(wanted), lambda texts: scalar(wanted, _one(texts)))


def members(annotation: Any) -> tuple[Any, ...]:
    """What a union is one of; what is no union, alone."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def scalar(wanted: Any, text: str) -> Any:
    """One value of one text, of a type of Python's own; any other type is called."""
    if wanted is str:
        return text
    if wanted is bool:
        word = text.strip().lower()
        if word not in TRUE | FALSE:
            raise ValueError(f"{text!r} says neither yes nor no")
        return word in TRUE
    if wanted is float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text!r} is no number JSON knows")
        return number
    if wanted is bytes:
        return text.encode()
    return wanted(text)


def _one(texts: Sequence[str]) -> str:
    if len(texts) != 1:
        raise ValueError(f"wanted one value, got {len(texts)}")
    return texts[0]


def _first(casts: Sequence[Cast], texts: Sequence[str]) -> Any:
    for cast in casts[:-1]:
        try:
            return cast.read(texts)
        except (ValueError, TypeError, ArithmeticError):
            continue
    return casts[-1].read(texts)


def _row(origin: Any, parts: tuple[Any, ...], place: str) -> Callable[[Sequence[str]], Any]:
    make = ROWS[origin]
    if origin is tuple and parts and parts[-1] is not Ellipsis:
        casts = [cast_to(each, place) for each in parts]
        return lambda texts: tuple(cast.read([text]) for cast, text in zip(casts, texts, strict=True))
    cast = cast_to(parts[0] if parts else Any, place)
    return lambda texts: make([cast.read([text]) for text in texts])


def _mapping(wanted: Any, text: str) -> Any:
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("wanted an object")
    return apply_structure(wanted, value)


def _literal(values: tuple[Any, ...], text: str) -> Any:
    for value in values:
        if text == str(value):
            return value
    raise ValueError(f"wanted one of {values}")


def _name(wanted: Any) -> str:
    return wanted.__name__ if isinstance(wanted, type) and not get_args(wanted) else str(wanted).replace("typing.", "")
