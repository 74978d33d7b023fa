"""In what form a client is told what went wrong: text, JSON, or problem details (RFC 9457)."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from lilya._sansio.headers import best_media_type
from lilya.exceptions import PHRASES, HTTPException, phrase
from lilya.responses.base import LENGTH_LINES, NO_CONTENT, JSONResponse, PlainText, Response
from lilya.serializers import serializer
from lilya.types import ASGIApp, Message, RawHeaders, Scope

__all__ = [
    "JSON",
    "PROBLEM",
    "TEXT",
    "Refusal",
    "accept_of",
    "form_of",
    "plain_response",
    "problem",
    "refusal_messages",
    "refused",
]

TEXT: Final = "text/plain"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
PARTS: Final = (dict, list, tuple)


# Of an answer in one of several forms (RFC 9110, section 12.5.5).
VARIES: Final[Mapping[str, str]] = {"vary": "Accept"}
VARIES_LINE: Final = (b"vary", b"Accept")


def accept_line(scope: Scope) -> bytes | None:
    """The `Accept` of a request as it came, several of them as one; None if it has none."""
    found: bytes | None = None
    for name, value in scope.get("headers") or ():
        if name == b"accept":
            found = value if found is None else b"%b,%b" % (found, value)
    return found


def accept_of(scope: Scope) -> str | None:
    """The `Accept` of a request; None if it has none."""
    line = accept_line(scope)
    return None if line is None else line.decode("latin-1")


def has_parts(exc: HTTPException) -> bool:
    """Whether the detail of an exception is more than a line of text."""
    return isinstance(exc.detail, PARTS)


def names(exc: HTTPException, header: str) -> bool:
    """Whether an exception brings a header of that name (in lower case)."""
    return bool(exc.headers) and any(name.lower() == header for name in exc.headers or ())


def form_of(exc: HTTPException, scope: Scope) -> str:
    """The media type to tell of `exc` in: what the client wants most (RFC 9110, section 12.5.1).

    Of equals, and where it wants none of them, text; JSON where the detail has parts. The same where `exc` itself says
    what its content is.
    """
    usual = JSON if has_parts(exc) else TEXT
    return usual if names(exc, "content-type") else wanted(accept_line(scope), usual)


def wanted(accept: bytes | None, usual: str) -> str:
    """The media type an `Accept` wants most, `usual` where it does not care."""
    if accept is None or accept == b"*/*":
        return usual
    return (_best_known if len(accept) <= MAX_KNOWN else _best)(accept, usual)


def _best(accept: bytes, usual: str) -> str:
    return best_media_type(accept.decode("latin-1"), (usual, PROBLEM, JSON)) or usual


# A browser says the same every time, and reading it takes longer than a whole answer. A client that says something new
# each time gets others forgotten, and no more memory than this: 128 texts of at most 256 characters.
MAX_KNOWN: Final = 256
_best_known = lru_cache(maxsize=128)(_best)


def problem(exc: HTTPException, scope: Scope) -> dict[str, Any]:
    """`exc` as problem details (RFC 9457, section 3).

    A detail that is a mapping gives members of its own, such as `type`, and so does what else the exception was given
    by keyword; a detail that is a list is the member `errors`. `status` is always the real one, and `instance` the path
    of the request where nobody says otherwise.
    """
    members: dict[str, Any] = {"type": "about:blank", "title": phrase(exc.status_code), "status": exc.status_code}
    if isinstance(exc.detail, dict):
        members |= exc.detail
    elif isinstance(exc.detail, list | tuple):
        members["errors"] = exc.detail
    else:
        members["detail"] = str(exc.detail)
    members |= {**exc.extra, "status": exc.status_code}
    members.setdefault("instance", quote(scope.get("path", ""), errors="replace"))
    return members


class Varying(PlainText):
    """A text that varies: to say so needs neither a mapping nor a check."""

    def _default_headers(self) -> RawHeaders:
        return [*super()._default_headers(), VARIES_LINE]


def plain_response(exc: HTTPException, scope: Scope) -> ASGIApp:
    """What an `HTTPException` is answered with when nobody handles it:

    its detail as text, as JSON where it has parts, or as problem details where the client wants them most. Raises
    `ValueError` for headers that may not be sent and for a detail that is not JSON.
    """
    if exc.response is not None:
        response: ASGIApp = exc.response
        return response
    status = exc.status_code
    if status in NO_CONTENT:
        return Response(status_code=status, headers=exc.headers)
    if type(exc.detail) is str and exc.detail == PHRASES.get(status) and not exc.headers and not exc.extra:
        return Refusal(status, scope)
    return told(exc, form_of(exc, scope), scope)


def told(exc: HTTPException, form: str, scope: Scope) -> Response:
    """An exception told in a form."""
    status = exc.status_code
    if form == TEXT and not names(exc, "vary"):
        return Varying(str(exc.detail), status, exc.headers)
    headers = exc.headers or VARIES
    if form == TEXT:
        answer: Response = PlainText(str(exc.detail), status_code=status, headers=headers)
    elif form == JSON and has_parts(exc):
        answer = JSONResponse(exc.detail, status_code=status, headers=headers)
    else:
        answer = JSONResponse(problem(exc, scope), status_code=status, headers=headers, media_type=form)
    if exc.headers:
        answer.headers.add_vary_header("Accept")
    return answer


# -- what is refused without a word of one's own ----------------------------------------------------------------------

# The path of the requests by which refusals are made in advance, as it stands in them.
PATH: Final = b"/_path_"
# What stands in a path, and in JSON, as it is (RFC 3986, section 2.3).
UNRESERVED: Final = (string.ascii_letters + string.digits + "-._~/").encode()


# A refusal in one form: the headers, which of them is the length, and what stands before and behind the path in the
# body. Where the path is not told that is the body, and None. No `NamedTuple`: it takes four times as long to unpack.
Ready: TypeAlias = tuple[RawHeaders, int, bytes, bytes | None]


def refused(status: int, allow: str) -> HTTPException:
    """The exception behind a refusal."""
    return HTTPException(status_code=status, headers={"Allow": allow} if allow else None)


def _ready(accept: bytes | None, status: int, allow: str) -> Ready:
    """A refusal made by the long way, for any path."""
    form = wanted(accept, TEXT)
    whole = told(refused(status, allow), form, {"path": PATH.decode()})
    lines = whole.raw_headers
    if form == TEXT:
        return lines, 0, whole.body, None
    head, _, tail = whole.body.partition(PATH)
    return lines, [name for name, _ in lines].index(b"content-length"), head, tail


# Statuses and lists of methods are the application's, of which a few are in use; texts of clients are limited as above.
_ready_known = lru_cache(maxsize=128)(_ready)


def refusal_messages(status: int, scope: Scope, allow: str = "") -> tuple[Message, Message]:
    """What a request is sent for an `HTTPException` with this status and nothing else but perhaps `Allow`.

    All but the path was made the first time, which is most of what it would take.
    """
    accept = accept_line(scope)
    if not serializer.plain and not serializer.plain_here:  # who writes JSON by rules of its own writes this as well
        return told(refused(status, allow), wanted(accept, TEXT), scope).messages(scope)
    ready = _ready_known if accept is None or len(accept) <= MAX_KNOWN else _ready
    lines, at, body, tail = ready(accept, status, allow)
    lines = [*lines]
    if tail is not None:
        path: bytes = scope["path"].encode("utf-8", "replace")
        if path.translate(None, UNRESERVED):
            path = quote(path).encode()
        body = body + path + tail
        length = len(body)
        lines[at] = LENGTH_LINES[length] if length < 4096 else (b"content-length", b"%d" % length)
    if scope.get("method") == "HEAD":
        body = b""
    start: Message = {"type": "http.response.start", "status": status, "headers": lines}
    return start, {"type": "http.response.body", "body": body}


class Refusal(Response):
    """A refusal that is all there, for one request."""

    def __init__(self, status: int, scope: Scope, allow: str = "") -> None:
        start, end = refusal_messages(status, scope, allow)
        self.status_code = status
        self.body = end["body"]
        self._lines: RawHeaders = start["headers"]

    def _default_headers(self) -> RawHeaders:
        return self._lines
