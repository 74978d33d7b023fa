"""Routes under a common prefix, and applications mounted there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from anyio import CapacityLimiter

from lilya._define import import_string
from lilya._handling.call import OnDisconnect
from lilya._handling.provide import provide_all
from lilya.concurrency.capacity import Capacity
from lilya.datastructures._url import URLPath
from lilya.exceptions import ImproperlyConfigured
from lilya.routing._alone import Alone
from lilya.routing._base import BasePath, Bed, Layers, Leaf, Next, check_on_disconnect, check_path, compile_below
from lilya.routing._bounds import bounds_of
from lilya.routing._reverse import reverse_inside
from lilya.types import ASGIApp, Dependencies, ExceptionHandlers

__all__ = ["Include"]

# The name of the list that `namespace` looks for.
DEFAULT_PATTERN = "route_patterns"


class Include(Alone):
    """Routes, or an app, under a prefix: `Include("/api", routes=[...])`, `Include("/admin", app=admin)`.

    Routes (also those of `namespace`, a module with a list named `pattern`) become part of the tree they are included
    in. An `app` is opaque: it gets everything below the prefix, and answers its own 404. The prefix may hold
    parameters, which every handler below can ask for.

    The layers of an include run for every path below its prefix, whether or not a route matches there.

    `timeout` (seconds) and `limiter` are those of `Path`, for each handler below: one timeout, or less where a route
    says so, for each request; one limiter for all of them together.
    """

    def __init__(
        self,
        path: str,
        app: ASGIApp | str | None = None,
        routes: Sequence[BasePath] | None = None,
        namespace: str | None = None,
        pattern: str | None = None,
        name: str | None = None,
        *,
        middleware: Iterable[Any] | None = None,
        permissions: Iterable[Any] | None = None,
        exception_handlers: ExceptionHandlers | None = None,
        dependencies: Dependencies | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        include_in_schema: bool = True,
        deprecated: bool = False,
        redirect_slashes: bool = True,
        on_disconnect: OnDisconnect | None = None,
        timeout: float | None = None,
        limiter: int | CapacityLimiter | Capacity | None = None,
    ) -> None:
        self.path = check_path(path or "/", "Include").path.rstrip("/")
        self.name = name
        if app is None and routes is None and namespace is None:
            raise AssertionError("Either 'app=...', or 'routes=...', or 'namespace=...' must be specified")
        if [app, routes, namespace].count(None) < 2:
            raise AssertionError("Only one of 'app=...', 'routes=...' and 'namespace=...' can be given")
        if pattern is not None and routes is not None:
            raise ImproperlyConfigured("'pattern' names a list in a 'namespace', it means nothing with 'routes'")
        self.app: Any = import_string(app) if isinstance(app, str) else app
        if self.app is not None and not callable(self.app):
            hint = ": did you mean routes=[...]?" if isinstance(self.app, Sequence) else ""
            raise ImproperlyConfigured(f"Include({path!r}): {app!r} is no ASGI app, it cannot be called{hint}")
        if namespace is not None:
            routes = routes_of(namespace, pattern)
        self._routes = None if routes is None else list(routes)
        self.layers = Layers(middleware, permissions, exception_handlers, before_request, after_request)
        self.dependencies = provide_all(dependencies, f"Include({path!r})")
        self.include_in_schema = include_in_schema
        self.deprecated = deprecated
        self.redirect_slashes = redirect_slashes
        self.on_disconnect = check_on_disconnect(on_disconnect, f"Include({path!r})")
        self.bounds = bounds_of(timeout, limiter, f"Include({path!r})")
        # Built once: all routes below share one instance of each layer.
        self.stack = self.layers.around(Next(self) if self.app is None else self.bounds.around(self.app))

    @property
    def routes(self) -> Sequence[Any]:
        """The routes below: its own, or those of the app it mounts."""
        if self._routes is not None:
            return self._routes
        return getattr(self.app, "routes", None) or []

    def plant(self, bed: Bed) -> None:
        """Put the routes below, or the app, into the trees."""
        if self._routes is None:
            self._plant_app(bed)
            return
        if self.name:  # not to be matched, but reversed
            template = bed.prefix_template(self.path)
            bed.leaves.append(Leaf(self, template, self, prefix=True, name=bed.name + self.name))
        below = bed.under(self)
        below.plant_all(self._routes)
        if self.layers:
            self._plant_edge(below)

    def _plant_app(self, bed: Bed) -> None:
        template = bed.prefix_template(self.path)
        compile_below(self.app, [*bed.outer, *template.names], self, bed.offer.under(self.dependencies))
        stack = bed.bounds.beyond(self.bounds).around(self.stack)
        for tree in (bed.http, bed.websocket):
            bed.plant(tree, Leaf(self, template, stack, self.app, prefix=True, name=self.name or ""))
        bed.leaves.pop()  # the one of websockets: reversing needs it once

    def _plant_edge(self, below: Bed) -> None:
        for tree in (below.http, below.websocket):
            below.plant(tree, Leaf(self, below.prefix_template(), self, methods=frozenset(), edge=True))

    def reverse(self, own_name: str, name: str, path_params: dict[str, Any]) -> URLPath | None:
        """The path of a route of the app, below the prefix; None where the name is another's. `own_name` is our own."""
        return reverse_inside(self.app, own_name, name, path_params)

    def __repr__(self) -> str:
        return f"Include(path={self.path!r}, name={self.name or ''!r}, app={self.app!r})"


def routes_of(namespace: str, pattern: str | None) -> list[BasePath]:
    """The list of routes in a module."""
    for given in (namespace, pattern or ""):
        if not isinstance(given, str):
            raise ImproperlyConfigured(
                f"'namespace' and 'pattern' are the names of a module and of its list, not {given!r}"
            )
    name = pattern or DEFAULT_PATTERN
    routes = getattr(import_module(namespace), name, None)
    if not isinstance(routes, list):
        raise AssertionError(f"the module {namespace!r} has no list called {name!r}")
    return routes
