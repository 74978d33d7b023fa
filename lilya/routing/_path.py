"""The leaves of a routing tree: a path and the handler that answers on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from inspect import isfunction, ismethod
from typing import Any, ClassVar, Final, Literal

from anyio import CapacityLimiter

from lilya._define import import_string
from lilya._handling.call import OnDisconnect, compile_http, compile_websocket
from lilya._handling.injection import Offer
from lilya._handling.plan import make_plan
from lilya._handling.provide import provide_all
from lilya.concurrency.capacity import Capacity
from lilya.concurrency.threads import is_async_callable
from lilya.datastructures._url import URLPath
from lilya.exceptions import ImproperlyConfigured
from lilya.routing._alone import Alone
from lilya.routing._base import Bed, Layers, Leaf, NoMatchFound, check_on_disconnect, check_path, get_name
from lilya.routing._bounds import UNBOUNDED, bounds_of
from lilya.types import ASGIApp, Dependencies, ExceptionHandlers

__all__ = ["Path", "Route", "WebSocketPath"]


# What a function answers to where nobody says otherwise.
USUAL_METHODS: Final = frozenset({"GET", "HEAD"})


def is_function(handler: Any) -> bool:
    """Whether a handler is called with arguments of its own; everything else is an ASGI app."""
    while isinstance(handler, partial):
        handler = handler.func
    return isfunction(handler) or ismethod(handler)


def says_how(handler: Any) -> bool:
    """Whether a handler is a class that says itself how it is called: a controller, or anybody's that is made alike."""
    return isinstance(handler, type) and hasattr(handler, "as_route_app")


def methods_of(controller: Any, wanted: Iterable[str] | None, where: str) -> Iterable[str] | None:
    """The methods a controller answers to; of these those that are wanted, where somebody says which."""
    ask = getattr(controller, "route_methods", None)
    if ask is None:
        return wanted
    has: frozenset[str] = ask()
    missing = {method.upper() for method in wanted or ()} - has
    if missing:
        raise ImproperlyConfigured(
            f"{where}: methods has {', '.join(sorted(missing))}, and {controller.__name__} has no such method; "
            f"it answers to {', '.join(sorted(has))}"
        )
    return has if wanted is None else wanted


def refuse_bounds(where: str, timeout: Any, limiter: Any) -> None:
    """Raise `ImproperlyConfigured` for the bounds of requests: a websocket has no answer that somebody waits for."""
    if timeout is not None:
        raise ImproperlyConfigured(
            f"{where}: a timeout bounds the wait for an answer, and a websocket lasts; put `with anyio.fail_after"
            f"({timeout!r}):` around what shall be quick in the handler, such as its first message"
        )
    if limiter is not None:
        raise ImproperlyConfigured(
            f"{where}: whoever waits for a place of a limiter would wait for websockets that last for hours; count "
            "them in the handler, and refuse those that are too many: `await websocket.close(1013)`"
        )


class Where:
    """A route and its handler, as errors name them: the text is made for an error only."""

    __slots__ = ("_route",)

    def __init__(self, route: Route) -> None:
        self._route = route

    def __str__(self) -> str:
        return f"{self._route!r}, handler {get_name(self._route.handler)}"


class Route(Alone):
    """What `Path` and `WebSocketPath` share."""

    kind: ClassVar[Literal["http", "websocket"]]
    bounds = UNBOUNDED
    nursery: str | None = None  # the kind of nursery its handler asks for: "task_group" or "nursery"
    infer_body: bool | None = None

    def __init__(
        self, path: str, handler: Any, name: str | None, layers: Layers, on_disconnect: Any, dependencies: Any
    ) -> None:
        self.template = check_path(path, type(self).__name__)
        self.path = self.template.path
        self.handler = import_string(handler) if isinstance(handler, str) else handler
        if not callable(self.handler):
            raise ImproperlyConfigured(
                f"{type(self).__name__}({path!r}): {handler!r} is no handler, it cannot be called"
            )
        self.name = name or get_name(self.handler)
        self.layers = layers
        where = f"{type(self).__name__}({path!r})"
        self.dependencies = provide_all(dependencies, where)
        self.on_disconnect = check_on_disconnect(on_disconnect, where)

    def _app(self, path_params: frozenset[str], on_disconnect: OnDisconnect | None, offer: Offer) -> ASGIApp:
        """The handler as an ASGI app, without its layers."""
        if says_how(self.handler):
            built: ASGIApp
            built, self.nursery = self.handler.as_route_app(self.kind, path_params, on_disconnect, repr(self), offer)
            return built
        if not is_function(self.handler):
            if isinstance(self.handler, type) or is_async_callable(self.handler):
                app: ASGIApp = self.handler
                return app
            raise ImproperlyConfigured(
                f"{self!r}: {self.handler!r} is neither a function nor an ASGI app (an object with an async __call__)"
            )
        plan = make_plan(self.handler, path_params, self.kind, Where(self), offer)
        self.nursery = plan.nursery
        compile_app = compile_http if self.kind == "http" else compile_websocket
        return compile_app(plan, on_disconnect)

    def _leaf(self, bed: Bed, methods: frozenset[str] | None) -> Leaf:
        template = bed.template(self.path) if bed.prefix else self.template
        offer = bed.offer.under(self.dependencies, self.infer_body)
        params = bed.outer.union(template.names) if template.params else bed.outer
        app = self._app(params, self.on_disconnect or bed.on_disconnect, offer)
        if self.kind == "http":
            app = self.bounds.under(bed.bounds).around(app)
        return Leaf(self, template, self.layers.around(app), self.handler, methods=methods, name=self.name or "")

    def path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of this route. Raises `NoMatchFound` for another name or other parameters."""
        if name != self.name or set(path_params) != set(self.template.names):
            raise NoMatchFound(name, path_params)
        return URLPath(self.template.build(path_params), protocol=self.kind)

    url_path_for = path_for


class Path(Route):
    """An HTTP route: `Path("/users/{id:int}", handler, methods=["GET"])`.

    `handler` is a function (sync or async), a controller, an ASGI app, or the dotted path of one. Functions answer to
    GET unless `methods` says otherwise, controllers to the methods they have, ASGI apps to any; GET brings HEAD.
    `dependencies` are those of this route, by name; `infer_body` whether parameters that nothing else fills are made of
    the body (None: as the application has it). `on_disconnect` says what happens to a handler whose client leaves:
    "cancel" or "ignore", by default cancelled where the method is safe.

    `timeout`, in seconds: how long the handler and its response may take, the wait for a place included, but not the
    layers around it nor background work. Then they are cancelled, and `GatewayTimeout` is raised: a 504, or a response
    that is broken off. It never outlasts the timeout of an include or an application around it. `limiter`: how many
    requests may be in the handler at once, an int, an `anyio.CapacityLimiter`, or a `lilya.concurrency.Capacity`; the
    others wait for their turn, and where too many wait already `ServiceUnavailable` is raised.
    """

    kind = "http"

    def __init__(
        self,
        path: str,
        handler: Callable[..., Any] | str,
        *,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: Iterable[Any] | None = None,
        permissions: Iterable[Any] | None = None,
        exception_handlers: ExceptionHandlers | None = None,
        dependencies: Dependencies | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        deprecated: bool = False,
        infer_body: bool | None = None,
        on_disconnect: OnDisconnect | None = None,
        timeout: float | None = None,
        limiter: int | CapacityLimiter | Capacity | None = None,
    ) -> None:
        layers = Layers(middleware, permissions, exception_handlers, before_request, after_request)
        super().__init__(path, handler, name, layers, on_disconnect, dependencies)
        if timeout is not None or limiter is not None:
            self.bounds = bounds_of(timeout, limiter, f"Path({path!r})")
        if isinstance(methods, str):
            raise ImproperlyConfigured(f"Path({path!r}): methods is a list like ['GET'], not the str {methods!r}")
        if says_how(self.handler):
            methods = methods_of(self.handler, methods, f"Path({path!r})")
        self.methods: frozenset[str] | None = None
        if methods is not None:
            self.methods = frozenset(method.upper() for method in methods)
            if not self.methods:
                raise ImproperlyConfigured(f"Path({path!r}): it can never answer without methods; None means the usual")
            if "GET" in self.methods:
                self.methods |= {"HEAD"}
        elif is_function(self.handler):
            self.methods = USUAL_METHODS
        self.include_in_schema = include_in_schema
        self.deprecated = deprecated
        self.infer_body = infer_body

    def plant(self, bed: Bed) -> None:
        """Put this route into the tree of HTTP routes."""
        bed.plant(bed.http, self._leaf(bed, self.methods))

    def __repr__(self) -> str:
        return f"Path(path={self.path!r}, name={self.name!r}, methods={sorted(self.methods or ())!r})"


class WebSocketPath(Route):
    """A websocket route: `WebSocketPath("/chat/{room}", handler)`.

    A function gets the `WebSocket` as `websocket`, by annotation, or as its first parameter that nothing else fills.
    With `on_disconnect="ignore"` a handler that is not receiving runs on when its client leaves.
    """

    kind = "websocket"

    def __init__(
        self,
        path: str,
        handler: Callable[..., Any] | str,
        *,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: Iterable[Any] | None = None,
        permissions: Iterable[Any] | None = None,
        exception_handlers: ExceptionHandlers | None = None,
        dependencies: Dependencies | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        on_disconnect: OnDisconnect | None = None,
        timeout: None = None,
        limiter: None = None,
    ) -> None:
        refuse_bounds(f"WebSocketPath({path!r})", timeout, limiter)
        layers = Layers(middleware, permissions, exception_handlers, before_request, after_request)
        super().__init__(path, handler, name, layers, on_disconnect, dependencies)
        self.include_in_schema = include_in_schema

    def plant(self, bed: Bed) -> None:
        """Put this route into the tree of websocket routes."""
        bed.plant(bed.websocket, self._leaf(bed, None))

    def __repr__(self) -> str:
        return f"WebSocketPath(path={self.path!r}, name={self.name!r})"
