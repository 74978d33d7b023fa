"""What a call is called in a cache: a text that is the same for the same arguments, and different for others."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lilya.encoders._json import json_bytes, json_encode

__all__ = ["key_of"]


def key_of(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The key of a call: the function's full name, and a digest of its arguments, defaults among them.

    Raises `TypeError` for arguments the function does not take, `ValueError` for one that no encoder knows: two such
    could not be told apart.
    """
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    digest = hashlib.sha256(json_bytes(_described(dict(bound.arguments)))).hexdigest()
    return f"{func.__module__}.{func.__qualname__}:{digest}"


def _described(value: Any) -> Any:
    """A value with the types of all its parts, which JSON would lose: 1 is not "1", nor is (1,) what [1] is."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return [kind.__name__, repr(value)]
    if isinstance(value, Mapping):
        return [kind.__name__, [[_described(key), _described(each)] for key, each in value.items()]]
    if kind in (list, tuple):
        return [kind.__name__, [_described(each) for each in value]]
    if kind in (set, frozenset):
        return [kind.__name__, sorted(map(repr, map(_described, value)))]
    return [f"{kind.__module__}.{kind.__qualname__}", json_encode(value)]
