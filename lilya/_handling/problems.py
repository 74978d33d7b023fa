"""In what form a client is told what went wrong: text, JSON, or problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from lilya._sansio.headers import best_media_type
from lilya.exceptions import HTTPException
from lilya.types import Scope

__all__ = ["JSON", "PROBLEM", "TEXT", "accept_of", "form_of", "has_parts", "problem"]

TEXT: Final = "text/plain"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


def accept_of(scope: Scope) -> str | None:
    """The `Accept` of a request; None if it has none."""
    lines = [value for name, value in scope.get("headers") or () if name == b"accept"]
    return b",".join(lines).decode("latin-1") if lines else None


def has_parts(exc: HTTPException) -> bool:
    """Whether the detail of an exception is more than a line of text."""
    return isinstance(exc.detail, dict | list | tuple)


def form_of(exc: HTTPException, scope: Scope) -> str:
    """The media type to tell of `exc` in: what the client wants most (RFC 9110, section 12.5.1).

    Of equals, and where it wants none of them, text; JSON where the detail has parts. The same where `exc` itself says
    what its content is.
    """
    usual = JSON if has_parts(exc) else TEXT
    accept = accept_of(scope)
    if accept is None or accept == "*/*" or any(name.lower() == "content-type" for name in exc.headers or ()):
        return usual
    return best_media_type(accept, (usual, PROBLEM, JSON)) or usual


def problem(exc: HTTPException, scope: Scope) -> dict[str, Any]:
    """`exc` as problem details (RFC 9457, section 3).

    A detail that is a mapping gives members of its own, such as `type`, and so does what else the exception was given
    by keyword; a detail that is a list is the member `errors`. `status` is always the real one, and `instance` the path
    of the request where nobody says otherwise.
    """
    members: dict[str, Any] = {"type": "about:blank", "title": _phrase(exc.status_code), "status": exc.status_code}
    if isinstance(exc.detail, dict):
        members |= exc.detail
    elif isinstance(exc.detail, list | tuple):
        members["errors"] = exc.detail
    else:
        members["detail"] = str(exc.detail)
    members |= {**exc.extra, "status": exc.status_code}
    members.setdefault("instance", quote(scope.get("path", "")))
    return members


def _phrase(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return "Unknown Status"
