"""A value becomes what the annotation of a field asks for: text is read, anything else has to fit.

What is raised here never holds the value: it may be a secret.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar, Union, get_args, get_origin

from lilya.datastructures._secret import Secret
from lilya.environments import FALSE, TRUE

__all__ = ["Unfit", "cast", "name_of"]

NONE: Final = frozenset({"", "none", "null"})
# What is written as a list; the interfaces become what is usual for them.
COLLECTIONS: Final = (list, tuple, set, frozenset)


class Unfit(Exception):
    """The value does not fit; says why, without the value."""


def name_of(annotation: Any) -> str:
    """An annotation as its author wrote it, nearly."""
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def cast(value: Any, annotation: Any) -> Any:
    """`value` as `annotation` asks for it. Raises `Unfit`.

    Text is read: a bool from true, yes, on, 1 and their opposites, a list from `a,b` or JSON, a mapping from `a=1,b=2`
    or JSON. A value of another type is taken if it is of the type asked for; what cannot be checked is taken as it is.
    """
    annotation = _plain(annotation)
    if annotation is None or annotation is types.NoneType:
        return _none(value)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _union(value, args)
    if origin is Literal:
        return _one_of(value, args, [repr(each) for each in args])
    kind = origin or annotation
    if not isinstance(kind, type):
        return value  # Any, a type variable: nothing to be checked
    if issubclass(kind, Secret):
        return value if isinstance(value, Secret) else kind(_text(value))
    if issubclass(kind, Enum):
        return _member(value, kind)
    if issubclass(kind, Mapping):
        return _mapping(value, kind, args)
    if issubclass(kind, Collection) and not issubclass(kind, str | bytes | bytearray):
        return _collection(value, kind, args)
    return _single(value, kind)


def _plain(annotation: Any) -> Any:
    """Without what says nothing about the value."""
    while True:
        if get_origin(annotation) in (Annotated, ClassVar, Final):
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):  # a NewType
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            return Any
        elif hasattr(annotation, "__value__"):  # `type Name = ...`
            annotation = annotation.__value__
        else:
            return annotation


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("it is no text")
    return value


def _none(value: Any) -> None:
    if value is not None and not (isinstance(value, str) and value.strip().lower() in NONE):
        raise Unfit("nothing else than None fits")


def _union(value: Any, members: tuple[Any, ...]) -> Any:
    """The first member that takes the value; text that reads as nothing else is text."""
    if value is None and types.NoneType in members:
        return None
    if isinstance(value, str):
        members = tuple(sorted(members, key=lambda each: (each is str, each is not types.NoneType)))
    else:
        exact = [each for each in members if isinstance(each, type) and type(value) is each]
        members = (*exact, *members)
    reasons = []
    for member in members:
        try:
            return cast(value, member)
        except Unfit as exc:
            if member is not types.NoneType:
                reasons.append(str(exc))
    raise Unfit("; ".join(dict.fromkeys(reasons)))


def _one_of(value: Any, options: Iterable[Any], shown: Iterable[str]) -> Any:
    for option in options:
        if option == value and type(option) is type(value):
            return option
    for option in options:
        if isinstance(value, str) and str(option) == value.strip():
            return option
    raise Unfit(f"it is none of {', '.join(shown)}")


def _member(value: Any, kind: type[Enum]) -> Enum:
    if isinstance(value, kind):
        return value
    text = value.strip() if isinstance(value, str) else value
    for member in kind:
        if text in (member.value, member.name) or text == str(member.value):
            return member
    raise Unfit(f"it is none of {', '.join(repr(member.value) for member in kind)}")


def _loads(text: str, wanted: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Unfit(f"it begins like a JSON {wanted} and is none") from None


def _mapping(value: Any, kind: type, args: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        value = _read_mapping(value.strip())
    if not isinstance(value, Mapping):
        raise Unfit("it is no mapping")
    if args:
        keys, values = args[0], args[-1]
        cast_pairs = {cast(key, keys): cast(each, values) for key, each in value.items()}
        return cast_pairs if type(value) is dict else _same(value, cast_pairs)
    return value if isinstance(value, kind) else kind(value)


def _same(value: Any, changed: dict[Any, Any]) -> Any:
    """A mapping of another class stays what it is, where its values fit as they are."""
    return value if changed == value else changed


def _read_mapping(text: str) -> Any:
    if text.startswith("{"):
        return _loads(text, "object")
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise Unfit("it is no mapping: write a=1,b=2 or a JSON object")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _collection(value: Any, kind: type, args: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        text = value.strip()
        value = _loads(text, "list") if text.startswith("[") else [each.strip() for each in text.split(",") if each]
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise Unfit("it is no list")
    if not isinstance(value, COLLECTIONS):
        return value
    target = type(value) if isinstance(value, kind) else kind if kind in COLLECTIONS else _usual(kind)
    if kind is tuple and args and args[-1] is not Ellipsis:
        fixed = () if args == ((),) else args
        if len(value) != len(fixed):
            raise Unfit(f"it has {len(value)} parts, wanted {len(fixed)}")
        return tuple(cast(each, wanted) for each, wanted in zip(value, fixed, strict=True))
    return target(cast(each, args[0]) for each in value) if args else target(value)


def _usual(kind: type) -> Callable[[Iterable[Any]], Any]:
    """What a value becomes for an interface, such as `Sequence`."""
    for usual in COLLECTIONS:
        if issubclass(usual, kind):
            return usual
    return list


def _single(value: Any, kind: type) -> Any:
    if kind is bool:
        return _bool(value)
    try:
        fits = isinstance(value, kind)
    except TypeError:  # a protocol that cannot be asked
        return value
    if fits and not (isinstance(value, bool) and kind in (int, float)):
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is timedelta and (isinstance(value, str) or type(value) in (int, float)):
        return timedelta(seconds=_call(float, value, "a number of seconds"))
    if not isinstance(value, str):
        raise Unfit("it is of another type")
    if issubclass(kind, date | datetime | time):
        return _call(kind.fromisoformat, value.strip(), f"a {kind.__name__} as ISO 8601 has it")
    return _call(kind, value.strip() if kind is not str else value, name_of(kind))


def _call(kind: Callable[[Any], Any], value: Any, wanted: str) -> Any:
    try:
        return kind(value)
    except Exception:  # whatever the class of the annotation raises, with the value in its words
        raise Unfit(f"it does not read as {wanted}") from None


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in TRUE | FALSE:
        raise Unfit("write true or false")
    return word in TRUE
