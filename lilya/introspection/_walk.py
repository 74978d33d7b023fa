"""One walk through everything that answers in an application; the graph and documentation are made of it.

The parts of a house are known by what they have, as routing knows them: what has `lifespan_parts` is an application
or a router of ours, what has a `router` besides is an application.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lilya._define import DefineMiddleware, DefinePermission, Layer, define_all
from lilya.routing._base import BasePath
from lilya.routing._host import Host
from lilya.routing._include import Include
from lilya.routing._path import says_how

__all__ = ["Place", "layers_of", "mounted", "name_of", "own_layers", "pieces", "walk"]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A route and where it stands: `above` are the applications, routers, includes and hosts, outermost first."""

    route: BasePath
    above: tuple[Any, ...]

    @property
    def path(self) -> str:
        """The whole template, with the prefixes of the includes above; that of an include is its whole prefix."""
        prefix = "".join(each.path for each in self.above if isinstance(each, Include))
        own = "" if isinstance(self.route, Host) else self.route.path
        return prefix + own or "/"

    @property
    def host(self) -> str | None:
        """The host name it answers to, the innermost one; None: any."""
        hosts = [each.host for each in (*self.above, self.route) if isinstance(each, Host)]
        return hosts[-1] if hosts else None


def walk(owner: Any, above: tuple[Any, ...] = ()) -> Iterator[Place]:
    """Every route of an application or router and of what it includes, in declared order, an include before its own."""
    above = (*above, owner)
    routes: Sequence[Any] = owner.routes
    for route in routes:
        yield Place(route, above)
        if not isinstance(route, Include | Host):
            continue
        if route.app is None:
            yield from walk(route, above)
        elif (inner := mounted(route.app)[1]) is not None:
            yield from walk(inner, (*above, route))


def mounted(app: Any) -> tuple[list[Any], Any]:
    """What an include mounts: the layers that were put around it by hand, and the application or router of ours.

    None for what is not ours: nobody knows what is in it.
    """
    around: list[Any] = []
    while app is not None and not hasattr(app, "lifespan_parts"):
        around.append(app)
        app = getattr(app, "app", None)
    return ([], None) if app is None else (around, app)


def own_layers(owner: Any) -> tuple[Sequence[Layer], Sequence[Layer]]:
    """The middleware and the permissions of an application, a router or a route alone."""
    if hasattr(owner, "router"):
        return owner.custom_middleware, owner.custom_permissions
    return owner.layers.middleware, owner.layers.permissions


def layers_of(route: Any) -> tuple[list[Layer], list[Layer]]:
    """Those of a route and, inside them, of its controller."""
    middleware, permissions = map(list, own_layers(route))
    handler = getattr(route, "handler", None)
    if says_how(handler):
        middleware += define_all(getattr(handler, "middleware", None), DefineMiddleware)
        permissions += define_all(getattr(handler, "permissions", None), DefinePermission)
    return middleware, permissions


def pieces(app: Any) -> Iterator[Any]:
    """All that changes when something is added to an application, or to what it includes."""
    yield from (each for layers in own_layers(app) for each in layers)
    for place in walk(app):
        yield place.route
        inner = mounted(getattr(place.route, "app", None))[1]
        if inner is not None:
            yield from (each for layers in own_layers(inner) for each in layers)


def name_of(part: Any) -> str:
    """What a part is called: its own name, or its class's."""
    name = getattr(part, "__qualname__", None) or getattr(getattr(part, "func", None), "__qualname__", None)
    return str(name or type(part).__qualname__)
