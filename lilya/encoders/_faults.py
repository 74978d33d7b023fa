"""Why a value cannot be written as JSON, and where in it the fault sits: looked for only after writing has failed."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from types import GeneratorType
from typing import Any, NamedTuple

from lilya.encoders._defaults import ENCODER_TYPES
from lilya.encoders._registry import unencodable

__all__ = ["find_fault"]

# Looking costs about ten times as much as writing did: after this many steps the fault goes without a place.
MAX_STEPS = 10_000


class _Level(NamedTuple):
    """A container that is being looked through: where it is, itself, and what of it is left."""

    path: str
    container: Any
    children: Iterator[tuple[str, Any]]


class _Fault(Exception):
    """Found it."""


def find_fault(value: Any) -> str | None:
    """What is wrong with `value`, and where, as in `$.items[3].owner`; None if nothing was found.

    Walks as the standard library's encoder does, but without recursion, since depth may be the fault. What an encoder
    raises goes through. A generator cannot be read twice, so it is passed over.
    """
    stack = [_Level("", None, iter((("", value),)))]
    open_ids: set[int] = set()
    try:
        for _ in range(MAX_STEPS):
            path, container, children = stack[-1]
            place, item = next(children, ("", stack))  # nothing left is said by an object that no value contains
            if item is stack:
                open_ids.discard(id(container))
                stack.pop()
                if not stack:
                    return None
                continue
            path += place
            if id(item) in open_ids:
                raise _Fault(f"The value contains itself{_at(path)}.")
            inner = _look_into(item, _at(path))
            if inner is not None:
                open_ids.add(id(item))
                stack.append(_Level(path, item, inner))
    except _Fault as fault:
        return str(fault)
    return None


def _at(path: str) -> str:
    return f" at ${path}" if path else ""


def _look_into(item: Any, at: str) -> Iterator[tuple[str, Any]] | None:
    """What is in `item`, None for what has nothing in it. Raises `_Fault` for what cannot be written."""
    if isinstance(item, str):
        _check_text(item, at)
    elif isinstance(item, float):
        if not isfinite(item):
            raise _Fault(f"{item!r} is no JSON number{at}: send None, or text.")
    elif isinstance(item, dict):
        for key in item:
            _check_key(key, at)
        return ((_step(key), each) for key, each in item.items())
    elif isinstance(item, list | tuple):
        return ((f"[{index}]", each) for index, each in enumerate(item))
    elif not (item is None or isinstance(item, int | GeneratorType)):
        encoder = ENCODER_TYPES.find(item)
        if encoder is None:
            raise _Fault(unencodable(item, at))
        return iter((("", encoder.serialize(item)),))
    return None


def _check_key(key: Any, at: str) -> None:
    if isinstance(key, str):
        _check_text(key, at)
    elif isinstance(key, float) and not isfinite(key):
        raise _Fault(f"{key!r} is no key of a JSON object{at}: make it text.")
    elif not (key is None or isinstance(key, int | float)):
        raise _Fault(f"{key!r}, a '{type(key).__name__}', is no key of a JSON object{at}: make it text, as with str().")


def _check_text(text: str, at: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise _Fault(
            f"Text with the lone surrogate {character!r}{at} is not Unicode and has no UTF-8 "
            "(file names that were not decodable have such)."
        ) from None


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
