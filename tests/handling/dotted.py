"""A handler to be found by its dotted path."""

from __future__ import annotations

from lilya.requests import Request


async def handler(request: Request) -> str:
    """Answers with its path."""
    return request.url.path
