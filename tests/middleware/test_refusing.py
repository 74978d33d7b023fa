"""Every middleware of ours that refuses does so in one way, wherever it stands: a table of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from lilya._define import DefineMiddleware
from lilya.apps import ChildLilya, Lilya
from lilya.authentication import BasicAuthBackend
from lilya.exceptions import GatewayTimeout, HTTPException
from lilya.middleware.authentication import AuthenticationMiddleware
from lilya.middleware.capacity import CapacityMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.deadline import DeadlineMiddleware
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.middleware.lilya_exception import LilyaExceptionMiddleware
from lilya.middleware.ratelimit import RateLimitMiddleware, Verdict
from lilya.middleware.sessions import SessionMiddleware, SessionTooLarge
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.middleware.trustedreferrer import TrustedReferrerMiddleware
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Include, Path, Router
from lilya.types import ASGIApp
from tests.routing.client import Answer, call, fail

HEADERS = [(b"host", b"example.org"), (b"origin", b"https://a.test"), (b"authorization", b"Basic YTpi")]


class Full:
    """A store that lets nobody by."""

    async def hit(self, key: str, limit: int, window: float) -> Verdict:
        return Verdict(False, 0, 7)


# What refuses, and with which status.
LAYERS: Mapping[str, tuple[DefineMiddleware, int]] = {
    "authentication": (DefineMiddleware(AuthenticationMiddleware, BasicAuthBackend({"ada": "lovelace"})), 401),
    "capacity": (DefineMiddleware(CapacityMiddleware, 1, 0), 503),
    "csrf": (DefineMiddleware(CSRFMiddleware, "key"), 403),
    "deadline": (DefineMiddleware(DeadlineMiddleware, 1), 504),
    "rate limit": (DefineMiddleware(RateLimitMiddleware, 1, 60, store=Full()), 429),
    "trusted host": (DefineMiddleware(TrustedHostMiddleware, ["example.com"]), 400),
    "trusted referrer": (DefineMiddleware(TrustedReferrerMiddleware, block_untrusted_referrers=True), 400),
}
EVERY = pytest.mark.parametrize(("layer", "status"), LAYERS.values(), ids=LAYERS.keys())


async def slow() -> str:
    await anyio.sleep(5)
    return "served"


def by(name: str) -> Any:
    """Exception handlers that say whose they are."""

    async def handler(request: Request, exc: HTTPException) -> PlainText:
        return PlainText(name, status_code=exc.status_code, headers=exc.headers)

    return {HTTPException: handler}


def path(**options: Any) -> Path:
    return Path("/", slow, methods=["POST"], **options)


def starlette(layer: DefineMiddleware, *outside: Any) -> Any:
    """An application of Starlette with our layer, around another of ours."""
    layers = [*outside, Middleware(layer.cls, *layer.args, **layer.kwargs)]
    alone: Any = Router([path()])
    return Starlette(routes=[Mount("/", alone)], middleware=layers)


def router_in_starlette(layer: DefineMiddleware) -> Any:
    """A router of ours in an application of Starlette, with our layer on its path."""
    alone: Any = Router([path(middleware=[layer], exception_handlers=by("path"))])
    return Starlette(routes=[Mount("/", alone)])


# Where a layer stands, and whose handlers answer; "" where it answers by itself.
PLACES: Mapping[str, tuple[Callable[[DefineMiddleware], ASGIApp], str]] = {
    "a path": (
        lambda layer: Lilya(routes=[path(middleware=[layer])], exception_handlers=by("application")),
        "application",
    ),
    "a path with handlers": (
        lambda layer: Lilya(
            routes=[path(middleware=[layer], exception_handlers=by("path"))], exception_handlers=by("application")
        ),
        "path",
    ),
    "an include": (
        lambda layer: Lilya(
            routes=[Include("/", routes=[path()], middleware=[layer], exception_handlers=by("include"))],
            exception_handlers=by("application"),
        ),
        "include",
    ),
    "an application": (
        lambda layer: Lilya(routes=[path()], middleware=[layer], exception_handlers=by("application")),
        "application",
    ),
    "an application without handlers": (lambda layer: Lilya(routes=[path()], middleware=[layer]), ""),
    "an application whose handlers answer middleware too": (
        lambda layer: Lilya(
            routes=[path()],
            middleware=[layer],
            exception_handlers=by("application"),
            enable_intercept_global_exceptions=True,
        ),
        "application",
    ),
    "an exception middleware of an application": (
        lambda layer: Lilya(
            routes=[path()],
            middleware=[DefineMiddleware(ExceptionMiddleware, by("middleware")), layer],
            exception_handlers=by("application"),
        ),
        "middleware",
    ),
    "a child": (
        lambda layer: Lilya(
            routes=[Include("/", app=ChildLilya(routes=[path()], middleware=[layer], exception_handlers=by("child")))],
            exception_handlers=by("application"),
        ),
        "child",
    ),
    "a child without handlers": (
        lambda layer: Lilya(
            routes=[Include("/", app=ChildLilya(routes=[path()], middleware=[layer]))],
            exception_handlers=by("application"),
        ),
        "",
    ),
    "a child in an application with an exception middleware": (
        lambda layer: Lilya(
            routes=[Include("/", app=ChildLilya(routes=[path()], middleware=[layer], exception_handlers=by("child")))],
            middleware=[DefineMiddleware(ExceptionMiddleware, by("middleware"))],
        ),
        "child",
    ),
    "Starlette in an application with an exception middleware": (
        lambda layer: Lilya(
            routes=[Include("/", app=starlette(layer))],
            middleware=[DefineMiddleware(ExceptionMiddleware, by("middleware"))],
        ),
        "",
    ),
    "a child inside another layer": (
        lambda layer: Lilya(
            routes=[
                Include(
                    "/",
                    app=CORSMiddleware(ChildLilya(routes=[path()], middleware=[layer], exception_handlers=by("child"))),
                )
            ],
            exception_handlers=by("application"),
        ),
        "child",
    ),
    "an application that is mounted": (
        lambda layer: Lilya(routes=[Include("/", app=layer(Lilya(routes=[path()])))], exception_handlers=by("parent")),
        "parent",
    ),
    "any ASGI app": (lambda layer: layer(Router([path()])), ""),
    "our application, from outside": (
        lambda layer: layer(Lilya(routes=[path()], exception_handlers=by("application"))),
        "",
    ),
    "any ASGI app, inside an exception middleware": (
        lambda layer: LilyaExceptionMiddleware(layer(Router([path()])), by("middleware")),
        "middleware",
    ),
    "a router alone": (
        lambda layer: Router([path(middleware=[layer], exception_handlers=by("path"))]),
        "path",
    ),
    "a router in Starlette": (router_in_starlette, "path"),
    "a router in Starlette in Lilya": (
        lambda layer: Lilya(
            routes=[Include("/", app=router_in_starlette(layer))], exception_handlers=by("application")
        ),
        "path",
    ),
    "Starlette": (starlette, ""),
    "Starlette, inside an exception middleware": (
        lambda layer: starlette(layer, Middleware(ExceptionMiddleware, by("middleware"))),
        "middleware",
    ),
    "Starlette in Lilya": (
        lambda layer: Lilya(routes=[Include("/", app=starlette(layer))], exception_handlers=by("application")),
        "",
    ),
}


@asynccontextmanager
async def busy(app: ASGIApp) -> AsyncIterator[None]:
    """While a first request is at work."""
    async with anyio.create_task_group() as group:
        group.start_soon(ask, app)
        await anyio.wait_all_tasks_blocked()
        yield


async def ask(app: ASGIApp) -> Answer:
    return await call(app, "/", "POST", headers=HEADERS)


@EVERY
@pytest.mark.parametrize(("build", "whose"), PLACES.values(), ids=PLACES.keys())
async def test_the_nearest_answers(
    layer: DefineMiddleware, status: int, build: Callable[[DefineMiddleware], ASGIApp], whose: str
) -> None:
    app = build(layer)
    async with busy(app):
        answer = await ask(app)
    assert answer.status == status
    if whose:
        assert answer.text == whose
    else:
        assert answer.text not in ("served", "application", "middleware", "child", "parent", "path")
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


@EVERY
async def test_the_layers_outside_see_the_answer(layer: DefineMiddleware, status: int) -> None:
    cors = DefineMiddleware(CORSMiddleware, allow_origins=["https://a.test"])
    app = Lilya(routes=[path()], middleware=[cors, layer], exception_handlers=by("application"))
    async with busy(app):
        answer = await ask(app)
    assert (answer.status, answer.text) == (status, "application")
    assert answer.headers["access-control-allow-origin"] == "https://a.test"


@pytest.mark.parametrize("place", PLACES)
async def test_what_comes_too_late_is_raised(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        await anyio.sleep(5)

    async def streaming() -> StreamingResponse:
        return StreamingResponse(body())

    monkeypatch.setitem(globals(), "slow", streaming)
    answer = await fail(PLACES[place][0](LAYERS["deadline"][0]), "/", "POST", headers=HEADERS)
    assert isinstance(answer.error, GatewayTimeout)
    assert (answer.status, answer.body) == (200, b"a")


async def test_a_session_that_is_too_large_is_a_fault_and_no_refusal() -> None:
    async def stuff(request: Request) -> str:
        request.session["a"] = "x" * 5000
        return "kept"

    layer = DefineMiddleware(SessionMiddleware, "key")
    app = Lilya(routes=[Path("/", stuff)], middleware=[layer], exception_handlers=by("application"))
    answer = await fail(app)
    assert isinstance(answer.error, SessionTooLarge)
    assert answer.status == 500
