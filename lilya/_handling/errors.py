"""An exception finds its handler, and the handler its answer.

The nearest layer that has a handler wins (`Path`, then `Include`, then the application): each layer that has some
catches, asks here, and lets pass what it has no handler for. Within a layer a status comes before a class, and of the
classes the most specific in the exception's MRO.

A client that left is nobody's to answer: `ClientDisconnect` passes all layers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from lilya._asgi.exchange import EXCHANGE, Exchange, exchange_of, is_departure
from lilya._handling.problems import Refusal, plain_response
from lilya._handling.result import to_response
from lilya._lazy import lazily
from lilya._sansio import http
from lilya._sansio import websocket as ws
from lilya.concurrency.nursery import raise_plain, unwrap
from lilya.concurrency.threads import is_async_callable, run_in_threadpool
from lilya.exceptions import (
    ClientDisconnect,
    HTTPException,
    ImproperlyConfigured,
    InternalServerError,
    TemplateNotFound,
    WebSocketException,
)
from lilya.requests import Request
from lilya.responses.base import Response
from lilya.types import ASGIApp, ExceptionHandler, ExceptionHandlers, Message, Receive, Scope, Send
from lilya.websockets import WebSocket

if TYPE_CHECKING:
    from lilya._handling import debug as debugging
else:
    debugging = lazily("lilya._handling.debug")

__all__ = [
    "Rescue",
    "Rescuer",
    "Rescuing",
    "answer",
    "catching",
    "default_answer",
    "deny",
    "find_handler",
    "last_resort",
    "rescue_with",
]

# Faults of the application that are `HTTPException`s for their status only: for the log, not for the client.
FAULTS: Final = (ImproperlyConfigured, TemplateNotFound)

# Answers an exception, or says that it cannot.
Rescue: TypeAlias = Callable[[Exception, Scope, Receive, Send], Awaitable[bool]]


def find_handler(exc: Exception, handlers: ExceptionHandlers) -> ExceptionHandler | None:
    """The handler of one layer for an exception, or None."""
    if isinstance(exc, HTTPException) and exc.status_code in handlers:
        return handlers[exc.status_code]
    kinds = common_classes(exc) if isinstance(exc, ExceptionGroup) else type(exc).__mro__
    return next((handlers[kind] for kind in kinds if kind in handlers), None)


def common_classes(group: ExceptionGroup[Exception]) -> tuple[type, ...]:
    """Where to look for the handler of several exceptions at once:

    `ExceptionGroup` itself, then their common classes.
    """
    leaves = _leaves(group)
    shared = [kind for kind in type(leaves[0]).__mro__ if all(isinstance(leaf, kind) for leaf in leaves)]
    return (type(group), ExceptionGroup, *shared)


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (_leaves(each) if isinstance(each, BaseExceptionGroup) else [each])
    ]


def has_started(exchange: Exchange | None) -> bool:
    """Whether anything of the response is out already."""
    return exchange is not None and exchange.phase not in (http.HEADERS, ws.CONNECTING, ws.OPEN)


def is_open(exchange: Exchange | None) -> bool:
    """Whether a websocket is accepted and not closed."""
    return exchange is not None and exchange.phase is ws.OPEN


async def answer(exc: Exception, handlers: ExceptionHandlers, scope: Scope, receive: Receive, send: Send) -> bool:
    """Let the handler of a layer answer. False: there is none, or it is too late, and the exception goes on.

    Once the response has started a handler is called for its side effects alone. What a handler raises replaces the
    exception. Sync handlers run in a thread. A handler may send for itself, and a websocket it does not close is
    closed. One that sends nothing and returns None has not answered a request: the exception goes on.
    """
    handler = None if not handlers or is_departure(exc) else find_handler(exc, handlers)
    if handler is None:
        return False
    exchange = exchange_of(scope)
    too_late = has_started(exchange)
    connection = (Request if scope["type"] == "http" else WebSocket)(scope, receive, send)
    result = await call(handler, connection, exc)
    if too_late:
        return False
    if has_started(exchange):
        return True
    if scope["type"] == "http":
        if result is None:
            return False
        await to_response(result)(scope, receive, send)
    elif result is not None and not is_open(exchange):
        await deny(to_response(result), scope, receive, send)
    elif not await default_answer(exc, scope, receive, send):
        await send(close_message(1011, "internal error"))
    return True


async def call(handler: ExceptionHandler, connection: Any, exc: Exception) -> Any:
    """Call an exception handler, sync or async."""
    if is_async_callable(handler):
        return await handler(connection, exc)
    return await run_in_threadpool(handler, connection, exc)


async def last_resort(
    exc: Exception, handler: ExceptionHandler | None, debug: bool, scope: Scope, receive: Receive, send: Send
) -> None:
    """Nobody handled `exc`: answer it, if there is still time. Whoever calls this raises it on, to the server's log.

    With `debug` a request is answered by all there is to know about it, else by `handler`, else by saying that the
    server failed. A handler is called for its side effects when it is too late to answer; what it raises is raised
    when the client has been told. A client that left meanwhile is nobody's to answer.
    """
    exchange = exchange_of(scope)
    is_http = scope["type"] == "http"
    failure: Exception | None = None
    result: Any = None
    try:
        if debug and is_http:
            result = None if has_started(exchange) else await debugging.debug_response(exc, scope)
        elif handler is not None:
            try:
                result = await call(handler, (Request if is_http else WebSocket)(scope, receive, send), exc)
            except ClientDisconnect:
                raise
            except Exception as error:
                failure = error
        if is_open(exchange):
            await send(close_message(1011, "internal error"))
        elif not has_started(exchange):
            response = plain_response(InternalServerError(), scope) if result is None else to_response(result)
            await (response(scope, receive, send) if is_http else deny(response, scope, receive, send))
    except ClientDisconnect:
        return
    if failure is not None:
        raise_plain(failure)


async def default_answer(exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
    """What an application answers by itself: `HTTPException` and, on a websocket, `WebSocketException`.

    False: the exception is none of them, or it is too late. A fault of the application's is none of them.
    """
    exchange = exchange_of(scope)
    if has_started(exchange) or isinstance(exc, FAULTS):
        return False
    if isinstance(exc, WebSocketException) and scope["type"] == "websocket":
        await send(close_message(exc.code, exc.reason))
    elif not isinstance(exc, HTTPException):
        return False
    elif scope["type"] == "http":
        await plain_response(exc, scope)(scope, receive, send)
    elif is_open(exchange):
        # RFC 6455, section 7.4.1: 1008 is the client's fault, 1011 the server's.
        await send(close_message(1008 if exc.status_code < 500 else 1011, str(exc.detail)))
    else:
        await deny(plain_response(exc, scope), scope, receive, send)
    return True


def close_message(code: int, reason: str) -> Message:
    """The message that closes a websocket. Raises `ValueError` for a code that no close frame may carry."""
    return {"type": "websocket.close", "code": ws.check_close_code(code), "reason": ws.closing_reason(reason)}


async def deny(response: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a handshake: with `response` where the server can send one, else with a close before accept (a 403)."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await response(scope, receive, send)
    else:
        await send(close_message(1000, ""))


async def rescue_with(rescue: Rescue | None, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Let `rescue` answer an exception, as the plain one it is; what it does not answer is raised."""
    plain = unwrap(exc)
    if isinstance(plain, Exception) and rescue is not None and await rescue(plain, scope, receive, send):
        return
    raise_plain(plain)


class HasHandlers(Protocol):
    """An application, as its exception handlers see it."""

    exception_handlers: dict[int | type[Exception], ExceptionHandler]


# The keys of handlers that a plain `HTTPException` may come to, but for its status. The handler for every `Exception`
# is the last resort's, outside the middleware.
ASKED: Final = frozenset(kind for kind in HTTPException.__mro__ if kind is not Exception)


class Rescuer:
    """Answers what routes and permissions raise: by the handlers of `app`, else as `HTTPException` and its kin say."""

    __slots__ = ("_app",)

    def __init__(self, app: HasHandlers) -> None:
        self._app = app

    def ready(self, status: int, allow: str, scope: Scope) -> Response | None:
        """What it would answer to an `HTTPException` with this status and perhaps `Allow`, where no handler would be
        asked and nothing of another answer is out. None: call it, with an exception.
        """
        exchange: Exchange | None = scope.get(EXCHANGE)
        if self.asks(status) or exchange is None or exchange.phase is not http.HEADERS:
            return None
        return Refusal(status, scope, allow)

    def asks(self, status: int) -> bool:
        """Whether there is a handler that would be asked for an `HTTPException` with this status."""
        handlers = self._app.exception_handlers
        return bool(handlers) and (status in handlers or not ASKED.isdisjoint(handlers))

    async def __call__(self, exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer `exc`. False: it is nobody's, or it is too late."""
        handlers: ExceptionHandlers = self._app.exception_handlers
        if handlers:
            handlers = {key: handler for key, handler in handlers.items() if key is not Exception}
            if await answer(exc, handlers, scope, receive, send):
                return True
        return await default_answer(exc, scope, receive, send)


class Rescuing:
    """The layer that answers, by `rescue`, what the layers further in raise."""

    __slots__ = ("app", "rescue")

    def __init__(self, app: ASGIApp, rescue: Rescue) -> None:
        self.app = app
        self.rescue = rescue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the layers further in; answer what they raise."""
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            await rescue_with(self.rescue, exc, scope, receive, send)


def catching(app: ASGIApp, handlers: ExceptionHandlers) -> ASGIApp:
    """`app` inside the exception handlers of a route or an include."""

    async def rescue(exc: Exception, scope: Scope, receive: Receive, send: Send) -> bool:
        return await answer(exc, handlers, scope, receive, send)

    return Rescuing(app, rescue)
