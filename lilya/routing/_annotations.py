"""The rule of the setting `enforce_return_annotation`: handlers say what they return."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from lilya.exceptions import ImproperlyConfigured
from lilya.routing._lifespan import all_routes

__all__ = ["check_return_annotations"]


def check_return_annotations(routes: Iterable[Any]) -> None:
    """Raise `ImproperlyConfigured` for the first handler, below `routes` too, that does not say what it returns."""
    for route in all_routes(routes):
        for function in _functions(getattr(route, "handler", None), getattr(route, "methods", None) or ()):
            if "return" not in getattr(inspect.unwrap(function), "__annotations__", {}):
                raise ImproperlyConfigured(
                    f"{route!r}: {getattr(function, '__qualname__', function)!r} does not say what it returns, and the "
                    "setting enforce_return_annotation wants it: write `-> None`, or what it is"
                )


def _functions(handler: Any, methods: Iterable[str]) -> Iterator[Any]:
    """The functions of a handler: itself, or those of a class. An ASGI app of another kind has none."""
    while isinstance(handler, partial):
        handler = handler.func
    if inspect.isroutine(handler):
        yield handler
    else:
        yield from filter(None, (getattr(handler, method.lower(), None) for method in methods))
