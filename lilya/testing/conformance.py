"""Whether what an application sends is ASGI: the order of its messages, and what is in them.

The order comes from the tables of `lilya._sansio`; the contents are judged here. A judge sees every message once,
before it is acted on; it waits for nothing and sends nothing. With `strict=False` the contents are taken as they are
and only the order is judged, since no server can do anything with a message that may not come.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Final

from lilya._sansio import http, lifespan, websocket
from lilya._sansio.machine import Phase
from lilya.testing.exceptions import ASGISpecViolation
from lilya.types import Message

__all__ = ["HTTPJudge", "Judge", "LifespanJudge", "WebSocketJudge"]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_UNSAFE = re.compile(rb"[\r\n\0]")  # RFC 9110, section 5.5: what splits or truncates a header

# Messages that may be sent only when the server offers the extension: ASGI, "Extensions".
_EXTENSIONS: Final[Mapping[str, str]] = {
    "http.response.debug": "http.response.debug",
    "http.response.early_hint": "http.response.early_hint",
    "http.response.pathsend": "http.response.pathsend",
    "http.response.push": "http.response.push",
    "http.response.trailers": "http.response.trailers",
    "http.response.zerocopysend": "http.response.zerocopysend",  # never offered: file descriptors need a socket
    "websocket.http.response.body": "websocket.http.response",
    "websocket.http.response.start": "websocket.http.response",
}


class Judge(ABC):
    """Follows one connection from `phase` to `done`."""

    def __init__(self, phase: Phase, done: Phase, extensions: Collection[str] = (), *, strict: bool = True) -> None:
        self.phase = phase
        self._done = done
        self._extensions = extensions
        self._strict = strict

    @property
    def done(self) -> bool:
        """Whether nothing more may come."""
        return self.phase is self._done

    def sent(self, message: Any) -> None:
        """Judge the next message the application sends; raises `ASGISpecViolation`."""
        kind = message.get("type") if isinstance(message, Mapping) else None
        if not isinstance(kind, str):
            raise ASGISpecViolation(f"send() wants a dict with a 'type' that is a str, got {message!r}")
        phase = self.phase.after(message)
        if phase is None:
            raise ASGISpecViolation(f"{kind!r} cannot be sent now; expected {self.phase.expected()}")
        extension = _EXTENSIONS.get(kind)
        if extension is not None and extension not in self._extensions:
            raise ASGISpecViolation(
                f"{kind!r} belongs to the extension {extension!r}, which this server does not offer: "
                'look into scope["extensions"] first'
            )
        if self._strict:
            self._content(message)
        self.phase = phase

    @abstractmethod
    def _content(self, message: Message) -> None:
        """Judge what is in `message`, which may come now."""

    def returned(self) -> None:
        """Judge the application's return; raises `ASGISpecViolation` when it owes a message."""
        if self._strict and not self.done:
            raise ASGISpecViolation(f"the application returned, but still owes {self.phase.expected()}")


class HTTPJudge(Judge):
    """Judges one HTTP exchange (ASGI HTTP 2.5). `bodiless`: a response to HEAD, whose body the server drops."""

    def __init__(self, extensions: Collection[str] = (), *, bodiless: bool = False, strict: bool = True) -> None:
        super().__init__(http.HEADERS, http.DONE, extensions, strict=strict)
        self._bodiless = bodiless
        self._announced: int | None = None
        self._seen = 0

    def _content(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start":
                self._start(message)
            case "http.response.body":
                self._body(message)
            case "http.response.pathsend":
                _want("path", message.get("path"), str)
            case "http.response.trailers":
                _headers(message)

    def _start(self, message: Message) -> None:
        status = _status(message)
        if message.get("trailers") and "http.response.trailers" not in self._extensions:
            raise ASGISpecViolation("trailers are announced, but this server does not offer them")
        length = _headers(message).get(b"content-length")
        if length is not None and not length.isdigit():
            raise ASGISpecViolation(f"content-length wants digits, got {length!r}")
        if length is not None and not self._bodiless and status not in (204, 304):
            self._announced = int(length)

    def _body(self, message: Message) -> None:
        body = message.get("body", b"")
        _want("body", body, bytes)
        self._seen += len(body)
        if self._announced is None:
            return
        if self._seen > self._announced or (self._seen < self._announced and not message.get("more_body")):
            raise ASGISpecViolation(f"content-length announced {self._announced} bytes, the body has {self._seen}")


class WebSocketJudge(Judge):
    """Judges one websocket (ASGI WebSocket 2.5); `subprotocols` are those the client offered."""

    def __init__(
        self, extensions: Collection[str] = (), *, subprotocols: Collection[str] = (), strict: bool = True
    ) -> None:
        super().__init__(websocket.CONNECTING, websocket.DONE, extensions, strict=strict)
        self._subprotocols = subprotocols

    def returned(self) -> None:
        """A handler may return from an open websocket (the server closes it), not from an unanswered handshake."""
        if self.phase is not websocket.OPEN:
            super().returned()

    def _content(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._accept(message)
            case "websocket.send":
                self._send(message)
            case "websocket.close":
                self._close(message)
            case "websocket.http.response.start":
                _status(message)
                _headers(message)
            case _:  # websocket.http.response.body
                _want("body", message.get("body", b""), bytes)

    def _accept(self, message: Message) -> None:
        chosen = message.get("subprotocol")
        if chosen is not None and chosen not in self._subprotocols:
            raise ASGISpecViolation(
                f"subprotocol {chosen!r} was accepted, the client offered {list(self._subprotocols)} "
                "(RFC 6455, section 4.2.2)"
            )
        if b"sec-websocket-protocol" in _headers(message):
            raise ASGISpecViolation("name the subprotocol in 'subprotocol', not in a sec-websocket-protocol header")

    def _send(self, message: Message) -> None:
        text, data = message.get("text"), message.get("bytes")
        if text is None and data is None:
            raise ASGISpecViolation("websocket.send wants 'text' or 'bytes', got neither")
        if text is not None:
            _want("text", text, str)
        if data is not None:
            _want("bytes", data, bytes)

    def _close(self, message: Message) -> None:
        code, reason = message.get("code", 1000), message.get("reason") or ""
        _want("reason", reason, str)
        if self.phase is not websocket.OPEN:
            return  # a refused handshake has no close frame: the code goes nowhere
        if type(code) is not int or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
            raise ASGISpecViolation(f"{code!r} is no close code an endpoint may send (RFC 6455, section 7.4)")
        if len(reason.encode()) > websocket.MAX_REASON:
            raise ASGISpecViolation(
                f"the reason has {len(reason.encode())} bytes of UTF-8, a close frame carries {websocket.MAX_REASON}"
            )


class LifespanJudge(Judge):
    """Judges one lifespan call (ASGI Lifespan 2.0)."""

    def __init__(self, *, strict: bool = True) -> None:
        super().__init__(lifespan.STARTING, lifespan.DONE, strict=strict)

    @property
    def answers(self) -> int:
        """How many of the server's messages have been answered."""
        return 2 if self.done else int(self.phase is not lifespan.STARTING)

    def _content(self, message: Message) -> None:
        _want("message", message.get("message", ""), str)


# RFC 6455, section 7.4.1 and the IANA registry, without those that are never sent (1004, 1005, 1006, 1015).
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def _want(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        hint = ": encode it first" if kind is bytes and isinstance(value, str) else ""
        raise ASGISpecViolation(f"{name!r} wants {kind.__name__}, got {type(value).__name__} {value!r:.80}{hint}")


def _status(message: Message) -> int:
    status = message.get("status")
    if type(status) is not int or not 200 <= status <= 599:
        raise ASGISpecViolation(f"the status of a response is an int from 200 to 599, got {status!r}")
    return status


def _headers(message: Message) -> dict[bytes, bytes]:
    """Judge the headers of `message` and return them, the last of equal names, lower-cased."""
    found: dict[bytes, bytes] = {}
    headers = message.get("headers", ())
    try:
        pairs = [(name, value) for name, value in headers]
    except (TypeError, ValueError):
        raise ASGISpecViolation(f"headers want an iterable of [name, value] pairs, got {headers!r:.200}") from None
    for name, value in pairs:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise ASGISpecViolation(
                f"header names and values are bytes, got {name!r}: {value!r}; encode them as latin-1"
            )
        if not _TOKEN.fullmatch(name):
            raise ASGISpecViolation(f"{name!r} is no header name (RFC 9110, section 5.1)")
        if _UNSAFE.search(value):
            raise ASGISpecViolation(f"the value of header {name!r} has a line break or NUL in it: {value!r}")
        found[name.lower()] = value
    return found
