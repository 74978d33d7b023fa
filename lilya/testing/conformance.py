"""Whether what an application sends is ASGI: the order of its messages, and what is in them.

The order comes from the tables of `lilya._sansio`; the contents are judged here. A judge sees every message once,
before it is acted on; it waits for nothing and sends nothing. With `strict=False` the contents are taken as they are
and only the order is judged, since no server can do anything with a message that may not come.

What a server hands in is judged the same way by the judges of `lilya.testing.conformance_server`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final, Literal

from lilya._sansio import http, lifespan, websocket
from lilya._sansio.machine import Phase
from lilya.testing.exceptions import ASGISpecViolation
from lilya.types import Message

__all__ = [
    "EXTENSIONS",
    "HTTPJudge",
    "Judge",
    "LifespanJudge",
    "WebSocketJudge",
    "judge_headers",
    "judge_payload",
    "want",
]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")  # RFC 9110, section 5.6.2, as ASGI has it: in lower case
_UNSAFE = re.compile(rb"[\r\n\0]")  # RFC 9110, section 5.5: what splits or truncates a header

# Messages that may be sent only when the server offers the extension: ASGI, "Extensions".
EXTENSIONS: Final[Mapping[str, str]] = {
    "http.response.debug": "http.response.debug",
    "http.response.early_hint": "http.response.early_hint",
    "http.response.pathsend": "http.response.pathsend",
    "http.response.push": "http.response.push",
    "http.response.trailers": "http.response.trailers",
    "http.response.zerocopysend": "http.response.zerocopysend",
    "websocket.http.response.body": "websocket.http.response",
    "websocket.http.response.start": "websocket.http.response",
}

_EVENTS = "ASGI, Events"

# Where the specification speaks of a message.
_SECTIONS: Final[Mapping[str, str]] = {
    "http.disconnect": "ASGI HTTP, Disconnect",
    "http.request": "ASGI HTTP, Request",
    "http.response.body": "ASGI HTTP, Response Body",
    "http.response.debug": "ASGI Extensions, Debug",
    "http.response.early_hint": "ASGI Extensions, Early Hints",
    "http.response.pathsend": "ASGI Extensions, Path Send",
    "http.response.push": "ASGI Extensions, HTTP/2 Server Push",
    "http.response.start": "ASGI HTTP, Response Start",
    "http.response.trailers": "ASGI Extensions, HTTP Trailers",
    "http.response.zerocopysend": "ASGI Extensions, Zero Copy Send",
    "lifespan.shutdown": "ASGI Lifespan, Shutdown",
    "lifespan.shutdown.complete": "ASGI Lifespan, Shutdown Complete",
    "lifespan.shutdown.failed": "ASGI Lifespan, Shutdown Failed",
    "lifespan.startup": "ASGI Lifespan, Startup",
    "lifespan.startup.complete": "ASGI Lifespan, Startup Complete",
    "lifespan.startup.failed": "ASGI Lifespan, Startup Failed",
    "websocket.accept": "ASGI WebSocket, Accept",
    "websocket.close": "ASGI WebSocket, Close",
    "websocket.connect": "ASGI WebSocket, Connect",
    "websocket.disconnect": "ASGI WebSocket, Disconnect",
    "websocket.http.response.body": "ASGI Extensions, Websocket Denial Response",
    "websocket.http.response.start": "ASGI Extensions, Websocket Denial Response",
    "websocket.receive": "ASGI WebSocket, Receive",
    "websocket.send": "ASGI WebSocket, Send",
}


class Judge(ABC):
    """Follows one side of a connection from `phase` to `done`."""

    culprit: ClassVar[Literal["application", "server"]] = "application"
    verb: ClassVar[str] = "sent"
    gives: ClassVar[str] = "send() wants"

    def __init__(self, phase: Phase, done: Phase, extensions: Collection[str] = (), *, strict: bool = True) -> None:
        self.phase = phase
        self._done = done
        self._extensions = extensions
        self._strict = strict
        self._section = _EVENTS  # of the message that is being judged

    @property
    def done(self) -> bool:
        """Whether nothing more may come."""
        return self.phase is self._done

    def sent(self, message: Any) -> None:
        """Judge the next message; raises `ASGISpecViolation`, and then it is as if it had not been sent."""
        phase = self._follow(message)
        if self._strict:
            self._content(message)
        self.phase = phase

    def passed(self, message: Any) -> None:
        """`sent`, for one who passes the message on whatever is wrong with it."""
        phase = self._follow(message)
        try:
            self._content(message)
        finally:
            self.phase = phase

    def _follow(self, message: Any) -> Phase:
        kind = message.get("type") if isinstance(message, Mapping) else None
        self._section = _EVENTS
        if not isinstance(kind, str):
            raise self.violation(f"{self.gives} a dict with a 'type' that is a str, got {message!r:.200}")
        self._section = _SECTIONS.get(kind, _EVENTS)
        phase = self.phase.after(message)
        if phase is None:
            raise self.violation(f"{kind!r} cannot be {self.verb} now; expected {self.phase.expected()}")
        extension = EXTENSIONS.get(kind)
        if extension is not None and extension not in self._extensions:
            raise self.violation(
                f"{kind!r} belongs to the extension {extension!r}, which this server does not offer: "
                'look into scope["extensions"] first'
            )
        return phase

    @abstractmethod
    def _content(self, message: Message) -> None:
        """Judge what is in `message`, which may come now."""

    def returned(self) -> None:
        """Judge the application's return; raises `ASGISpecViolation` when it owes a message."""
        if self._strict and not self.done:
            self._section = _SECTIONS.get(next(iter(self.phase)), _EVENTS)
            raise self.violation(f"the application returned, but still owes {self.phase.expected()}")

    def violation(self, fault: str) -> ASGISpecViolation:
        """`fault`, with the section the message being judged belongs to."""
        return ASGISpecViolation(fault, self._section, culprit=self.culprit)

    def _want(self, message: Message, name: str, kind: type, default: Any = None) -> Any:
        return want(name, message.get(name, default), kind, self.violation)

    def _headers(self, message: Message) -> dict[bytes, bytes]:
        return judge_headers(message.get("headers", ()), self.violation)


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
                if not self._want(message, "path", str).startswith(("/", "\\")) and ":" not in message["path"]:
                    raise self.violation(f"'path' wants an absolute path, got {message['path']!r}")
            case "http.response.zerocopysend":
                if not isinstance(message.get("file"), int) and not hasattr(message.get("file"), "fileno"):
                    raise self.violation(f"'file' wants an open file descriptor, got {message.get('file')!r}")
                self._want(message, "more_body", bool, False)
            case "http.response.push":
                self._want(message, "path", str)
                self._headers(message)
            case "http.response.early_hint":
                for link in self._want(message, "links", Collection, ()):
                    want("links", link, bytes, self.violation)
            case "http.response.debug":
                self._want(message, "info", Mapping)
            case "http.response.trailers":
                self._headers(message)
                self._want(message, "more_trailers", bool, False)

    def _start(self, message: Message) -> None:
        status = _status(message, self.violation)
        if self._want(message, "trailers", bool, False) and "http.response.trailers" not in self._extensions:
            raise self.violation("trailers are announced, but this server does not offer them")
        length = self._headers(message).get(b"content-length")
        if length is not None and not length.isdigit():
            raise self.violation(f"content-length wants digits, got {length!r}")
        if length is not None and not self._bodiless and status not in (204, 304):
            self._announced = int(length)

    def _body(self, message: Message) -> None:
        self._seen += len(self._want(message, "body", bytes, b""))
        self._want(message, "more_body", bool, False)
        if self._announced is None:
            return
        if self._seen > self._announced or (self._seen < self._announced and not message.get("more_body")):
            raise self.violation(f"content-length announced {self._announced} bytes, the body has {self._seen}")


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
                judge_payload(message, self.violation)
            case "websocket.close":
                self._close(message)
            case "websocket.http.response.start":
                _status(message, self.violation)
                self._headers(message)
            case "websocket.http.response.body":
                self._want(message, "body", bytes, b"")
                self._want(message, "more_body", bool, False)
            case _:  # http.response.debug
                self._want(message, "info", Mapping)

    def _accept(self, message: Message) -> None:
        chosen = message.get("subprotocol")
        if chosen is not None and chosen not in self._subprotocols:
            raise self.violation(
                f"subprotocol {chosen!r} was accepted, the client offered {list(self._subprotocols)} "
                "(RFC 6455, section 4.2.2)"
            )
        if b"sec-websocket-protocol" in self._headers(message):
            raise self.violation("name the subprotocol in 'subprotocol', not in a sec-websocket-protocol header")

    def _close(self, message: Message) -> None:
        code, reason = message.get("code", 1000), message.get("reason") or ""
        want("reason", reason, str, self.violation)
        if self.phase is websocket.CONNECTING:
            return  # a refused handshake has no close frame: the code goes nowhere
        if type(code) is not int or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
            raise self.violation(f"{code!r} is no close code an endpoint may send (RFC 6455, section 7.4)")
        if len(reason.encode()) > websocket.MAX_REASON:
            raise self.violation(
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
        self._want(message, "message", str, "")


# RFC 6455, section 7.4.1 and the IANA registry, without those that are never sent (1004, 1005, 1006, 1015).
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

Complain = Callable[[str], ASGISpecViolation]


def want(name: str, value: Any, kind: type, complain: Complain) -> Any:
    """`value`, if it is a `kind` (a bool is no int)."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        hint = ": encode it first" if kind is bytes and isinstance(value, str) else ""
        raise complain(f"{name!r} wants {kind.__name__}, got {type(value).__name__} {value!r:.80}{hint}")
    return value


def judge_payload(message: Message, complain: Complain) -> None:
    """Judge the text or bytes of a websocket message."""
    text, data = message.get("text"), message.get("bytes")
    if text is None and data is None:
        raise complain(f"{message['type']} wants 'text' or 'bytes', got neither")
    if text is not None:
        want("text", text, str, complain)
    if data is not None:
        want("bytes", data, bytes, complain)


def _status(message: Message, complain: Complain) -> int:
    status = message.get("status")
    if type(status) is not int or not 200 <= status <= 599:
        raise complain(f"the status of a response is an int from 200 to 599, got {status!r}")
    return status


def judge_headers(headers: Any, complain: Complain) -> dict[bytes, bytes]:
    """Judge the headers of a message or scope and return them, the last of equal names."""
    found: dict[bytes, bytes] = {}
    try:
        pairs = [(name, value) for name, value in headers]
    except (TypeError, ValueError):
        raise complain(f"headers want an iterable of [name, value] pairs, got {headers!r:.200}") from None
    for name, value in pairs:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise complain(f"header names and values are bytes, got {name!r}: {value!r}; encode them as latin-1")
        if not _TOKEN.fullmatch(name):
            if _TOKEN.fullmatch(name.lower()):
                raise complain(f"header names are in lower case, got {name!r}")
            raise complain(f"{name!r} is no header name (RFC 9110, section 5.1)")
        if _UNSAFE.search(value):
            raise complain(f"the value of header {name!r} has a line break or NUL in it: {value!r}")
        found[name] = value
    return found
