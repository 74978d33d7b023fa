"""Whether handlers say what they return, where settings want that (`enforce_return_annotation`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from inspect import isfunction, ismethod, unwrap
from typing import Any

from lilya.exceptions import ImproperlyConfigured
from lilya.routing._lifespan import all_routes

__all__ = ["check_returns"]


def check_returns(routes: Iterable[Any]) -> None:
    """Raises `ImproperlyConfigured` for a function, or a method of a controller, that does not say what it returns.

    Routes further in are looked at, too. ASGI apps answer by themselves: they return nothing.
    """
    for route in all_routes(routes):
        for function in functions_of(getattr(route, "handler", None)):
            if "return" not in getattr(unwrap(function), "__annotations__", {}):
                name = getattr(function, "__qualname__", function)
                raise ImproperlyConfigured(
                    f"{route!r}: {name} has no return annotation, and the settings want one "
                    f"(enforce_return_annotation): def {getattr(function, '__name__', name)}(...) -> ..."
                )


def functions_of(handler: Any) -> Iterator[Callable[..., Any]]:
    """The functions behind a handler."""
    while isinstance(handler, partial):
        handler = handler.func
    if isfunction(handler) or ismethod(handler):
        yield handler
    elif isinstance(handler, type) and hasattr(handler, "route_methods"):
        named = (getattr(handler, verb.lower(), None) for verb in sorted(handler.route_methods()))
        yield from (each for each in named if each is not None)
