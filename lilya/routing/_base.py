"""What all routes have in common, and how they are put into a matching tree.

A route does not match by itself: it is *planted*. The dispatcher walks its routes in their declared order and lets each
plant a leaf (or, an include, the leaves of its own routes) into the tree, with everything that is known by then done:
the whole path template, the plan of the handler, the layers around it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol

from lilya._define import DefineMiddleware, DefinePermission, Layer, build_stack, define_all
from lilya._handling.call import Handling, Invoke, OnDisconnect
from lilya._handling.errors import catching
from lilya._handling.injection import Offer
from lilya._handling.provide import Provide
from lilya._paths.template import Param, PathTemplate
from lilya._paths.tree import PathTree
from lilya.exceptions import ImproperlyConfigured, LilyaException
from lilya.routing._bounds import UNBOUNDED, Bounds
from lilya.routing._hooks import Hooked, define_hooks
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send

__all__ = ["BasePath", "Bed", "Layers", "Leaf", "NoMatchFound", "get_name"]

# The scope key under which the layers of an include find the leaf they lead to.
LEAF = "lilya.leaf"
# The scope key for what is above a mounted application: pairs of a scope and the template it is mounted under.
ABOVE = "lilya.above"


class NoMatchFound(LilyaException):
    """No route of that name takes exactly these parameters."""

    def __init__(self, name: str, path_params: Mapping[str, Any]) -> None:
        params = ", ".join(path_params)
        super().__init__(detail=f'No route exists for name "{name}" and params "{params}".')


def get_name(handler: Any) -> str:
    """What a route is called by default: its handler's own name, or its class's."""
    while isinstance(handler, partial):
        handler = handler.func
    return getattr(handler, "__name__", None) or type(handler).__name__


class Layers:
    """The layers around a route: exception handlers outermost, then hooks, then middleware, then permissions."""

    __slots__ = ("after_request", "before_request", "exception_handlers", "middleware", "permissions")

    def __init__(
        self,
        middleware: Iterable[Any] | None = None,
        permissions: Iterable[Any] | None = None,
        exception_handlers: ExceptionHandlers | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
    ) -> None:
        # Most routes have none of these, and there may be thousands of routes.
        self.before_request = tuple(define_hooks(before_request, "before_request")) if before_request else ()
        self.after_request = tuple(define_hooks(after_request, "after_request")) if after_request else ()
        self.middleware: tuple[Layer, ...] = tuple(define_all(middleware, DefineMiddleware)) if middleware else ()
        self.permissions: tuple[Layer, ...] = tuple(define_all(permissions, DefinePermission)) if permissions else ()
        self.exception_handlers = dict(exception_handlers or {})

    def __bool__(self) -> bool:
        hooks = self.before_request or self.after_request
        return bool(self.middleware or self.permissions or self.exception_handlers or hooks)

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app` inside the layers; `app` itself where there are none."""
        if self.permissions or self.middleware:
            app = build_stack(build_stack(app, self.permissions), self.middleware)
        if self.before_request or self.after_request:
            app = Hooked(app, self.before_request, self.after_request)
        return catching(app, self.exception_handlers) if self.exception_handlers else app


# What most leaves have inside: one for all of them, so that the collector has less to look through.
NOTHING: Final[dict[Any, Any]] = MappingProxyType({})  # type: ignore[assignment]


@dataclass(slots=True, eq=False)
class Leaf:
    """A route as it stands in the tree.

    `app` is the route inside all its layers. `methods` None: any. `handler` is what the scope is told. `depth`
    is the number of segments of the includes' prefixes, to be added to `root_path`, and `above` their text where they
    hold no parameter; `own` is the number of segments of the route's own, 0 where one may match a slash. An `edge`
    stands for what is below an include with layers and matches none of its routes. `redirects`: whether a path with a
    slash too many or too few is led here. A `gate` looks at more than the path, and gives parameters. `told` is what
    the scope is told. A `plain` leaf is none of an include's, has no gate and matches whole paths. `invoke` calls the
    handler, where nothing at all is around it: `app` does that, and sends what it gives. `bare` calls one that asks for
    nothing.
    """

    route: Any
    template: PathTemplate
    app: ASGIApp
    handler: Any = None
    methods: frozenset[str] | None = None
    depth: int = 0
    own: int = 0
    above: str | None = None
    prefix: bool = False
    edge: bool = False
    redirects: bool = True
    gate: Callable[[Scope], dict[str, Any] | None] | None = None
    name: str = ""
    plain: bool = False
    inner: dict[Any, ASGIApp] = field(default_factory=lambda: NOTHING)
    told: dict[str, Any] = field(default_factory=lambda: NOTHING)
    invoke: Invoke | None = None
    bare: Callable[[], Awaitable[Any]] | None = None


class Crossing(Protocol):
    """An include on the way to a leaf."""

    path: str
    name: str | None
    layers: Layers
    redirect_slashes: bool
    on_disconnect: OnDisconnect | None
    bounds: Bounds
    dependencies: dict[str, Provide]
    stack: ASGIApp


class Next:
    """The innermost app of an include's layers: goes on to what the matched leaf has behind this include."""

    __slots__ = ("_include",)

    def __init__(self, include: Crossing) -> None:
        self._include = include

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on to the leaf."""
        leaf: Leaf = scope[LEAF]
        await leaf.inner[self._include](scope, receive, send)


@dataclass(frozen=True, slots=True)
class Bed:
    """Where routes are planted: the two trees, and what the includes above them add."""

    http: PathTree[Leaf]
    websocket: PathTree[Leaf]
    leaves: list[Leaf]
    offer: Offer
    outer: frozenset[str] = frozenset()  # path parameters that come from outside this tree
    prefix: str = ""
    depth: int = 0
    name: str = ""
    on_disconnect: OnDisconnect | None = None
    bounds: Bounds = UNBOUNDED
    crossings: tuple[Crossing, ...] = ()
    redirects: bool = True

    def under(self, include: Crossing) -> Bed:
        """The bed for the routes of an include."""
        return replace(
            self,
            prefix=self.prefix + include.path,
            depth=self.depth + include.path.count("/"),
            name=f"{self.name}{include.name}:" if include.name else self.name,
            on_disconnect=include.on_disconnect or self.on_disconnect,
            bounds=include.bounds.under(self.bounds),
            crossings=(*self.crossings, include) if include.layers else self.crossings,
            redirects=self.redirects and include.redirect_slashes,
            offer=self.offer.under(include.dependencies),
        )

    def plant_all(self, routes: Iterable[Any]) -> None:
        """Let routes plant themselves, in declared order. Raises `ImproperlyConfigured` for what is no route."""
        for route in routes:
            if not isinstance(route, BasePath):
                raise ImproperlyConfigured(
                    f"{route!r} is no route: routes are Path, WebSocketPath, Include and Host; "
                    "an application or a Router is mounted by Include(path, app=...)"
                )
            route.plant(self)

    def prefix_template(self, path: str = "") -> PathTemplate:
        """The whole template of a prefix of this bed."""
        return PathTemplate.parse(self.prefix + path or "/")

    def template(self, path: str) -> PathTemplate:
        """The whole template of a route of this bed."""
        if not self.prefix:
            return PathTemplate.parse(path)
        # The root of an include is its prefix with a slash: `/prefix` is redirected there.
        return PathTemplate.parse(self.prefix + path, keep_slash=path == "/")

    def plant(self, tree: PathTree[Leaf], leaf: Leaf) -> None:
        """Put a leaf into a tree, inside the layers of the includes above it."""
        leaf.depth = self.depth
        own = leaf.template.segments[self.depth :]
        params = [part for each in own for part in each if isinstance(part, Param)] if leaf.template.params else ()
        leaf.own = 0 if params and any(param.spans for param in params) else len(own)
        leaf.told = {"route": leaf.route, "handler": leaf.handler, "route_path_template": leaf.template.path}
        if self.depth and not (leaf.prefix or leaf.edge):
            above = leaf.template.segments[: self.depth]
            if all(isinstance(part, str) for each in above for part in each):
                leaf.above = "".join("/" + "".join(map(str, each)) for each in above)
        leaf.name = (self.name + leaf.name).rstrip(":")
        leaf.redirects = self.redirects
        if self.crossings:
            leaf.inner = {}
        for crossing in reversed(self.crossings):
            leaf.inner[crossing] = leaf.app
            leaf.app = crossing.stack
        leaf.plain = not (leaf.depth or leaf.prefix or leaf.gate or leaf.inner)
        if isinstance(leaf.app, Handling) and leaf.gate is None:
            leaf.invoke, leaf.bare = leaf.app.invoke, leaf.app.bare
        tree.add(leaf.template, leaf, prefix=leaf.prefix or leaf.edge)
        if not leaf.edge:
            self.leaves.append(leaf)


def compile_below(app: Any, outer: Iterable[str], mount: BasePath, offer: Offer) -> None:
    """Let what `mount` mounts build its trees now, with the path parameters `outer` and the dependencies of `offer`, so
    that errors show now.

    That is `app`, or what it has layers around. An app that is not ours is left alone.
    """
    while app is not None and not hasattr(app, "lifespan_parts"):
        app = getattr(app, "app", None)
    if app is not None:
        app.compile(frozenset(outer), mount, offer)


class BasePath:
    """A route: something that can be planted, and is an ASGI app of its own."""

    path: str
    name: str | None
    layers: Layers

    def plant(self, bed: Bed) -> None:
        """Put this route into the trees of `bed`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is planted")

    @property
    def middleware(self) -> list[Layer]:
        """The middleware of this route alone."""
        return list(self.layers.middleware)

    @property
    def permissions(self) -> list[Layer]:
        """The permissions of this route alone."""
        return list(self.layers.permissions)

    @property
    def exception_handlers(self) -> dict[Any, Any]:
        """The exception handlers of this route alone."""
        return self.layers.exception_handlers


def check_path(path: str, kind: str) -> PathTemplate:
    """A route's path, read. Raises `AssertionError` where it does not start with a slash, as documented."""
    if not isinstance(path, str):
        raise ImproperlyConfigured(f"{kind}: the path must be a str, not {path!r}")
    return PathTemplate.parse(path)


def check_on_disconnect(choice: Any, where: str) -> OnDisconnect | None:
    """What shall happen to a handler whose client leaves, if it is one of the choices."""
    if choice not in (None, "cancel", "ignore"):
        raise ImproperlyConfigured(f"{where}: on_disconnect is 'cancel' or 'ignore', not {choice!r}")
    chosen: OnDisconnect | None = choice
    return chosen
