"""Whether what a server hands in is ASGI: the scope it calls an application with, and the messages it is given.

The same judges as for applications, on the other side's tables; used by `lilya.testing.lint`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Literal

from lilya._sansio import http, lifespan, websocket
from lilya.testing.conformance import Judge, judge_headers, judge_payload, want
from lilya.testing.exceptions import ASGISpecViolation
from lilya.types import Message, Scope

__all__ = ["HTTPServerJudge", "LifespanServerJudge", "ServerJudge", "WebSocketServerJudge", "judge_scope"]

_NAMES: Final[Mapping[str, str]] = {
    "http": "ASGI HTTP, HTTP Connection Scope",
    "lifespan": "ASGI Lifespan, Scope",
    "websocket": "ASGI WebSocket, Websocket Connection Scope",
}
_HTTP_VERSIONS = frozenset({"1.0", "1.1", "2", "3"})


class ServerJudge(Judge):
    """Follows what the application receives; a server never owes a message."""

    culprit: ClassVar[Literal["application", "server"]] = "server"
    verb: ClassVar[str] = "received"
    gives: ClassVar[str] = "receive() gives"


class HTTPServerJudge(ServerJudge):
    """Judges what a server hands to one HTTP exchange."""

    def __init__(self) -> None:
        super().__init__(http.READING, http.GONE)

    def _content(self, message: Message) -> None:
        if message["type"] == "http.request":
            self._want(message, "body", bytes, b"")
            self._want(message, "more_body", bool, False)


class WebSocketServerJudge(ServerJudge):
    """Judges what a server hands to one websocket; `accepted()` tells whether the application has accepted it."""

    def __init__(self, accepted: Callable[[], bool]) -> None:
        super().__init__(websocket.ARRIVING, websocket.GONE)
        self._accepted = accepted

    def _content(self, message: Message) -> None:
        if message["type"] == "websocket.receive":
            if not self._accepted():
                raise self.violation("a message was handed in before the application has accepted")
            judge_payload(message, self.violation)
        elif message["type"] == "websocket.disconnect":
            self._want(message, "code", int, 1005)
            want("reason", message.get("reason") or "", str, self.violation)


class LifespanServerJudge(ServerJudge):
    """Judges what a server hands to a lifespan call; `started()` tells whether the application has come up."""

    def __init__(self, started: Callable[[], bool]) -> None:
        super().__init__(lifespan.ASLEEP, lifespan.ENDED)
        self._started = started

    def _content(self, message: Message) -> None:
        if message["type"] == "lifespan.shutdown" and not self._started():
            raise self.violation("the shutdown began before the application has answered the startup")


def judge_scope(scope: Scope) -> None:
    """Judge the scope of an `http`, `websocket` or `lifespan` call; raises `ASGISpecViolation` of the server."""
    kind = scope["type"]

    def complain(fault: str) -> ASGISpecViolation:
        return ASGISpecViolation(fault, _NAMES[kind], culprit="server")

    asgi = want("asgi", scope.get("asgi"), Mapping, complain)
    for name in ("version", "spec_version"):
        want(f"asgi.{name}", asgi.get(name, "2.0" if name == "spec_version" else None), str, complain)
    if scope.get("state") is not None:
        want("state", scope["state"], Mapping, complain)
    if kind == "lifespan":
        return
    _judge_target(scope, complain)
    judge_headers(scope.get("headers", ()), complain)  # pseudo headers begin with a colon: no header names
    if scope.get("extensions") is not None:
        want("extensions", scope["extensions"], Mapping, complain)
    _judge_address("client", scope.get("client"), int, complain)
    _judge_address("server", scope.get("server"), int | None, complain)
    if kind == "websocket":
        for name in scope.get("subprotocols", ()):
            want("subprotocols", name, str, complain)
    elif not (method := want("method", scope.get("method"), str, complain)) or method != method.upper():
        raise complain(f"'method' wants upper case, got {method!r}")


def _judge_target(scope: Scope, complain: Callable[[str], ASGISpecViolation]) -> None:
    if scope.get("http_version", "1.1") not in _HTTP_VERSIONS:
        raise complain(f"'http_version' wants one of {sorted(_HTTP_VERSIONS)}, got {scope['http_version']!r}")
    if not want("scheme", scope.get("scheme", "http"), str, complain):
        raise complain("'scheme' may be missing, but not empty")
    want("path", scope.get("path"), str, complain)
    want("root_path", scope.get("root_path", ""), str, complain)
    want("query_string", scope.get("query_string"), bytes, complain)
    raw = scope.get("raw_path")
    if raw is not None and b"?" in want("raw_path", raw, bytes, complain):
        raise complain(f"'raw_path' has no query string in it, got {raw!r}")


def _judge_address(name: str, address: Any, port: Any, complain: Callable[[str], ASGISpecViolation]) -> None:
    if address is None:
        return
    pair = list(address) if isinstance(address, list | tuple) else []
    if len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], port):
        raise complain(f"{name!r} wants [host, port] or None, got {address!r}")
