"""Handlers as classes: one class for all methods of a path, or for all events of a websocket.

    class Users(Controller):
        async def get(self, id: int) -> User: ...
        async def delete(self, id: int) -> None: ...

    routes = [Path("/users/{id:int}", Users)]

Routing does not know this module. It asks a class whether it says itself how it is called (`as_route_app`), and which
methods it answers to (`route_methods`); anybody's class may do so. There is no second way: the plan of a method is made
and compiled as that of a function is.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, Literal, NoReturn, Self

import anyio
import anyio.lowlevel

from lilya._asgi.exchange import (
    CLEANUP_SECONDS,
    EXCHANGE,
    Exchange,
    departure_of,
    exchange_of,
    is_departure,
    run_alone,
)
from lilya._handling.call import OnDisconnect, compile_http
from lilya._handling.injection import Offer
from lilya._handling.plan import Plan, make_plan
from lilya._handling.provide import provide_all
from lilya._sansio.json import parse_json
from lilya.concurrency.nursery import raise_plain, shielded, unwrap
from lilya.concurrency.threads import is_async_callable
from lilya.enums import HTTPMethod, WebSocketState
from lilya.exceptions import ImproperlyConfigured, WebSocketDisconnect, WebSocketException, WebSocketRuntimeError
from lilya.routing._base import Layers
from lilya.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send
from lilya.websockets import WebSocket

__all__ = ["Controller", "WebSocketController"]

logger = logging.getLogger("lilya.controllers")

# CONNECT is a proxy's (RFC 9110, section 9.3.6); no server hands it on.
VERBS: Final = tuple(method.value for method in HTTPMethod if method is not HTTPMethod.CONNECT)
HOOKS: Final = ("on_connect", "on_receive", "on_disconnect")


class Layered:
    """A class with layers of its own, which stand inside those of its route, in the same order."""

    permissions: ClassVar[Sequence[Any]] = ()
    middleware: ClassVar[Sequence[Any]] = ()
    exception_handlers: ClassVar[Mapping[int | type[Exception], ExceptionHandler]] = {}
    before_request: ClassVar[Sequence[Any]] = ()
    after_request: ClassVar[Sequence[Any]] = ()

    @classmethod
    def _inside_layers(cls, app: ASGIApp) -> ASGIApp:
        """`app` inside the layers of the class, which are built for each route anew."""
        layers = Layers(cls.middleware, cls.permissions, cls.exception_handlers, cls.before_request, cls.after_request)
        return layers.around(app)


class Controller(Layered):
    """All methods of a path: `get`, `post`, `put`, `patch`, `delete`, `query`, `options`, `head`, `trace`.

    Give the class to `Path`. Each method, sync (run in a thread) or async, gets its arguments and gives its answer as a
    handler function does. Every request has an instance of its own, made without arguments, in the thread of a sync
    method. HEAD is answered by `get` where there is no `head`; a method that is not there by 405, which lists the
    others.

    `permissions`, `middleware`, `exception_handlers`, `before_request` and `after_request` of the class are layers
    inside those of the route, for all its methods; its exception handlers are asked before those of the route. So are
    its `dependencies`.
    """

    dependencies: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def with_init(cls, *args: Any, **kwargs: Any) -> type[Self]:
        """This class with the arguments its instances are made with: `Path("/users", Users.with_init(pool))`.

        Raises `ImproperlyConfigured` when it does not take them.
        """
        problem = cls._refuses(*args, **kwargs)
        if problem:
            raise ImproperlyConfigured(f"{cls.__name__}.with_init: {cls.__name__} does not take these: {problem}")

        def __init__(self: Controller) -> None:
            cls.__init__(self, *args, **kwargs)

        names = {"__init__": __init__, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        return type(cls.__name__, (cls,), {**names, "__doc__": cls.__doc__})

    @classmethod
    def _refuses(cls, *args: Any, **kwargs: Any) -> str:
        """Why an instance cannot be made with these arguments, "" if it can."""
        try:
            inspect.signature(cls).bind(*args, **kwargs)
        except TypeError as exc:
            return str(exc)
        return ""

    @classmethod
    def route_methods(cls) -> frozenset[str]:
        """The HTTP methods it answers to. Raises `ImproperlyConfigured` when there are none."""
        verbs = cls._verbs()
        if not verbs:
            names = ", ".join(verb.lower() for verb in VERBS)
            raise ImproperlyConfigured(f"{cls.__name__} answers to nothing: name its methods {names}")
        return frozenset([*verbs, "HEAD"] if "GET" in verbs else verbs)

    @classmethod
    def _verbs(cls) -> list[str]:
        """The HTTP methods that have a method of their own."""
        return [verb for verb in VERBS if callable(getattr(cls, verb.lower(), None))]

    @classmethod
    def as_route_app(
        cls, kind: str, path_params: Collection[str], on_disconnect: OnDisconnect | None, where: str, offer: Offer
    ) -> tuple[ASGIApp, str | None]:
        """The app of a route, and which kind of nursery some method of it asks for; asked by routing.

        Raises `ImproperlyConfigured` for a method whose parameters nothing can fill, and for a class whose instances
        cannot be made without arguments.
        """
        if kind != "http":
            raise ImproperlyConfigured(
                f"{where}: {cls.__name__} answers requests; a websocket's is a WebSocketController"
            )
        problem = cls._refuses()
        if problem:
            raise ImproperlyConfigured(
                f"{where}: {cls.__name__}() cannot be made ({problem}): give {cls.__name__}.with_init(...) to the route"
            )
        plans = cls._plans(path_params, where, offer)
        nurseries = {plan.nursery for plan in plans.values() if plan.nursery}
        apps = {verb: compile_http(plan, on_disconnect) for verb, plan in plans.items()}
        if "GET" in apps:
            apps.setdefault("HEAD", apps["GET"])

        def dispatch(scope: Scope, receive: Receive, send: Send) -> Any:
            return apps[scope["method"]](scope, receive, send)

        # Of both kinds "nursery" is told: it is the one that must be refused before the start under asyncio.
        return cls._inside_layers(dispatch), min(nurseries, default=None)

    @classmethod
    def _plans(cls, path_params: Collection[str], where: str, offer: Offer) -> dict[str, Plan]:
        """The plans of its methods, each called on an instance of its own."""
        try:
            blank = object.__new__(cls)  # methods bind to it, for their signatures; it is never called
        except TypeError as exc:
            raise ImproperlyConfigured(f"{where}: {exc}") from exc
        plans = {}
        offer = offer.under(provide_all(cls.dependencies, f"{cls.__name__}.dependencies"))
        for verb in cls._verbs():
            name = verb.lower()
            plan = make_plan(getattr(blank, name), path_params, "http", f"{where}, {cls.__name__}.{name}", offer)
            plans[verb] = replace(plan, handler=partial(cls._call, name))
        return plans

    @classmethod
    def _call(cls, verb: str, /, **arguments: Any) -> Any:
        return getattr(cls(), verb)(**arguments)


class WebSocketController(Layered):
    """All events of a websocket. Give the class to `WebSocketPath`; every connection has an instance of its own.

    `encoding` says what messages are: "text", "bytes", "json", or None for either of the first two as they come. One
    that is something else closes the websocket with 1003 (1007 what is no JSON) and raises `RuntimeError`.

    When the client leaves while a hook is at work and not receiving, the hook is cancelled, as a handler function is.
    """

    encoding: ClassVar[Literal["text", "bytes", "json"] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.encoding not in (None, "text", "bytes", "json"):
            raise ImproperlyConfigured(
                f"{cls.__name__}.encoding is 'text', 'bytes', 'json' or None, not {cls.encoding!r}"
            )
        for name in HOOKS:
            if not is_async_callable(getattr(cls, name)):
                raise ImproperlyConfigured(f"{cls.__name__}.{name} must be async: it waits for the websocket")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send

    async def on_connect(self, websocket: WebSocket) -> None:
        """Accept the handshake, or `close` to refuse it. Accepts by default."""
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """A message has come. The next one is received when this returns."""

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        """The websocket is over; called once for each that was accepted, whoever ended it and however.

        `close_code` is the one of the close frame (RFC 6455, section 7.4), 1011 when a hook failed (the websocket is
        closed behind this), 1001 when the server stops. Shielded from cancellation, it has ten seconds.
        """

    @classmethod
    def as_route_app(
        cls, kind: str, path_params: Collection[str], on_disconnect: OnDisconnect | None, where: str, offer: Offer
    ) -> tuple[ASGIApp, str | None]:
        """The app of a route; asked by routing. Raises `ImproperlyConfigured` for one of HTTP."""
        if kind != "websocket":
            raise ImproperlyConfigured(f"{where}: {cls.__name__} is for websockets: give it to WebSocketPath")

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await cls(scope, receive, send)._run(on_disconnect, scope, receive, send)

        return cls._inside_layers(app), None

    def __await__(self) -> Generator[Any, Any, None]:
        """Serve the connection it was made for, as an ASGI app of two calls: `await Chat(scope, receive, send)`."""
        return self._serve().__await__()

    async def _serve(self) -> None:
        app = partial(self._run, None)
        if exchange_of(self.scope) is None:
            return await run_alone(app, self.scope, self.receive, self.send)
        await app(self.scope, self.receive, self.send)

    async def _run(self, on_disconnect: OnDisconnect | None, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        websocket = NotingWebSocket(scope, receive, send)
        code = 1011
        try:
            with anyio.CancelScope() as cut:
                before = None if on_disconnect == "ignore" else exchange.handle(cut)
                try:
                    code = await self._converse(websocket)
                finally:
                    exchange.handled(before)
            if cut.cancelled_caught:
                raise exchange.departure()
        except WebSocketDisconnect as exc:
            code = exc.code
        except WebSocketException as exc:
            code = exc.code
            raise
        except anyio.get_cancelled_exc_class():
            code = 1001
            raise
        except BaseExceptionGroup as group:
            plain = unwrap(group)
            if not is_departure(plain):
                raise_plain(plain)
            code = getattr(exchange.departure(), "code", code)
        finally:
            if websocket.was_accepted:
                await self._say_goodbye(websocket, code)
        await anyio.lowlevel.checkpoint_if_cancelled()  # a cancellation beside the departure is not lost with it

    async def _converse(self, websocket: NotingWebSocket) -> int:
        """The hooks, until the websocket is over; returns its close code."""
        await self.on_connect(websocket)
        if websocket.application_state is WebSocketState.CONNECTING:
            raise WebSocketRuntimeError(
                f"{type(self).__name__}.on_connect has neither accepted the websocket nor closed it: "
                "await websocket.accept() or websocket.close()"
            )
        while websocket.application_state is WebSocketState.CONNECTED:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return departure_of(message).code
            await self.on_receive(websocket, await self._decoded(websocket, message))
        return websocket.closed_with

    async def _say_goodbye(self, websocket: WebSocket, code: int) -> None:
        with shielded(CLEANUP_SECONDS) as scope:
            await self.on_disconnect(websocket, code)
        if scope.cancelled_caught:
            logger.error("%s.on_disconnect took more than %s s and was cut", type(self).__name__, CLEANUP_SECONDS)

    async def _decoded(self, websocket: WebSocket, message: Message) -> Any:
        text, data = message.get("text"), message.get("bytes")
        if self.encoding == "text" and text is None:
            await self._refuse(websocket, 1003, "Expected text messages, but got bytes")
        if self.encoding == "bytes" and data is None:
            await self._refuse(websocket, 1003, "Expected bytes messages, but got text")
        received = data if text is None else text
        if self.encoding != "json":
            return received
        try:
            return parse_json(received or "")
        except ValueError:
            pass
        await self._refuse(websocket, 1007, "Malformed JSON data received.")

    async def _refuse(self, websocket: WebSocket, code: int, complaint: str) -> NoReturn:
        await websocket.close(code)
        raise RuntimeError(complaint)


class NotingWebSocket(WebSocket):
    """A websocket that knows whether the application has accepted it, and what it was closed with."""

    was_accepted = False
    closed_with = 1000

    async def accept(self, *args: Any, **kwargs: Any) -> None:
        """Accept, and take note."""
        await super().accept(*args, **kwargs)
        self.was_accepted = True

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close, and take note of the code."""
        self.closed_with = code
        await super().close(code, reason)
