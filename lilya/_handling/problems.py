"""In what form a client is told what went wrong: text, JSON, or problem details (RFC 9457)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from lilya._sansio.headers import best_media_type
from lilya.exceptions import HTTPException, phrase
from lilya.types import Scope

__all__ = ["JSON", "PROBLEM", "TEXT", "accept_of", "form_of", "has_parts", "names", "problem"]

TEXT: Final = "text/plain"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
PARTS: Final = (dict, list, tuple)


def accept_of(scope: Scope) -> str | None:
    """The `Accept` of a request; None if it has none."""
    lines = [value for name, value in scope.get("headers") or () if name == b"accept"]
    if not lines:
        return None
    return (lines[0] if len(lines) == 1 else b",".join(lines)).decode("latin-1")


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
    accept = accept_of(scope)
    if accept is None or accept == "*/*" or names(exc, "content-type"):
        return usual
    return (_best_known if len(accept) <= MAX_KNOWN else _best)(accept, usual)


def _best(accept: str, usual: str) -> str:
    return best_media_type(accept, (usual, PROBLEM, JSON)) or usual


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
    members.setdefault("instance", quote(scope.get("path", "")))
    return members
