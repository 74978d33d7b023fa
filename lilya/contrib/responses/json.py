"""JSON as an answer, of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lilya.exceptions import ImproperlyConfigured
from lilya.responses.base import JSONResponse

__all__ = ["jsonify"]


def jsonify(
    *args: Any,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> JSONResponse:
    """`jsonify(value)` answers with it, `jsonify(a, b)` with a list, `jsonify(key=value)` with an object.

    `cookies` are set for the whole site, until the browser is closed. Raises `ImproperlyConfigured` for arguments of
    both kinds, `ValueError` for what no encoder knows.
    """
    if args and kwargs:
        raise ImproperlyConfigured("jsonify takes values or keywords, not both: is it a list or an object?")
    content: Any = kwargs if not args else args[0] if len(args) == 1 else list(args)
    response = JSONResponse(content, status_code=status_code, headers=headers)
    for key, value in (cookies or {}).items():
        response.set_cookie(key, value)
    return response
