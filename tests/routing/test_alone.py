"""A route, an include, a host or a router without an application: an ASGI app of its own, that keeps the promises."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.concurrency.service import Service
from lilya.exceptions import HTTPException, WebSocketException
from lilya.requests import Request
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import Answer, call, fail, talk
from tests.support.life import running
from tests.support.wire import GONE, http_scope


async def handler(request: Request) -> str:
    return request.url.path


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    raise WebSocketException(4001, "enough")


def routes() -> list[Any]:
    return [Path("/x", handler), WebSocketPath("/ws", socket)]


PARTS: dict[str, Callable[[], Any]] = {
    "path": lambda: Path("/x", handler),
    "include": lambda: Include("/", routes=routes()),
    "include of an app": lambda: Include("/", app=Router(routes())),
    "host": lambda: Host("example.org", app=Router(routes())),
    "router": lambda: Router(routes()),
    "router of a router": lambda: Router([Include("/", app=Router(routes()))]),
}
FOREIGN = {"app": object(), "router": object()}


@pytest.mark.parametrize("scope", [{}, FOREIGN], ids=["no app", "an app of another framework"])
@pytest.mark.parametrize("part", PARTS)
async def test_alone_it_answers_for_itself(part: str, scope: dict[str, Any]) -> None:
    app = PARTS[part]()
    assert (await call(app, "/x", **scope)).json == "/x"
    missing = await call(app, "/none", **scope)
    assert (missing.status, missing.text) == (404, "Not Found")
    refused = await call(app, "/x", "POST", **scope)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("part", [part for part in PARTS if part != "path"])
async def test_alone_it_serves_websockets_and_refuses_unknown_ones(part: str) -> None:
    app = PARTS[part]()
    assert (await talk(app, "/ws")).closed == (4001, "enough")
    assert (await talk(app, "/none")).types == ["websocket.close"]
    denied = await talk(app, "/none", extensions={"websocket.http.response": {}})
    assert denied.status == 404


async def test_a_websocket_route_alone_serves_its_websocket() -> None:
    app = WebSocketPath("/ws", socket)
    assert (await talk(app, "/ws")).closed == (4001, "enough")
    assert (await talk(app, "/none")).types == ["websocket.close"]


@pytest.mark.parametrize("part", PARTS)
async def test_inside_an_application_its_exceptions_are_that_ones_to_answer(part: str) -> None:
    async def missing(request: Request, exc: HTTPException) -> str:
        return f"{exc.status_code} of {request.url.path}"

    app = Lilya(routes=[Path("/outer", PARTS[part]())], exception_handlers={404: missing, 405: missing})
    assert (await call(app, "/outer")).json == "404 of /outer"


async def test_an_error_of_a_part_alone_reaches_the_server_as_it_is() -> None:
    async def broken() -> None:
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(raises)

    async def raises() -> None:
        raise ValueError("v")

    answer = await fail(Path("/", broken))
    assert isinstance(answer.error, ValueError)
    assert answer.sent == []


async def test_a_part_alone_leaves_the_scope_it_was_given_as_it_was() -> None:
    for part in (Path("/x", handler), Include("/", routes=routes()), Router(routes())):
        scope = http_scope("/x")
        before = dict(scope)
        wire = Answer()
        await part(scope, wire.receive, wire.send)
        assert scope == before


async def test_a_client_that_leaves_cancels_a_part_alone_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async def waits() -> None:
        await anyio.sleep(1000)

    wire = Answer(GONE)
    with caplog.at_level(logging.INFO), anyio.fail_after(10):
        await Path("/", waits)(http_scope(), wire.receive, wire.send)
    assert wire.sent == []
    assert caplog.records == []


async def test_slashes_are_redirected_by_routers_and_includes_alone_where_they_want_it() -> None:
    assert (await call(Router(routes()), "/x/")).status == 307
    assert (await call(Router(routes(), redirect_slashes=False), "/x/")).status == 404
    assert (await call(Include("/a", routes=routes()), "/a/x/")).status == 307
    assert (await call(Include("/a", routes=routes(), redirect_slashes=False), "/a/x/")).status == 404
    assert (await call(Path("/x", handler), "/x/")).status == 404


def apps_and_log() -> tuple[list[str], ChildLilya]:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        log.append("up")
        yield
        log.append("down")

    async def serves() -> None:
        log.append("service")
        await anyio.sleep_forever()

    return log, ChildLilya(routes=[Path("/x", handler)], lifespan=lifespan, services=[Service(serves)])


@pytest.mark.parametrize(
    "mount",
    [
        lambda child: Include("/", app=child),
        lambda child: Include("/", routes=[Include("/", app=child)]),
        lambda child: Router([Include("/", app=child)]),
        lambda child: Host("example.org", app=child),
    ],
    ids=["include", "include of includes", "router", "host"],
)
async def test_alone_it_runs_the_lifespans_and_services_of_what_it_mounts(mount: Callable[[Any], Any]) -> None:
    log, child = apps_and_log()
    part = mount(child)
    async with running(part):
        await anyio.sleep(1)
        assert log == ["up", "service"]
        child.start_soon(anyio.sleep, 1)
        assert (await call(part, "/x")).json == "/x"
    assert log == ["up", "service", "down"]


async def test_a_route_alone_has_a_lifespan_without_contents() -> None:
    async with running(Path("/", handler)) as sent:
        pass
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_router_alone_runs_its_own_lifespan_first() -> None:
    log, child = apps_and_log()
    router = Router([Include("/", app=child)], on_startup=[lambda: log.append("router up")])
    router.add_event_handler("shutdown", lambda: log.append("router down"))

    @router.on_event("on_startup")
    async def also() -> None:
        log.append("router up too")

    async with running(router):
        pass
    assert [line for line in log if line != "service"] == ["router up", "router up too", "up", "down", "router down"]


async def test_a_router_alone_gives_itself_to_its_lifespan_and_its_state_to_requests() -> None:
    given: list[Any] = []

    @asynccontextmanager
    async def lifespan(owner: Any) -> AsyncIterator[dict[str, int]]:
        given.append(owner)
        yield {"answer": 42}

    router = Router(lifespan=lifespan)
    state: dict[str, object] = {}
    async with running(router, state):
        assert given == [router]
    assert repr(router) == "Router(0 routes)"
