"""What a handler returned becomes a response."""

from __future__ import annotations

from typing import Any

from lilya.concurrency.threads import is_async_callable
from lilya.responses.base import Ok
from lilya.types import ASGIApp

__all__ = ["DATA", "to_response"]

# What cannot be an ASGI app, for looking closer at a value is dear and most handlers return one of these.
DATA = (dict, list, str, int, float, tuple, type(None))


def to_response(value: Any) -> ASGIApp:
    """The ASGI app that answers with `value`: itself where it is one (any response), else JSON with status 200.

    Bytes are data as well, in base64; those that are an answer as they are belong in a `Response`. Raises `ValueError`
    for what no encoder knows.
    """
    if not isinstance(value, DATA) and is_async_callable(value):
        app: ASGIApp = value
        return app
    if isinstance(value, bytes):
        return Ok(value, passthrough_body_types=())
    return Ok(value)
