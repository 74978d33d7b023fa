"""The words of ASGI, as types.

Lowest floor of the house: knows nothing but `typing`. A lower floor that must speak of a
higher one does it through a `Protocol` kept here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NotRequired, Protocol, TypeAlias, TypedDict, TypeVar

__all__ = [
    "ASGIApp",
    "ApplicationType",
    "CallableDecorator",
    "Dependencies",
    "Drainable",
    "Empty",
    "ExceptionHandler",
    "ExceptionHandlers",
    "HTTPDisconnect",
    "HTTPExceptionHandler",
    "HTTPRequest",
    "HTTPResponseBody",
    "HTTPResponseStart",
    "Lifespan",
    "LifespanEvent",
    "Message",
    "RawHeaders",
    "Receive",
    "Scope",
    "Send",
    "WebSocketClose",
    "WebSocketConnect",
    "WebSocketDisconnectMessage",
    "WebSocketExceptionHandler",
    "WebSocketReceive",
    "WebSocketSend",
]

# A scope is a plain dict: the specification says so, and copying it is on every request's path.
Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


class HTTPRequest(TypedDict):
    """`http.request`: a piece of the request body (ASGI HTTP 2.5, "Request")."""

    type: Literal["http.request"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class HTTPDisconnect(TypedDict):
    """`http.disconnect`: the client has gone, or the response is complete."""

    type: Literal["http.disconnect"]


class HTTPResponseStart(TypedDict):
    """`http.response.start`: status and headers; nothing reaches the wire before the first body message."""

    type: Literal["http.response.start"]
    status: int
    headers: NotRequired[Iterable[tuple[bytes, bytes]]]
    trailers: NotRequired[bool]


class HTTPResponseBody(TypedDict):
    """`http.response.body`: a piece of the response body; the last one has `more_body` false."""

    type: Literal["http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class WebSocketConnect(TypedDict):
    """`websocket.connect`: the client asks for the handshake."""

    type: Literal["websocket.connect"]


class WebSocketReceive(TypedDict):
    """`websocket.receive`: one whole message, text or bytes."""

    type: Literal["websocket.receive"]
    text: NotRequired[str | None]
    bytes: NotRequired[bytes | None]


class WebSocketDisconnectMessage(TypedDict):
    """`websocket.disconnect`: the connection is over; code 1005 when the client gave none."""

    type: Literal["websocket.disconnect"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


class WebSocketSend(TypedDict):
    """`websocket.send`: one whole message, text or bytes."""

    type: Literal["websocket.send"]
    text: NotRequired[str | None]
    bytes: NotRequired[bytes | None]


class WebSocketClose(TypedDict):
    """`websocket.close`: before `accept` it refuses the handshake with 403."""

    type: Literal["websocket.close"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

# An exception handler gets the connection and the exception and answers with an ASGI app (a response), or,
# for a websocket, acts on the connection and returns nothing. It may be sync (run in a thread) or async.
ExceptionHandler: TypeAlias = Callable[[Any, Any], Any]
HTTPExceptionHandler: TypeAlias = ExceptionHandler
WebSocketExceptionHandler: TypeAlias = ExceptionHandler
# Keys are statuses and exception classes. A mapping's keys are invariant: said precisely, this would refuse a
# `dict[type[LookupError], ...]`.
ExceptionHandlers: TypeAlias = Mapping[Any, ExceptionHandler]

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]]
LifespanEvent: TypeAlias = Callable[[], Any]
Dependencies: TypeAlias = Mapping[str, Any]
CallableDecorator: TypeAlias = Callable[[T], T]


class ApplicationType(Protocol):
    """What routing needs to know of the application that owns it."""

    state: Any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Drainable(Protocol):
    """What a server needs to know of an application to stop it in good order."""

    def drain(self) -> None:
        """Tell everything that watches `draining` to finish politely. Idempotent; never blocks."""


class Empty:
    """Marks a value that was not given, where `None` is one."""
