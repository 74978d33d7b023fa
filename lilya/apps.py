"""The application: `Lilya`, and `ChildLilya` to be included in one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import anyio

from lilya._asgi.exchange import MAX_BODY_SIZE, Exchange, Home
from lilya._current import AROUND, SERIALIZER, SETTINGS, Surrounded, enter
from lilya._define import DefineMiddleware, DefinePermission, Layer, build_stack, define_all
from lilya._described import Described
from lilya._lazy import lazily, load
from lilya._living import Living
from lilya._serving import Serving
from lilya.concurrency.nursery import in_trio
from lilya.exceptions import ImproperlyConfigured
from lilya.routing._methods import RoutingMethodsMixin
from lilya.types import (
    ASGIApp,
    Dependencies,
    ExceptionHandler,
    ExceptionHandlers,
    Lifespan,
    LifespanEvent,
    Receive,
    Scope,
    Send,
)

if TYPE_CHECKING:
    from lilya import _rooms as rooms
    from lilya import logging as logs
    from lilya._handling import debug as debugging
    from lilya.middleware import global_context
    from lilya.routing import _returns as returns
else:
    global_context = lazily("lilya.middleware.global_context")
    logs = lazily("lilya.logging")
    returns = lazily("lilya.routing._returns")
    debugging = lazily("lilya._handling.debug")
    rooms = lazily("lilya._rooms")

__all__ = ["BaseLilya", "ChildLilya", "Lilya"]

logger = logging.getLogger("lilya")

F = TypeVar("F", bound=Callable[..., Any])


class Lilya(Living, Serving, Described, RoutingMethodsMixin):
    """An ASGI application.

        app = Lilya(routes=[Path("/", home), Include("/api", routes=api_routes)])

    The layers, from the outside: the exchange (which answers what nobody handled with 500), `middleware` in its order,
    the exception handlers, `before_request` and `after_request` hooks, `permissions`, the routes.

    What is None is not given: it is taken from `settings_module` (a `Settings` class, an instance, the dotted path of
    one), else from the settings of the process; what is empty is given. `routes` never come from settings. Everything
    is taken when the application is made. With `enable_openapi` the API is documented as `openapi_config` says: see
    `configure_openapi`.

    `populate_global_context` is called with the connection of every request and websocket, sync (in a thread) or async:
    the mapping it returns is what `lilya.context.g` holds to begin with. `serializer_config` reads and writes JSON for
    this application, `logging_config` sets up logging (without it nothing is set up). With
    `enable_intercept_global_exceptions` the exception handlers answer what middleware raises, too. `root_path` stands
    in place of what the server says.

    `lifespan` is an async context manager around the whole life of the application; lifespans of included applications
    run inside it. `services` start before the first request and stop after the last. `on_disconnect` is what happens to
    handlers whose client leaves: "cancel", "ignore", or None for "cancel where the method is safe". `dependencies` are
    those of all routes, by name: see `lilya.dependencies`. With `infer_body` parameters of handlers that nothing else
    fills are made of the request's body (None: as the application this one is included in has it, else not).
    `drain_timeout`, in seconds, is how long exchanges and tasks may go on after the shutdown began. `request_timeout`,
    in seconds, is the `timeout` of every route. `max_body_size` is how many bytes `request.body()`, `json()` and
    `text()` read at most, None for any number; the outermost application's counts. `threads` is how many sync
    handlers, and other sync functions of requests, may run at once in worker threads of the application's own; without
    it all applications of a process share anyio's 40. `observers` are told of requests, failed tasks, restarts and the
    stop; those of an application that is included in another are not.
    """

    # What its routes are kept in; a subclass may have its own kind of router. None: the usual one.
    router_class: ClassVar[type[rooms.Router] | None] = None

    def __init__(
        self,
        debug: bool | None = None,
        settings_module: rooms.Settings | type[rooms.Settings] | str | None = None,
        routes: Sequence[rooms.BasePath] | None = None,
        middleware: Iterable[Any] | None = None,
        exception_handlers: ExceptionHandlers | None = None,
        dependencies: Dependencies | None = None,
        permissions: Iterable[Any] | None = None,
        on_startup: Sequence[LifespanEvent] | None = None,
        on_shutdown: Sequence[LifespanEvent] | None = None,
        before_request: Iterable[Any] | None = None,
        after_request: Iterable[Any] | None = None,
        redirect_slashes: bool | None = None,
        lifespan: Lifespan | None = None,
        include_in_schema: bool | None = None,
        logging_config: logs.LoggingConfig | None = None,
        serializer_config: rooms.SerializerConfig | None = None,
        populate_global_context: Callable[[rooms.Connection], Any] | None = None,
        enable_openapi: bool | None = None,
        openapi_config: Any = None,
        enable_intercept_global_exceptions: bool | None = None,
        root_path: str | None = None,
        infer_body: bool | None = None,
        *,
        version: str | None = None,
        services: Sequence[rooms.Service] = (),
        on_disconnect: rooms.OnDisconnect | None = None,
        drain_timeout: float | None = None,
        request_timeout: float | None = None,
        max_body_size: int | None = MAX_BODY_SIZE,
        threads: int | anyio.CapacityLimiter | rooms.Capacity | None = None,
        observers: Sequence[rooms.Observer] = (),
    ) -> None:
        self.settings_module = rooms.resolve_settings(settings_module)
        setting = self.load_settings_value
        self.debug: bool = setting("debug", debug)
        if self.debug:
            load(debugging)
        self.state = rooms.State()
        self.exception_handlers: dict[int | type[Exception], ExceptionHandler] = dict(
            setting("exception_handlers", exception_handlers) or {}
        )
        self.custom_middleware: list[Layer] = define_all(setting("middleware", middleware), DefineMiddleware)
        self.custom_permissions: list[Layer] = define_all(setting("permissions", permissions), DefinePermission)
        self.before_request_callbacks = rooms.define_hooks(setting("before_request", before_request), "before_request")
        self.after_request_callbacks = rooms.define_hooks(setting("after_request", after_request), "after_request")
        self.include_in_schema: bool = setting("include_in_schema", include_in_schema)
        self.redirect_slashes: bool = setting("redirect_slashes", redirect_slashes)
        self.root_path: str = setting("root_path", root_path)
        self.version: str = setting("version", version)
        self.enable_openapi: bool = setting("enable_openapi", enable_openapi)
        self.openapi_config = setting("openapi_config", openapi_config)
        self.intercepts: bool = setting("enable_intercept_global_exceptions", enable_intercept_global_exceptions)
        self.populate_global_context = populate_global_context
        self.logging_config: logs.LoggingConfig | None = setting("logging_config", logging_config)
        if self.logging_config is not None:
            logs.setup_logging(self.logging_config)
        self.serializer_config = setting("serializer_config", serializer_config)
        self.services = rooms.check_services(services)
        self.drain_timeout: float = setting("drain_timeout", drain_timeout)
        self.router = (self.router_class or rooms.Router)(
            routes,
            redirect_slashes=self.redirect_slashes,
            **self._lifespan_options(on_startup, on_shutdown, lifespan),
            dependencies=setting("dependencies", dependencies),
            infer_body=setting("infer_body", None) or None if infer_body is None else infer_body,
            on_disconnect=rooms.check_on_disconnect(setting("on_disconnect", on_disconnect), "Lilya"),
            timeout=rooms.check_timeout("Lilya: request_timeout", setting("request_timeout", request_timeout)),
        )
        self._threads = rooms.check_capacity(threads, "Lilya: threads")
        self.router.rescue = self._rescue = rooms.Rescuer(self)
        self._own = self._what_is_its_own()
        self._given = {"app": self, "router": self.router, **self._own}
        watched = rooms.Observers(observers) if observers else None
        self._life = rooms.Life(self.drain_timeout, threads=self._threads, observers=watched)
        self._life.max_body_size = max_body_size
        self._exchange: Callable[[Home, Scope, Receive, Send], Exchange]
        self._exchange = Exchange if watched is None else partial(rooms.ObservedExchange, watched)
        self.enforce_return_annotation: bool = setting("enforce_return_annotation")
        if self.enforce_return_annotation:
            returns.check_returns(self.routes)
        if self.enable_openapi:
            self.configure_openapi()
        if not isinstance(self, ChildLilya):  # a child may have handlers that want parameters of its prefix
            self.router.compile()

    # -- settings ---------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> rooms.Settings:
        """Its own settings; where it has none, those of the application it serves in, else those of the process."""
        if self.settings_module is not None:
            return rooms.overridden(self.settings_module)
        return rooms.current_settings() if AROUND.get({}).get("app") is self else rooms.global_settings()

    def load_settings_value(self, name: str, value: Any = None, is_boolean: bool = False) -> Any:
        """`value` unless it is None; else what its own settings say under `name`, else those of the process.

        What is empty is given: `middleware=[]` means none. `is_boolean` is kept for those who say it: it changes
        nothing. None where nobody says anything.
        """
        if value is None and self.settings_module is not None:
            value = getattr(rooms.overridden(self.settings_module), name, None)
        return getattr(rooms.global_settings(), name, None) if value is None else value

    def _lifespan_options(self, on_startup: Any, on_shutdown: Any, lifespan: Any) -> dict[str, Any]:
        """What happens at the start and at the stop: one lifespan, or hooks. What is given rules the other kind out."""
        if lifespan is None:
            on_startup = self.load_settings_value("on_startup", on_startup)
            on_shutdown = self.load_settings_value("on_shutdown", on_shutdown)
            if not on_startup and not on_shutdown:
                lifespan = self.load_settings_value("lifespan")
        return {"on_startup": on_startup, "on_shutdown": on_shutdown, "lifespan": lifespan}

    def _what_is_its_own(self) -> dict[str, Any]:
        """What it puts into the scope of whatever it serves; nothing, most of the time."""
        own: dict[str, Any] = {}
        if self.settings_module is not None:
            own[SETTINGS] = self.settings_module
        if self.serializer_config is not None:
            own[SERIALIZER] = rooms.make_serializer(self.serializer_config)
            rooms.serializer.expect()
        if self.root_path:
            own["root_path"] = self.root_path
        return own

    # -- building ---------------------------------------------------------------------------------------------------

    @property
    def routes(self) -> list[rooms.BasePath]:
        """The routes, in declared order."""
        return self.router.routes

    def compile(
        self, outer: frozenset[str] = frozenset(), mount: rooms.BasePath | None = None, offer: rooms.Offer | None = None
    ) -> None:
        """Build the matching trees; called by `mount`, which includes this application, with what it adds:

        the parameters of its path, and the dependencies around it.
        """
        self.router.compile(outer, mount, offer)

    def add(self, route: rooms.BasePath) -> None:
        """Add a route behind all others. A handler that cannot be called for it is an error here."""
        if self.enforce_return_annotation:
            returns.check_returns([route])
        self.router.add(route)

    def _locked(self, what: str) -> None:
        if self.middleware_stack is not None:
            raise RuntimeError(f"{what} cannot be added once the application has started.")

    def add_middleware(self, middleware: Any, *args: Any, **kwargs: Any) -> None:
        """Add a middleware outside all others. `RuntimeError` once the application has started."""
        self._locked("Middlewares")
        self.custom_middleware.insert(0, DefineMiddleware(middleware, *args, **kwargs))

    def add_permission(self, permission: Any, *args: Any, **kwargs: Any) -> None:
        """Add a permission outside all others. `RuntimeError` once the application has started."""
        self._locked("Permissions")
        self.custom_permissions.insert(0, DefinePermission(permission, *args, **kwargs))

    def add_exception_handler(
        self, exception_cls_or_status_code: int | type[Exception], handler: ExceptionHandler
    ) -> None:
        """Let `handler` answer a status or an exception class."""
        self.exception_handlers[exception_cls_or_status_code] = handler

    def add_event_handler(self, event_type: str, func: LifespanEvent) -> None:
        """Call `func`, sync or async, on "startup" or "shutdown"."""
        self.router.add_event_handler(event_type, func)

    def on_event(self, event_type: str) -> Callable[[F], F]:
        """Decorate a function to be called on "startup" or "shutdown"."""
        return self.router.on_event(event_type)

    def add_child_lilya(self, path: str, child: ChildLilya, **options: Any) -> None:
        """Include a child application under `path`."""
        if not isinstance(child, Lilya):
            raise ValueError("The child must be an instance of a ChildLilya.")
        self.include(path, child, **options)

    def add_asgi_app(self, path: str, child: ASGIApp | str, **options: Any) -> None:
        """Include any ASGI app, of ours or of another framework, under `path`; its lifespan runs inside this one's."""
        self.include(path, child, **options)

    @property
    def infer_body(self) -> bool | None:
        """Whether parameters of handlers that nothing else fills are made of the body."""
        return self.router.infer_body

    @property
    def dependencies(self) -> Mapping[str, rooms.Provide]:
        """The dependencies of all its routes, by name."""
        return self.router.dependencies

    @property
    def dependency_overrides(self) -> Mapping[str, rooms.Provide]:
        """What stands in for dependencies; see `override_dependency`."""
        return self.router.overrides

    def override_dependency(self, name: str, override: Any) -> None:
        """Let `override`, a factory or a value, stand in for whatever is registered as `name`, on any level.

        It holds for all routes, those of included applications too, from the next request on. Raises
        `ImproperlyConfigured` where it cannot be built; then nothing has changed.
        """
        self.router.override(
            {**self.dependency_overrides, **rooms.provide_all({name: override}, "override_dependency")}
        )

    def reset_dependency_overrides(self) -> None:
        """Undo all of `override_dependency`."""
        self.router.override({})

    def path_for(self, name: str, /, **path_params: Any) -> rooms.URLPath:
        """The path of the route called `name`. Raises `NoMatchFound` for a wrong name or wrong parameters."""
        return self.router.path_for(name, **path_params)

    url_path_for = path_for

    def build_middleware_stack(self) -> ASGIApp:
        """The layers around the routes, built once, at the first call."""
        stack = build_stack(self.router.entrance, self.custom_permissions)
        if self.before_request_callbacks or self.after_request_callbacks:
            stack = rooms.Hooked(stack, self.before_request_callbacks, self.after_request_callbacks)
        # What is raised is rescued in one place: by the dispatcher itself, or outside the layers that stand around it.
        if stack is not self.router.entrance:
            self.router.rescue = None
            stack = rooms.Rescuing(stack, self._rescue)
        stack = build_stack(stack, self.custom_middleware)
        if self.intercepts:
            stack = rooms.Rescuing(stack, self._rescue)
        if self.populate_global_context is not None:
            stack = global_context.GlobalContextMiddleware(stack, self.populate_global_context)
        return stack if self._threads is None else rooms.with_threads(stack, self._threads)

    # -- the life of the application --------------------------------------------------------------------------------

    def own_parts(self, life: rooms.Life | None = None) -> list[rooms.Part]:
        """Its own lifespan; inside another application, whose `life` this is, it shares that one's nursery."""
        parts: list[rooms.Part] = [partial(self._surrounding, part) for part in self.router.own_parts(life, owner=self)]
        if life is not None and life is not self._life:
            parts.insert(0, lambda: self._adopted(life))
        return parts

    def lifespan_parts(self, life: rooms.Life | None = None) -> list[rooms.Part]:
        """The lifespans to enter: its own, then those of the applications it includes."""
        lasting = self.router.compile().instances.life  # inside the lifespans: what they open may be used
        return [self._check, rooms.around, *self.own_parts(life), *rooms.parts_below(self.routes, life), lasting]

    def _surrounding(self, part: rooms.Part) -> Surrounded:
        """A lifespan that is entered and left where its application is the one that serves."""
        return Surrounded({**self._given, "type": "lifespan"}, part())

    @asynccontextmanager
    async def _adopted(self, life: rooms.Life) -> AsyncIterator[None]:
        """While the application is part of another one, it shares that one's life."""
        own, self._life = self._life, life
        try:
            yield
        finally:
            self._life = own

    def all_services(self) -> tuple[rooms.Service, ...]:
        """Its services, then those of the applications it includes."""
        return (*self.services, *rooms.services_below(self.routes))

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        life = self._life
        life.services = self.all_services()
        token = enter({**scope, **self._given})
        try:
            await life.run(self.lifespan_parts(life), scope, receive, send)
        finally:
            AROUND.reset(token)

    @asynccontextmanager
    async def _check(self) -> AsyncIterator[None]:
        """What can only be known when the loop runs, and what shall fail now and not at the first request."""
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        if not in_trio():
            for route in rooms.all_routes(self.routes):
                if getattr(route, "nursery", None) == "nursery":
                    raise ImproperlyConfigured(
                        f"{route!r} asks for `nursery`, a trio.Nursery, which exists only under trio; this is "
                        "asyncio: ask for `task_group` (an anyio TaskGroup) to run on both"
                    )
        yield

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.routes)} routes)"


class ChildLilya(Lilya):
    """An application to be included in another: `Include("/admin", app=ChildLilya(routes=[...]))`."""


BaseLilya = Lilya
