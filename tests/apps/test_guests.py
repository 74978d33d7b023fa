"""Apps of other frameworks in one of ours: their own lifespans run, as part of its life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from lilya.apps import ChildLilya, Lilya
from lilya.middleware.cors import CORSMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Host, Include, Path, Router
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.apps.lifespans import Log, noting
from tests.routing.client import call, fail_to_start
from tests.support.life import running


def starlette(log: Log, name: str, *routes: Any) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        log.append(f"{name} up")
        yield {name: "its state"}
        log.append(f"{name} down")

    return Starlette(routes=routes, lifespan=lifespan)


async def test_the_lifespan_of_a_guest_runs_inside_those_around_it_wherever_it_is_mounted() -> None:
    log: Log = []
    app = Lilya(
        lifespan=noting(log, "app"),
        routes=[
            Include("/a", app=starlette(log, "a")),
            Include("/b", routes=[Include("/in", app=CORSMiddleware(starlette(log, "b"), allow_origins=["*"]))]),
            Include("/c", app=ChildLilya(lifespan=noting(log, "c"), routes=[Include("/", app=starlette(log, "d"))])),
            Include("/r", app=Router([Host("example.org", starlette(log, "e"))])),
            Include("/i", app=Include("/", app=starlette(log, "f"))),
        ],
    )
    async with running(app):
        up = ["app up", "a up", "b up", "c up", "d up", "e up", "f up"]
        assert log == up
        log.clear()
    assert log == [line.replace("up", "down") for line in reversed(up)]


async def test_a_guest_mounted_in_two_places_lives_once() -> None:
    log: Log = []
    guest = starlette(log, "guest")
    async with running(Lilya(routes=[Include("/a", app=guest), Include("/b", app=guest)])):
        pass
    assert log == ["guest up", "guest down"]


async def test_a_guest_finds_what_its_lifespan_made_in_the_state_of_a_request() -> None:
    async def home(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(request.state.guest)

    app = Lilya(routes=[Include("/g", app=starlette([], "guest", Route("/", home)))])
    state: dict[str, object] = {"server": "its own"}
    async with running(app, state):
        assert (await call(app, "/g/", state={**state})).text == "its state"


async def raises_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"


async def answers_anything(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainText("hello")(scope, receive, send)


async def returns(scope: Scope, receive: Receive, send: Send) -> None: ...


@pytest.mark.parametrize("guest", [raises_at_once, answers_anything, returns])
async def test_a_guest_that_does_not_speak_lifespan_is_served_without(guest: ASGIApp) -> None:
    async with running(Lilya(routes=[Include("/", app=guest)])):
        pass


async def test_a_guest_that_does_not_start_keeps_the_application_from_starting() -> None:
    @asynccontextmanager
    async def broken(app: Any) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    log: Log = []
    app = Lilya(lifespan=noting(log, "app"), routes=[Include("/", app=Starlette(lifespan=broken))])
    sent, error = await fail_to_start(app)
    assert (sent[0]["type"], sent[0]["message"]) == ("lifespan.startup.failed", "LookupError: no database")
    assert isinstance(error, LookupError)
    assert log == ["app up", "app down"]


async def test_a_guest_that_only_says_that_it_failed_has_failed() -> None:
    async def guest(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no luck"})
        await anyio.sleep_forever()

    sent, _ = await fail_to_start(Lilya(routes=[Include("/", app=guest)]))
    assert "no luck" in sent[0]["message"]


async def test_a_guest_that_breaks_while_it_serves_takes_the_application_down() -> None:
    async def guest(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep(5)
        raise LookupError("lost")

    app = Lilya(routes=[Include("/", app=guest)])

    async def live() -> None:
        async with running(app):
            await anyio.sleep(10)
            assert isinstance(app.failure, LookupError)

    with pytest.raises(LookupError, match="lost"):
        await live()


async def test_a_guest_may_stop_waiting_for_its_shutdown_and_ask_again() -> None:
    log: Log = []

    async def guest(scope: Scope, receive: Receive, send: Send) -> None:
        while scope["type"] == "lifespan" and "lifespan.shutdown" not in log:
            with anyio.move_on_after(1):
                log.append(message := (await receive())["type"])
                await send({"type": f"{message}.complete"})

    async with running(Lilya(routes=[Include("/", app=guest)])):
        await anyio.sleep(5)
        began = anyio.current_time()
    assert log == ["lifespan.startup", "lifespan.shutdown"]
    assert anyio.current_time() - began < 1


async def test_a_guest_that_never_returns_after_its_last_word_is_not_waited_for() -> None:
    async def guest(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        await anyio.sleep_forever()

    async with running(Lilya(routes=[Include("/", app=guest)])):
        begin = anyio.current_time()
    assert anyio.current_time() - begin < 2


# -- ours, theirs, ours ---------------------------------------------------------------------------------------------


async def where(request: Request) -> dict[str, str]:
    return {"url": str(request.path_for("where")), "base": str(request.base_url), "root": request.scope["root_path"]}


@pytest.mark.parametrize(
    "inner",
    [
        Lilya(routes=[Path("/x", where, name="where")]),
        ChildLilya(routes=[Path("/x", where, name="where")]),
        Router(routes=[Path("/x", where, name="where")]),
        Include("/", routes=[Path("/x", where, name="where")]),
        Path("/x", where, name="where"),
    ],
    ids=lambda inner: type(inner).__name__,
)
async def test_a_part_of_ours_in_a_guest_routes_reverses_and_answers_404_by_itself(inner: Any) -> None:
    app = Lilya(routes=[Include("/a", app=Starlette(routes=[Mount("/b", inner)]))])
    answer = await call(app, "/a/b/x")
    root = "http://example.org/a/b/"
    assert answer.json == {"url": f"{root}x", "base": root, "root": "/a/b"}
    lost = await call(app, "/a/b/y")
    assert (lost.status, lost.text) == (404, "Not Found")
    refused = await call(app, "/a/b/x", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_any_asgi_app_can_be_added() -> None:
    app = Lilya()
    app.add_asgi_app("/a", answers_anything)
    assert (await call(app, "/a/x")).text == "hello"
