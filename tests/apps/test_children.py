"""Trees of applications: one life, entered from the root to the leaves and left the other way round."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.concurrency.service import Service
from lilya.exceptions import ImproperlyConfigured
from lilya.routing import Host, Include, Path, Router
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.apps.lifespans import Log, noting
from tests.routing.client import call
from tests.support.life import running


async def handler() -> str:
    return "here"


async def test_parents_are_entered_before_their_children_and_left_after_them() -> None:
    log: Log = []

    def child(name: str, *routes: Any) -> ChildLilya:
        return ChildLilya(routes=routes, lifespan=noting(log, name))

    app = Lilya(
        lifespan=noting(log, "app"),
        routes=[
            Include("/a", app=child("a", Include("/deep", app=child("a.deep")))),
            Include("/b", routes=[Include("/in", app=child("b"))]),
            Include("/r", app=Router([Include("/", app=child("router's"))], lifespan=noting(log, "router"))),
            Host("example.org", app=child("host")),
            Include("/plain", app=Lilya(on_startup=[lambda: log.append("plain up")])),
        ],
    )
    async with running(app):
        up = ["app up", "a up", "a.deep up", "b up", "router up", "router's up", "host up", "plain up"]
        assert log == up
        log.clear()
    assert log == [line.replace("up", "down") for line in reversed(up[:-1])]


async def test_an_application_inside_a_layer_is_found() -> None:
    log: Log = []

    class Wrapped:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)

    child = ChildLilya(lifespan=noting(log, "child"))
    async with running(Lilya(routes=[Include("/", app=Wrapped(Wrapped(child)))])):
        pass
    assert log == ["child up", "child down"]


async def test_an_application_mounted_in_several_places_lives_once() -> None:
    log: Log = []

    async def serves() -> None:
        log.append("service")
        await anyio.sleep_forever()

    shared = ChildLilya(lifespan=noting(log, "shared"), services=[Service(serves)])
    app = Lilya(
        routes=[
            Include("/a", app=shared),
            Include("/b", app=shared),
            Include("/c", app=Router([Include("/", app=shared)])),
            Include("/d", app=ChildLilya(routes=[Include("/", app=shared)])),
        ]
    )
    async with running(app):
        await anyio.sleep(1)
    assert log == ["shared up", "service", "shared down"]


async def test_a_child_shares_nursery_tasks_and_draining_with_its_parent() -> None:
    child = ChildLilya()
    app = Lilya(routes=[Include("/child", app=child)])
    async with running(app):
        assert child.task_group is app.task_group
        child.start_soon(anyio.sleep, 1, name="of the child")
        assert [task.name for task in app.statistics().tasks] == ["of the child"]
        assert [task.name for task in child.statistics().tasks] == ["of the child"]
        app.drain()
        assert child.draining
        await child.wait_draining()
        await anyio.sleep(2)
    with pytest.raises(RuntimeError):
        _ = child.task_group
    assert not child.draining


async def test_a_child_alone_has_a_life_of_its_own() -> None:
    log: Log = []
    child = ChildLilya(routes=[Path("/x", handler)], lifespan=noting(log, "child"))
    async with running(child):
        child.start_soon(anyio.sleep, 1)
        assert (await call(child, "/x")).json == "here"
    assert log == ["child up", "child down"]


async def test_services_of_children_are_services_of_the_application() -> None:
    log: Log = []

    async def serve(name: str) -> None:
        log.append(name)
        try:
            await anyio.sleep_forever()
        finally:
            log.append(f"/{name}")

    deep = ChildLilya(services=[Service(serve, "deep", name="deep")])
    child = ChildLilya(
        routes=[Include("/", app=Router([Include("/", app=deep)]))], services=[Service(serve, "c", name="c")]
    )
    app = Lilya(routes=[Include("/", app=child)], services=[Service(serve, "app", name="app")])
    async with running(app):
        assert [service.name for service in app.statistics().services] == ["app", "c", "deep"]
        await anyio.sleep(1)
    assert log == ["app", "c", "deep", "/deep", "/c", "/app"]


class Wrapper:
    """Somebody's middleware, around an application as an object."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.mark.parametrize("wrapped", [lambda app: app, Wrapper, lambda app: Wrapper(Wrapper(app))])
async def test_a_child_inside_a_layer_is_built_with_what_is_above_it(wrapped: Any) -> None:
    async def whose(tenant: str, unit: int) -> list[Any]:
        return [tenant, unit]

    def tree(handler: Any) -> Lilya:
        child = ChildLilya(routes=[Path("/{unit:int}", handler)])
        return Lilya(routes=[Include("/{tenant}", app=wrapped(child))])

    assert (await call(tree(whose), "/acme/5")).json == ["acme", 5]

    async def asks_in_vain(landlord: str) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="landlord"):
        tree(asks_in_vain)
