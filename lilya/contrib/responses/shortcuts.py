"""Usual answers by name, and `abort`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from lilya.exceptions import HTTPException
from lilya.responses.base import JSONResponse, RedirectResponse, Response
from lilya.responses.streaming import StreamingResponse

__all__ = [
    "abort",
    "empty",
    "forbidden",
    "json_error",
    "not_found",
    "redirect",
    "send_json",
    "stream",
    "unauthorized",
]


def abort(status_code: int, detail: Any = None, headers: Mapping[str, str] | None = None) -> NoReturn:
    """Answer with a status from wherever this is called: raises `HTTPException`. A dict or a list goes out as JSON."""
    raise HTTPException(status_code=status_code, detail=detail, headers=headers)


def send_json(data: Any, status_code: int = 200) -> JSONResponse:
    """`data` as JSON."""
    return JSONResponse(data, status_code=status_code)


def json_error(message: str, status_code: int = 400) -> JSONResponse:
    """`{"error": message}`."""
    return JSONResponse({"error": message}, status_code=status_code)


def stream(content: Any, mimetype: str = "text/plain") -> StreamingResponse:
    """The pieces of an (async) iterable, as they come."""
    return StreamingResponse(content, media_type=mimetype)


def empty(status_code: int = 204) -> Response:
    """Nothing but a status."""
    return Response(status_code=status_code)


def redirect(url: str, status_code: int = 307) -> RedirectResponse:
    """Go there; with 307, by the same method. A URL that a client chose leads wherever the client wants."""
    return RedirectResponse(url, status_code=status_code)


def unauthorized(message: str = "Unauthorized") -> JSONResponse:
    """`{"error": message}` with 401."""
    return json_error(message, 401)


def forbidden(message: str = "Forbidden") -> JSONResponse:
    """`{"error": message}` with 403."""
    return json_error(message, 403)


def not_found(message: str = "Not Found") -> JSONResponse:
    """`{"error": message}` with 404."""
    return json_error(message, 404)
