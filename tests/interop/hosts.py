"""Where a part of Lilya is put: nowhere, or into an application of another framework, under `/in`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from lilya.apps import Lilya
from lilya.routing import Include
from lilya.types import ASGIApp

__all__ = ["EVERYWHERE", "HOSTS", "PREFIX", "Host"]

Host = Callable[[Any], Any]

PREFIX = "/in"


def alone(app: ASGIApp) -> ASGIApp:
    """Under the prefix as a server with a root path has it."""

    async def rooted(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": PREFIX}, receive, send)

    return rooted


def in_starlette(app: Any) -> Any:
    """A Starlette application that mounts it."""
    return Starlette(routes=[Mount(PREFIX, app)])


def in_fastapi(app: Any) -> Any:
    """A FastAPI application that mounts it."""
    host = FastAPI()
    host.mount(PREFIX, app)
    return host


def in_starlette_in_lilya(app: Any) -> Any:
    """The same Starlette application in an application of ours: ours, theirs, ours."""
    return Lilya(routes=[Include("/", app=in_starlette(app))])


HOSTS: Mapping[str, Host] = {
    "alone": alone,
    "in Starlette": in_starlette,
    "in FastAPI": in_fastapi,
    "in Starlette in Lilya": in_starlette_in_lilya,
}
EVERYWHERE = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
