"""An exception handler that earlier releases documented at this path."""

from __future__ import annotations

from lilya.requests import Request
from lilya.responses.base import JSONResponse

__all__ = ["handle_value_error"]


async def handle_value_error(request: Request, exc: ValueError) -> JSONResponse:
    """Answers 400 with what the exception says: `Lilya(exception_handlers={ValueError: handle_value_error})`."""
    return JSONResponse({"detail": getattr(exc, "detail", None) or str(exc)}, status_code=400)
