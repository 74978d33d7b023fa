"""What an operation asks its client for, found out the way the plan of a handler is: by the same `Builder`.

So what is documented is what is done. The builder that stands here notes down on the way what it is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lilya._handling.injection import Builder, Offer
from lilya._handling.params import Param
from lilya._handling.plan import HTTP_SOURCES, sort_parameters
from lilya._handling.provide import Security, marker_of, provide_all
from lilya._handling.signature import parameters_of
from lilya.contrib.openapi.decorator import Said, said_of
from lilya.contrib.security._scheme import SecurityScheme
from lilya.introspection._walk import Place, layers_of, own_layers
from lilya.routing._path import is_function, says_how

__all__ = ["Operation", "Reading", "operations_at"]

# OPTIONS and HEAD are there where somebody says so; HEAD also comes with GET, and then there is nothing to be said.
COMES_WITH_GET = "HEAD"


class Reading(Builder):
    """What a handler asks for: parameters of the request, and what security schemes find, with the scopes asked for."""

    def __init__(self, offer: Offer, path_params: Collection[str], where: str) -> None:
        super().__init__(offer, path_params, "http", where)
        self.asked: list[tuple[Param, inspect.Parameter]] = []
        self._scopes: dict[int, list[str]] = {}

    def _param(self, parameter: inspect.Parameter) -> Callable[[Any], Any] | None:
        param = marker_of(parameter, Param)
        if param is not None:
            self.asked.append((param, parameter))
        return super()._param(parameter)

    def step(self, parameter: inspect.Parameter) -> int | None:
        """See `Builder.step`. The scopes a parameter asks for are those of all schemes its value is made of."""
        number = super().step(parameter)
        marker = marker_of(parameter, Security)
        if marker is not None and number is not None:
            for each in self.steps[number].needs:
                self._scopes.setdefault(each, []).extend(marker.scopes)
        return number

    @property
    def schemes(self) -> list[tuple[SecurityScheme[Any], list[str]]]:
        """The security schemes it is made of, each with its scopes, sorted."""
        return [
            (step.provide.dependency, sorted(set(self._scopes.get(number, ()))))
            for number, step in enumerate(self.steps)
            if isinstance(step.provide.dependency, SecurityScheme)
        ]

    @property
    def said(self) -> list[Said]:
        """What decorators say of the dependencies."""
        return [said_of(step.provide.dependency) for step in self.steps]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One method of one path. `names` are the names it could have, `guarded` whether permissions stand around it.

    `body` are the parameters that are made of the body. `told` is what decorators say, the nearest first: of the
    handler, the dependencies, the permissions.
    """

    place: Place
    method: str
    handler: Callable[..., Any]
    name: str
    reading: Reading
    body: list[inspect.Parameter]
    told: list[Said]
    guarded: bool

    @property
    def deprecated(self) -> bool:
        """Whether it, or something around it, is marked as deprecated."""
        levels = (self.place.route, *self.place.above)
        return bool(self.told[0].deprecated) or any(getattr(each, "deprecated", False) for each in levels)

    @property
    def doc(self) -> str:
        """The docstring of the handler, "" for none."""
        function = self.handler
        while isinstance(function, partial):
            function = function.func
        return inspect.cleandoc(getattr(function, "__doc__", None) or "")

    @property
    def returns(self) -> Any:
        """What the handler is annotated to return; `Parameter.empty` for nothing, or nothing that exists."""
        if not is_function(self.handler):  # an ASGI app, which answers by itself
            return inspect.Parameter.empty
        try:
            wanted = inspect.signature(self.handler, eval_str=True).return_annotation
        except Exception:  # an annotation for type checkers only
            return inspect.Parameter.empty
        return inspect.Parameter.empty if wanted is inspect.Signature.empty else wanted


def operations_at(place: Place, path_params: Collection[str]) -> Iterator[Operation]:
    """The operations of a route that are to be documented, sorted by method."""
    route: Any = place.route
    levels = (*place.above, route)
    if route.methods is None or not all(getattr(each, "include_in_schema", True) for each in levels):
        return
    offer = _offer(place)
    layers = [*(layer for each in place.above for layer in _permissions(each)), *layers_of(route)[1]]
    methods = sorted(route.methods - {COMES_WITH_GET} if "GET" in route.methods else route.methods)
    for method in methods:
        handler, own = _handler(route, method, offer)
        if handler is None:
            continue
        where = f"{route!r}, documentation of {method}"
        reading = Reading(own, {*path_params, *_outside(place)[0]}, where)
        parameters = parameters_of(handler, where) if is_function(handler) else []
        missing = sort_parameters(parameters, reading, HTTP_SOURCES)[1]
        body = missing if own.infer_body else []
        said = said_of(handler)
        if not said.include_in_schema:
            continue
        told = [said, *reading.said, *(said_of(layer.cls) for layer in layers)]
        name = route.name if len(methods) == 1 else f"{route.name}_{method.lower()}"
        yield Operation(place, method, handler, name, reading, body, told, bool(layers))


def _handler(route: Any, method: str, offer: Offer) -> tuple[Callable[..., Any] | None, Offer]:
    """What answers a method, and the dependencies around it; an ASGI app answers, but nobody knows what it asks for."""
    if not says_how(route.handler):
        return route.handler, offer
    blank = object.__new__(route.handler)  # for signatures, as the plans of a controller are made
    handler = getattr(blank, method.lower(), None)
    own = getattr(route.handler, "dependencies", None)
    return handler, offer.under(provide_all(own, f"{route.name}.dependencies"))


def _permissions(level: Any) -> list[Any]:
    router = getattr(level, "router", None)
    return [*own_layers(level)[1], *(own_layers(router)[1] if router is not None else ())]


def _outside(place: Place) -> tuple[frozenset[str], Offer | None]:
    """What comes from outside of the application that is documented, where it is mounted in another."""
    outermost = place.above[0]
    outside: tuple[frozenset[str], Offer | None] = getattr(outermost, "router", outermost).outside
    return outside


def _offer(place: Place) -> Offer:
    """The dependencies around a route, as routing puts them together."""
    nothing = Offer.nothing()
    offer = _outside(place)[1] or nothing
    # Instances of its own: nothing that is described becomes part of the application.
    offer = replace(offer, instances=nothing.instances)
    for each in (*place.above, place.route):
        own = getattr(each, "dependencies", {})
        offer = offer.under(own, getattr(each, "infer_body", None), getattr(each, "dependency_overrides", None))
    return offer
