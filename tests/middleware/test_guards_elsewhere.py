"""Sessions, CSRF, authentication and limits in Starlette and in FastAPI, without a change; and those inside of us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from lilya.apps import Lilya
from lilya.authentication import BasicAuthBackend
from lilya.middleware.authentication import AuthenticationMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.ratelimit import RateLimitMiddleware
from lilya.middleware.session_fixing import SessionFixingMiddleware
from lilya.middleware.sessions import MemorySessionStore, SessionMiddleware
from lilya.routing import Include
from lilya.testclient import AsyncTestClient
from lilya.testing import ServerOptions
from tests.routing.client import call, talk

BOUNDARY = "----WebKitFormBoundaryABC"


async def show(request: Request) -> JSONResponse:
    request.session["n"] = request.session.get("n", 0) + 1
    user = request.user
    return JSONResponse({"n": request.session["n"], "user": user.display_name, "token": request.scope["csrf_token"]})


async def change(request: Request) -> StreamingResponse:
    async with request.form() as form:
        names = list(form)

    async def body() -> AsyncIterator[str]:
        for name in names:
            yield name

    return StreamingResponse(body())


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def layers() -> list[Any]:
    return [
        Middleware(RateLimitMiddleware, 4, 60),
        Middleware(SessionMiddleware, "key", store=MemorySessionStore()),
        Middleware(SessionFixingMiddleware),
        Middleware(CSRFMiddleware, "key"),
        Middleware(AuthenticationMiddleware, BasicAuthBackend({"ada": "lovelace"})),
    ]


def starlette() -> Any:
    routes = [Route("/", show), Route("/", change, methods=["POST"]), WebSocketRoute("/", chat)]
    return Starlette(routes=routes, middleware=layers())


def fastapi() -> Any:
    app = FastAPI(middleware=layers())

    @app.get("/")
    async def get(request: FastAPIRequest) -> Any:
        return await show(request)

    @app.post("/")
    async def post(request: FastAPIRequest) -> Any:
        return await change(request)

    app.websocket("/")(chat)
    return app


def inside_lilya() -> Any:
    """Another framework that has our layers, inside an application of ours."""
    return Lilya(routes=[Include("/", app=starlette())])


def lilya_inside() -> Any:
    """An application of ours inside another framework, whose layers are ours too."""
    return Starlette(routes=[Mount("/", app=starlette())])


APPS = {"starlette": starlette, "fastapi": fastapi, "inside lilya": inside_lilya, "mounted": lilya_inside}


@pytest.mark.parametrize("kind", APPS)
async def test_all_of_them_work(kind: str) -> None:
    options = ServerOptions(client=("192.0.2.1", 5000))
    async with AsyncTestClient(APPS[kind](), "http://example.org", server_options=options) as client:
        first = (await client.get("/")).json()
        assert (first["n"], first["user"]) == (1, "")
        assert (await client.get("/", auth=("ada", "lovelace"))).json() == {**first, "n": 2, "user": "ada"}
        form = {"a": "1", "csrf_token": first["token"]}
        files = {"f": ("a.txt", b"x" * 300_000)}
        assert (await client.post("/", data=form, files=files)).text == "acsrf_tokenf"
        refused = await client.post("/", data={"a": "1"})
        assert (refused.status_code, refused.text) == (403, "CSRF token verification failed.")
        limited = await client.get("/")
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize("kind", APPS)
async def test_wrong_credentials_and_other_sites_are_refused(kind: str) -> None:
    app = APPS[kind]()
    wrong = await call(app, headers=[(b"host", b"a.test"), (b"authorization", b"Basic YTpi")])
    assert (wrong.status, wrong.headers["www-authenticate"]) == (401, 'Basic realm="Restricted", charset="UTF-8"')
    origin = [(b"host", b"a.test"), (b"origin", b"https://evil.test")]
    assert (await talk(app, headers=origin)).types == ["websocket.close"]
    assert (await talk(app, headers=origin[:1])).types[0] == "websocket.accept"
