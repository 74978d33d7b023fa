"""One call of a WSGI application (PEP 3333): what it sees of a request, and what becomes of its answer.

All of it runs in one worker thread, which asks the event loop for the next piece of the request and hands it those of
the answer. What is raised here about the answer is the WSGI application's fault, and says so.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper, is_hop_by_hop

import anyio.from_thread

from lilya.exceptions import ClientDisconnect
from lilya.types import Message, Receive, Scope

__all__ = ["WSGIApp", "WSGICall", "environ_of"]

logger = logging.getLogger("lilya.wsgi")

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]
WSGIApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# How much of a request is kept for reading lines, in bytes: one read of a socket.
READ_BUFFER: Final = 64 * 1024
STATUS: Final = re.compile(r"([2-5]\d\d) [\x20-\x7e\xa0-\xff]*")
NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# `Proxy` would become the variable HTTP_PROXY, which clients further in take for the address of a proxy.
DROPPED: Final = frozenset({b"proxy", b"content-type", b"content-length"})
BODILESS: Final = frozenset({204, 205, 304})


def environ_of(scope: Scope) -> dict[str, Any]:
    """The CGI variables of a request (RFC 3875, PEP 3333): every text holds bytes, as latin-1 does."""
    root = (scope.get("root_path") or "").rstrip("/").encode()
    path = _path(scope)
    server = scope.get("server") or ("localhost", None)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root.decode("latin-1"),
        "PATH_INFO": (path[len(root) :] if path == root or path.startswith(root + b"/") else path).decode("latin-1"),
        "QUERY_STRING": (scope.get("query_string") or b"").decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or (443 if scope.get("scheme") == "https" else 80)),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
    }
    if scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = scope["client"][0], str(scope["client"][1])
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.lower(), raw_value.decode("latin-1")
        if name in (b"content-type", b"content-length"):
            environ.setdefault(name.decode().upper().replace("-", "_"), value)
        elif name not in DROPPED and b"_" not in name:  # `X_User` must not pass for the `X-User` of a proxy
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            separator = "; " if name == b"cookie" else ","
            environ[key] = environ[key] + separator + value if key in environ else value
    return environ


def _path(scope: Scope) -> bytes:
    """The path with nothing lost: what the client escaped need not be UTF-8."""
    path: str = scope["path"]
    raw = unquote_to_bytes((scope.get("raw_path") or b"").partition(b"?")[0])
    return raw if raw.decode("utf-8", "replace") == path else path.encode("utf-8", "surrogateescape")


class _Body(io.RawIOBase):
    """The body of a request, as a file that ends where the body does."""

    def __init__(self, call: WSGICall) -> None:
        self._call = call
        self._rest = b""
        self._more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and self._more:
            self._rest, self._more = self._call.ask()
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Errors(io.TextIOBase):
    """`wsgi.errors`: every line of it goes to the log."""

    def __init__(self) -> None:
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            logger.error("%s", line)
        return len(text)

    def flush(self) -> None:
        if self._line:
            logger.error("%s", self._line)
            self._line = ""


class WSGICall:
    """Calls `app` for one request, in a worker thread, and hands the messages of its answer to `put`.

    `receive` and `put` are run on the event loop. `refuse` may make an exception of a status, to be raised in place of
    the answer. `cancelled` is what a cancellation raises there.
    """

    def __init__(
        self,
        app: WSGIApp,
        scope: Scope,
        receive: Receive,
        put: Callable[[list[Message]], Any],
        refuse: Callable[[int, str], Exception | None],
        cancelled: type[BaseException],
    ) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._put = put
        self._refuse = refuse
        self._cancelled = (cancelled, CancelledError)
        self._status: int | None = None
        self._reason = ""
        self._headers: list[tuple[str, str]] = []
        self._started = False
        self._left: int | None = None  # bytes that Content-Length has promised and are still to come

    # -- what the application calls ---------------------------------------------------------------------------------

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's `start_response`: raises `AssertionError` for what it forbids."""
        if exc_info is not None:
            try:
                if self._started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a traceback that holds the frame it is in
        elif self._status is not None:
            raise AssertionError("the WSGI application called start_response twice, without exc_info")
        given: Any = status
        found = STATUS.fullmatch(given) if isinstance(given, str) else None
        if found is None:
            raise AssertionError(f"the WSGI application's status must be a str like '200 OK', got {status!r}")
        self._status, self._reason = int(found[1]), status[4:]
        self._headers = [_checked(header) for header in headers]
        return self.write

    def write(self, data: Any) -> None:
        """Hand on a piece of the body, and before the first one what was said to `start_response`."""
        if not isinstance(data, bytes):
            raise AssertionError(f"the WSGI application's body is made of bytes, got a {type(data).__name__}")
        if self._status is None:
            raise AssertionError("the WSGI application sent a body before it called start_response")
        if data:
            self._send(data, more=True)

    # -- the call ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Call the application, hand on all of its answer, and close it, whatever happens."""
        errors = _Errors()
        environ = environ_of(self._scope) | {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self._scope.get("scheme", "http"),
            "wsgi.input": io.BufferedReader(_Body(self), READ_BUFFER),
            "wsgi.input_terminated": True,  # it ends with the body, also where no Content-Length says where
            "wsgi.errors": errors,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
        }
        try:
            self._run(environ)
        finally:
            errors.flush()

    def _run(self, environ: dict[str, Any]) -> None:
        result: Any = self._app(environ, self.start_response)
        try:
            if isinstance(result, str | bytes):
                raise AssertionError("the WSGI application returned a str or bytes, wanted an iterable of bytes")
            single = len(result) == 1 if isinstance(result, list | tuple) else False
            for piece in result:
                if single and isinstance(piece, bytes) and not self._started:
                    self._say_length(len(piece))
                self.write(piece)
                if self._started and self._is_bodiless():
                    break
                self._look()
            self._finish()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _finish(self) -> None:
        if self._status is None:
            raise AssertionError("the WSGI application never called start_response")
        if not self._started:
            self._say_length(0)
        if self._left and not self._is_bodiless():
            raise AssertionError(f"the WSGI application's body ended {self._left} bytes before its Content-Length")
        self._send(b"", more=False)

    def _say_length(self, size: int) -> None:
        """Say how long the body is, where the application has not and it is known."""
        said = any(name.lower() == "content-length" for name, _ in self._headers)
        # Nothing is said of the body of a HEAD that the application has left out.
        if not said and self._status not in BODILESS and (size or self._scope["method"] != "HEAD"):
            self._headers.append(("Content-Length", str(size)))

    def _is_bodiless(self) -> bool:
        return self._scope["method"] == "HEAD" or self._status in BODILESS

    def _send(self, data: bytes, *, more: bool) -> None:
        messages: list[Message] = []
        if not self._started:
            assert self._status is not None
            refusal = self._refuse(self._status, self._reason)
            if refusal is not None:
                raise refusal
            self._left = _length(self._headers)
            messages.append(
                {
                    "type": "http.response.start",
                    "status": self._status,
                    "headers": [
                        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self._headers
                    ],
                }
            )
        if self._is_bodiless():
            data = b""
        elif self._left is not None:
            if len(data) > self._left:
                raise AssertionError("the WSGI application's body is longer than its Content-Length")
            self._left -= len(data)
        if data or not more:
            messages.append({"type": "http.response.body", "body": data, "more_body": more})
        self._started = True
        if messages:
            self._on_loop(self._put, messages)

    # -- the event loop ---------------------------------------------------------------------------------------------

    def ask(self) -> tuple[bytes, bool]:
        """The next piece of the request, and whether there are more. Raises `ClientDisconnect`."""
        message = self._on_loop(self._receive)
        if message["type"] == "http.disconnect":
            raise ClientDisconnect(detail="the client left before its request was complete")
        return message.get("body", b""), bool(message.get("more_body", False))

    def _on_loop(self, func: Callable[..., Any], *args: Any) -> Any:
        """Run `func` there. That nobody wants the answer any more is an `OSError` to a WSGI application."""
        try:
            return anyio.from_thread.run(func, *args)
        except (*self._cancelled, anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise ClientDisconnect(detail="the request was cancelled") from None

    def _look(self) -> None:
        try:
            anyio.from_thread.check_cancelled()
        except self._cancelled:
            raise ClientDisconnect(detail="the request was cancelled") from None


def _checked(header: Any) -> tuple[str, str]:
    if not (isinstance(header, tuple) and len(header) == 2 and all(isinstance(part, str) for part in header)):
        raise AssertionError(f"the WSGI application's headers are pairs of str, got {header!r}")
    name, value = header
    if NAME.fullmatch(name) is None or VALUE.fullmatch(value) is None:
        raise AssertionError(f"the WSGI application has sent a header that may not be sent: {header!r}")
    if is_hop_by_hop(name):
        raise AssertionError(f"the WSGI application has sent {name!r}, which only a server may (PEP 3333)")
    return header


def _length(headers: list[tuple[str, str]]) -> int | None:
    value = next((value for name, value in headers if name.lower() == "content-length"), None)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(sys.maxsize)):
        raise AssertionError(f"the WSGI application's Content-Length is no number: {value!r}")
    return int(value)
