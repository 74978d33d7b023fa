"""A list of routes as an ASGI app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from lilya._asgi.lifespan import Life
from lilya._handling.call import OnDisconnect
from lilya._handling.errors import Rescuer
from lilya._handling.injection import Offer
from lilya._handling.provide import Provide, provide_all
from lilya.concurrency.service import Service
from lilya.datastructures._url import URLPath
from lilya.routing._alone import serve, serve_lifespan
from lilya.routing._base import BasePath, Layers, check_on_disconnect
from lilya.routing._bounds import bounds_of
from lilya.routing._dispatch import Dispatcher
from lilya.routing._lifespan import Hooks, Part, parts_below, services_below
from lilya.routing._methods import RoutingMethodsMixin
from lilya.routing._reverse import reverse
from lilya.types import ASGIApp, Dependencies, Lifespan, LifespanEvent, Receive, Scope, Send

__all__ = ["Router"]

F = TypeVar("F", bound=Callable[..., Any])


class Router(RoutingMethodsMixin):
    """Routes behind one entrance, to be mounted with `Include(path, app=router)` or served alone.

    `default` answers what no route matches. `dependencies` are those of all its routes, by name. `middleware` and
    `permissions` run for every call. A `lifespan` runs with that of the application the router is mounted in. `timeout`
    is how many seconds a handler and its response may take, as for `Path`. `is_sub_router` changes nothing: whether it
    stands in an application, a router sees in each scope.
    """

    def __init__(
        self,
        routes: Sequence[BasePath] | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        on_startup: Sequence[LifespanEvent] | None = None,
        on_shutdown: Sequence[LifespanEvent] | None = None,
        lifespan: Lifespan | None = None,
        *,
        middleware: Iterable[Any] | None = None,
        permissions: Iterable[Any] | None = None,
        dependencies: Dependencies | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        include_in_schema: bool = True,
        deprecated: bool = False,
        is_sub_router: bool = False,
        infer_body: bool | None = None,
        on_disconnect: OnDisconnect | None = None,
        timeout: float | None = None,
    ) -> None:
        self.routes: list[BasePath] = list(routes or ())
        self.redirect_slashes = redirect_slashes
        self.default = default
        self.hooks = Hooks(lifespan, on_startup, on_shutdown)
        self.layers = Layers(middleware, permissions, None, before_request, after_request)
        self.include_in_schema = include_in_schema
        self.deprecated = deprecated
        self.on_disconnect = check_on_disconnect(on_disconnect, "Router")
        self._dispatcher = Dispatcher(
            self.routes,
            redirect_slashes=redirect_slashes,
            default=default,
            on_disconnect=on_disconnect,
            bounds=bounds_of(timeout, None, "Router"),
            infer_body=infer_body,
            dependencies=provide_all(dependencies, "the dependencies of a router or application"),
        )
        # The way in: dispatch inside the layers.
        self.entrance: ASGIApp = self.layers.around(self._dispatcher.__call__)

    # -- routes -----------------------------------------------------------------------------------------------------

    @property
    def rescue(self) -> Rescuer | None:
        """What answers exceptions of the routes; an application sets its own."""
        return self._dispatcher.rescue

    @rescue.setter
    def rescue(self, rescue: Rescuer | None) -> None:
        self._dispatcher.rescue = rescue

    @property
    def dependencies(self) -> Mapping[str, Provide]:
        """The dependencies of all its routes, by name."""
        return self._dispatcher.dependencies

    @property
    def overrides(self) -> Mapping[str, Provide]:
        """What stands in for dependencies, on any level."""
        return self._dispatcher.overrides

    @property
    def infer_body(self) -> bool | None:
        """Whether parameters of handlers that nothing else fills are made of the body."""
        return self._dispatcher.infer_body

    def override(self, overrides: dict[str, Provide]) -> None:
        """Let these, and no others, stand in for dependencies of these names, from the next request on."""
        self._dispatcher.override(overrides)

    def compile(
        self, outer: frozenset[str] = frozenset(), mount: BasePath | None = None, offer: Offer | None = None
    ) -> Dispatcher:
        """Build the matching trees. `outer` are path parameters that come from `mount`, where the router is mounted,
        `offer` the dependencies that do.

        Raises `ImproperlyConfigured` for a handler whose parameters nothing can fill in all places it is mounted in.
        """
        self._dispatcher.compile(outer, mount, offer)
        return self._dispatcher

    def add(self, route: BasePath) -> None:
        """Add a route behind all others. A handler that cannot be called for it is an error here."""
        self._dispatcher.add(route)

    @property
    def outside(self) -> tuple[frozenset[str], Offer | None]:
        """What comes from where it is mounted: path parameters, and dependencies; nothing before it was built there."""
        return self._dispatcher.outside

    def arrange(self, routes: Sequence[BasePath]) -> None:
        """Let these be the routes, in this order, from the next request on.

        Raises `ImproperlyConfigured` for what cannot be built, and leaves everything as it was.
        """
        self._dispatcher.arrange(routes)

    def path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route called `name`. Raises `NoMatchFound` for a wrong name or wrong parameters."""
        return reverse(self.compile(), name, path_params)

    url_path_for = path_for

    # -- lifespan ---------------------------------------------------------------------------------------------------

    def add_event_handler(self, event_type: str, func: LifespanEvent) -> None:
        """Call `func`, sync or async, on "startup" or "shutdown"."""
        self.hooks.add(event_type, func)

    def on_event(self, event_type: str) -> Callable[[F], F]:
        """Decorate a function to be called on "startup" or "shutdown"."""

        def decorate(func: F) -> F:
            self.hooks.add(event_type, func)
            return func

        return decorate

    async def startup(self) -> None:
        """Call the functions for "startup", in order. A `lifespan` is no business of this: it is entered and left."""
        await self.hooks.startup()

    async def shutdown(self) -> None:
        """Call the functions for "shutdown", in order: each of them, whatever the others do."""
        await self.hooks.shutdown()

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an ASGI lifespan call; what calling the router with such a scope does."""
        await serve_lifespan(self, scope, receive, send)

    def own_parts(self, life: Life | None = None, owner: Any = None) -> list[Part]:
        """Its own lifespan, which is given `owner`: the router itself, or the application it belongs to."""
        return self.hooks.parts(self if owner is None else owner)

    def lifespan_parts(self, life: Life | None = None) -> list[Part]:
        """The lifespans to enter: its own, then those of what it mounts, which shares the nursery of `life`."""
        return [*self.own_parts(life), *parts_below(self.routes, life), self.compile().instances.life]

    def all_services(self) -> list[Service]:
        """The services of the applications it mounts."""
        return services_below(self.routes)

    # -- serving ----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP, websockets and the lifespan; inside an application or any framework."""
        await serve(self, self.entrance, scope, receive, send)

    def __repr__(self) -> str:
        return f"Router({len(self.routes)} routes)"
