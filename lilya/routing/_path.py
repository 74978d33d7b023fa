"""The leaves of a routing tree: a path and the handler that answers on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import isfunction, ismethod
from typing import Any, ClassVar, Literal

from lilya._asgi.exchange import exchange_of, run_alone
from lilya._define import import_string
from lilya._handling.call import OnDisconnect, compile_http, compile_websocket
from lilya._handling.errors import default_answer
from lilya._handling.plan import make_plan
from lilya.concurrency.threads import is_async_callable
from lilya.datastructures._url import URLPath
from lilya.exceptions import HTTPException, ImproperlyConfigured
from lilya.routing._base import BasePath, Bed, Layers, Leaf, NoMatchFound, check_path, get_name
from lilya.routing._dispatch import Dispatcher
from lilya.types import ASGIApp, ExceptionHandlers, Receive, Scope, Send

__all__ = ["Path", "Route", "WebSocketPath"]


def is_function(handler: Any) -> bool:
    """Whether a handler is called with arguments of its own; everything else is an ASGI app."""
    while isinstance(handler, partial):
        handler = handler.func
    return isfunction(handler) or ismethod(handler)


class Route(BasePath):
    """What `Path` and `WebSocketPath` share."""

    kind: ClassVar[Literal["http", "websocket"]]
    nursery: str | None = None  # the kind of nursery its handler asks for: "task_group" or "nursery"

    def __init__(self, path: str, handler: Any, name: str | None, layers: Layers, on_disconnect: Any) -> None:
        self.path = check_path(path, type(self).__name__)
        self.handler = import_string(handler) if isinstance(handler, str) else handler
        if not callable(self.handler):
            raise ImproperlyConfigured(
                f"{type(self).__name__}({path!r}): {handler!r} is no handler, it cannot be called"
            )
        if on_disconnect not in (None, "cancel", "ignore"):
            raise ImproperlyConfigured(
                f"{type(self).__name__}({path!r}): on_disconnect is 'cancel' or 'ignore', not {on_disconnect!r}"
            )
        self.name = name or get_name(self.handler)
        self.layers = layers
        self.on_disconnect: OnDisconnect | None = on_disconnect

    def _app(self, path_params: frozenset[str], on_disconnect: OnDisconnect | None) -> ASGIApp:
        """The handler as an ASGI app, without its layers."""
        if not is_function(self.handler):
            if isinstance(self.handler, type) or is_async_callable(self.handler):
                app: ASGIApp = self.handler
                return app
            raise ImproperlyConfigured(
                f"{self!r}: {self.handler!r} is neither a function nor an ASGI app (an object with an async __call__)"
            )
        plan = make_plan(self.handler, path_params, self.kind, f"{self!r}, handler {get_name(self.handler)}")
        self.nursery = plan.nursery
        compile_app = compile_http if self.kind == "http" else compile_websocket
        return compile_app(plan, on_disconnect)

    def _leaf(self, bed: Bed, methods: frozenset[str] | None) -> Leaf:
        template = bed.template(self.path)
        app = self._app(bed.outer | set(template.names), self.on_disconnect or bed.on_disconnect)
        keys = {"route": self, "handler": self.handler, "route_path_template": template.path}
        return Leaf(self, template, self.layers.around(app), keys, methods=methods, name=self.name or "")

    def path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of this route. Raises `NoMatchFound` for another name or other parameters."""
        dispatcher = Dispatcher([self])
        return reverse(dispatcher, name, path_params)

    url_path_for = path_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve this route alone, inside any framework."""
        if exchange_of(scope) is None:
            return await run_alone(self, scope, receive, send)
        try:
            await Dispatcher([self], redirect_slashes=False)(scope, receive, send)
        except HTTPException as exc:
            if "app" in scope or not await default_answer(exc, scope, receive, send):
                raise


class Path(Route):
    """An HTTP route: `Path("/users/{id:int}", handler, methods=["GET"])`.

    `handler` is a function (sync or async), an ASGI app, or the dotted path of one. Functions answer to GET unless
    `methods` says otherwise, ASGI apps to any method; GET brings HEAD. `on_disconnect` says what happens to a handler
    whose client leaves: "cancel" or "ignore", by default cancelled where the method is safe.
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
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        deprecated: bool = False,
        on_disconnect: OnDisconnect | None = None,
    ) -> None:
        layers = Layers(middleware, permissions, exception_handlers, before_request, after_request)
        super().__init__(path, handler, name, layers, on_disconnect)
        if isinstance(methods, str):
            raise ImproperlyConfigured(f"Path({path!r}): methods is a list like ['GET'], not the str {methods!r}")
        if methods is None and is_function(self.handler):
            methods = ["GET"]
        self.methods = None if methods is None else frozenset(method.upper() for method in methods)
        if self.methods is not None and "GET" in self.methods:
            self.methods |= {"HEAD"}
        self.include_in_schema = include_in_schema
        self.deprecated = deprecated

    def plant(self, bed: Bed) -> None:
        """Put this route into the tree of HTTP routes."""
        bed.plant(bed.http, self._leaf(bed, self.methods))

    def __repr__(self) -> str:
        return f"Path(path={self.path!r}, name={self.name!r}, methods={sorted(self.methods or ())!r})"


class WebSocketPath(Route):
    """A websocket route: `WebSocketPath("/chat/{room}", handler)`.

    A function gets the `WebSocket` as `websocket`, or as its first parameter, whatever its name. With
    `on_disconnect="ignore"` a handler that is not receiving runs on when its client leaves.
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
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        on_disconnect: OnDisconnect | None = None,
    ) -> None:
        layers = Layers(middleware, permissions, exception_handlers, before_request, after_request)
        super().__init__(path, handler, name, layers, on_disconnect)
        self.include_in_schema = include_in_schema

    def plant(self, bed: Bed) -> None:
        """Put this route into the tree of websocket routes."""
        bed.plant(bed.websocket, self._leaf(bed, None))

    def __repr__(self) -> str:
        return f"WebSocketPath(path={self.path!r}, name={self.name!r})"


def reverse(dispatcher: Dispatcher, name: str, path_params: Mapping[str, Any]) -> URLPath:
    """The path of the leaf called `name` that takes exactly `path_params`, percent-encoded."""
    dispatcher.compile()
    for leaf in dispatcher.leaves:
        if leaf.prefix:
            reverse_route = getattr(leaf.route, "reverse", None)
            found = reverse_route(name, path_params) if reverse_route else _reverse_inside(leaf, name, path_params)
            if found is not None:
                return found
        elif leaf.name == name and set(leaf.template.names) == set(path_params):
            return URLPath(leaf.template.build(path_params), protocol=leaf.route.kind)
    raise NoMatchFound(name, path_params)


def _reverse_inside(leaf: Leaf, name: str, path_params: Mapping[str, Any]) -> URLPath | None:
    """Reverse a name of the app behind an include: `include:name`, or the include itself with `path`."""
    own = {key: value for key, value in path_params.items() if key in leaf.template.names}
    if set(own) != set(leaf.template.names):
        return None
    prefix = leaf.template.build(own).rstrip("/")
    rest = {key: value for key, value in path_params.items() if key not in own}
    if leaf.name and name == leaf.name and set(rest) == {"path"}:
        return URLPath(f"{prefix}/{str(rest['path']).lstrip('/')}")
    inner = name.removeprefix(f"{leaf.name}:") if leaf.name else name
    path_for = getattr(leaf.route.app, "path_for", None)
    if path_for is None or (leaf.name and inner == name):
        return None
    try:
        found: URLPath = path_for(inner, **rest)
    except NoMatchFound:
        return None
    return URLPath(prefix + str(found), protocol=found.protocol)
