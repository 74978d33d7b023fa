"""Which factory fills which parameter, what a factory may ask for, and what it is called with."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Annotated, Any, ClassVar

import anyio
import pytest
from anyio.abc import TaskGroup

from lilya._connection import Connection
from lilya.apps import ChildLilya, Lilya
from lilya.controllers import Controller
from lilya.dependencies import Depends, Provide, Provides, Resolve, Security
from lilya.exceptions import NotAuthorized
from lilya.params import Header, Query
from lilya.requests import Request
from lilya.routing import Host, Include, Path, Router, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.types import ASGIApp
from lilya.websockets import WebSocket


async def get(app: ASGIApp, path: str = "/", **options: Any) -> Any:
    async with AsyncTestClient(app) as client:
        response = await client.get(path, **options)
        assert response.status_code == 200, response.text
        return response.json()


async def one(value: Any) -> Any:
    return value


async def show(value: Any) -> Any:
    return value


async def asked(value: Any = Provides()) -> Any:
    return value


def sync_handler(value: Any) -> Any:
    return value


@pytest.mark.parametrize("handler", [show, asked, sync_handler])
async def test_a_parameter_of_its_name_gets_the_value(handler: Any) -> None:
    async def make() -> str:
        return "made"

    assert await get(Lilya(routes=[Path("/", handler)], dependencies={"value": Provide(make)})) == "made"
    assert await get(Lilya(routes=[Path("/", handler, dependencies={"value": make})])) == "made"
    assert await get(Lilya(routes=[Path("/", handler)], dependencies={"value": 5})) == 5


async def test_a_parameter_with_a_default_of_its_own_keeps_it() -> None:
    async def handler(value: str = "own", asked: str = Provides()) -> list[str]:
        return [value, asked]

    assert await get(Lilya(routes=[Path("/", handler)], dependencies={"value": "a", "asked": "b"})) == ["own", "b"]


async def test_the_nearest_registration_wins() -> None:
    app = Lilya(
        routes=[
            Path("/app", show),
            Path("/path", show, dependencies={"value": "path"}),
            Include(
                "/in",
                routes=[Path("/include", show), Path("/path", show, dependencies={"value": "path"})],
                dependencies={"value": "include"},
            ),
            Include("/child", app=ChildLilya(routes=[Path("/app", show)], dependencies={"value": "child"})),
            Include("/mounted", app=ChildLilya(routes=[Path("/x", show)]), dependencies={"value": "mount"}),
            Include("/router", app=Router(routes=[Path("/x", show)], dependencies={"value": "router"})),
            Include("/above", app=ChildLilya(routes=[Include("/y", app=Router(routes=[Path("/x", show)]))])),
        ],
        dependencies={"value": "app"},
    )
    expected = {
        "/app": "app",
        "/path": "path",
        "/in/include": "include",
        "/in/path": "path",
        "/child/app": "child",
        "/mounted/x": "mount",
        "/router/x": "router",
        "/above/y/x": "app",
    }
    assert {path: await get(app, path) for path in expected} == expected


async def test_a_host_and_a_controller_register_too() -> None:
    class Shown(Controller):
        dependencies: ClassVar[dict[str, Any]] = {"value": "controller"}

        async def get(self, value: str, other: str) -> list[str]:
            return [value, other]

    child = ChildLilya(routes=[Path("/", Shown)])
    app = Lilya(routes=[Host("api.example.org", app=child, dependencies={"value": "host", "other": "host"})])
    assert await get(app, headers={"host": "api.example.org"}) == ["controller", "host"]


async def test_routes_added_later_and_by_decorators_are_given_them() -> None:
    app = Lilya(dependencies={"value": "app"})
    app.get("/a")(show)
    app.get("/b", dependencies={"value": "own"})(show)
    app.add_route("/c", show)
    app.include("/d", routes=[Path("/", show)], dependencies={"value": "include"})
    assert [await get(app, path) for path in ("/a", "/b", "/c", "/d/")] == ["app", "own", "app", "include"]


async def test_a_route_used_alone_has_its_own() -> None:
    assert await get(Path("/", show, dependencies={"value": "alone"})) == "alone"
    assert await get(Router(routes=[Path("/", show)], dependencies={"value": "router"})) == "router"


async def test_factories_are_functions_classes_generators_and_context_managers() -> None:
    class Made:
        def __init__(self, base: int) -> None:
            self.base = base

        def __call__(self, base: int) -> int:
            return self.base + base

    class Managed:
        def __init__(self, base: int) -> None:
            self.base = base

        async def __aenter__(self) -> int:
            return self.base + 6

        async def __aexit__(self, *exc: object) -> None:
            return None

    class ManagedSync:
        def __enter__(self) -> int:
            return 8

        def __exit__(self, *exc: object) -> None:
            return None

    async def generated(base: int) -> AsyncIterator[int]:
        yield base + 2

    def generated_sync(base: int) -> Iterator[int]:
        yield base + 3

    @asynccontextmanager
    async def managed(base: int) -> AsyncIterator[int]:
        yield base + 4

    @contextmanager
    def managed_sync(base: int) -> Iterator[int]:
        yield base + 5

    async def awaited(base: int, more: int) -> int:
        return base + more

    async def handler(
        a: Made, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: dict[str, int]
    ) -> list[Any]:
        return [a.base, b, c, d, e, f, g, h, i, j]

    dependencies = {
        "base": Provide(lambda: 0),
        "a": Made,
        "b": Provide(awaited, more=1),
        "c": generated,
        "d": generated_sync,
        "e": managed,
        "f": managed_sync,
        "g": Managed,
        "h": Provide(partial(awaited, 0, 7)),
        "i": Made(8),
        "j": dict,
    }
    app = Lilya(routes=[Path("/", handler)], dependencies=dependencies)
    assert await get(app) == [0, 1, 2, 3, 4, 5, 6, 7, 8, {}]
    app = Lilya(routes=[Path("/", show)], dependencies={"value": ManagedSync})
    assert await get(app) == 8


async def test_what_may_block_runs_in_a_thread() -> None:
    loop = threading.get_ident()
    seen: list[bool] = []

    def note() -> int:
        seen.append(threading.get_ident() == loop)
        return 1

    def generated(a: int) -> Iterator[int]:
        note()
        try:
            yield a
        finally:
            note()

    async def handler(a: int, b: int) -> int:
        return a + b

    assert await get(Lilya(routes=[Path("/", handler)], dependencies={"a": note, "b": generated})) == 2
    assert seen == [False, False, False]


async def test_a_factory_may_ask_for_the_request_the_path_and_parameters() -> None:
    async def described(
        request: Request,
        visitor: Request,
        conn: Connection,
        id: int,
        agent: str = Header("user-agent"),
        page: int = Query(1),
    ) -> list[Any]:
        return [request.method, visitor.url.path, conn["type"], id, agent, page]

    app = Lilya(routes=[Path("/{id:int}", show)], dependencies={"value": described})
    found = await get(app, "/7?page=3", headers={"user-agent": "me"})
    assert found == ["GET", "/7", "http", 7, "me", 3]


async def test_a_factory_may_share_the_nursery_of_the_request() -> None:
    async def value(task_group: TaskGroup) -> list[int]:
        made: list[int] = []
        task_group.start_soon(one, 1)
        task_group.start_soon(append, made)
        return made

    async def append(made: list[int]) -> None:
        made.append(1)

    async def handler(value: list[int], task_group: TaskGroup) -> list[int]:
        task_group.start_soon(append, value)
        await anyio.sleep(1)
        return value

    assert await get(Lilya(routes=[Path("/", handler)], dependencies={"value": value})) == [1, 1]


async def test_arguments_given_to_provide_go_before_the_names() -> None:
    async def make(first: int, second: int, third: int = 3) -> list[int]:
        return [first, second, third]

    dependencies = {"value": Provide(make, 10, third=30), "first": 1, "second": 2, "third": 9}
    assert await get(Lilya(routes=[Path("/", show)], dependencies=dependencies)) == [10, 2, 30]


async def leaf(base: int) -> int:
    return base + 1


async def tree(a: int = Depends(leaf), b: int = Resolve(leaf)) -> list[int]:
    return [a, b]


async def test_an_unregistered_factory_is_asked_for_by_a_marker() -> None:
    async def handler(value: Annotated[list[int], Resolve(tree)], base: Annotated[int, Provides()]) -> list[Any]:
        return [value, base]

    assert await get(Lilya(routes=[Path("/", handler)], dependencies={"base": 1})) == [[2, 2], 1]


async def test_a_security_scheme_is_called_once_with_the_request() -> None:
    calls: list[str] = []

    class Bearer:
        async def __call__(self, request: Request) -> str:
            token: str | None = request.headers.get("authorization")
            if token is None:
                raise NotAuthorized()
            calls.append(token)
            return token

    scheme = Bearer()

    async def user(token: str = Security(scheme, scopes=["read"])) -> str:
        return f"user of {token}"

    app = Lilya(routes=[Path("/", show)], dependencies={"value": user})
    assert await get(app, headers={"authorization": "abc"}) == "user of abc"
    assert calls == ["abc"]
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).status_code == 401


async def test_keys_of_a_json_body_never_reach_a_factory() -> None:
    async def make(name: str = "good") -> str:
        return name

    app = Lilya(routes=[Path("/", show, methods=["GET", "POST"])], dependencies={"value": make}, infer_body=True)
    async with AsyncTestClient(app) as client:
        assert (await client.post("/", json={"name": "evil", "value": "evil"})).json() == "good"
        assert (await client.get("/")).json() == "good"


async def test_a_websocket_is_given_dependencies_and_parameters() -> None:
    async def greeting(websocket: WebSocket, connection: Connection, room: str) -> str:
        assert websocket is connection
        return f"hello {room}"

    async def chat(websocket: WebSocket, greeting: str, room: str, page: int = Query(1)) -> None:
        await websocket.accept()
        await websocket.send_json([greeting, room, page])

    app = Lilya(routes=[WebSocketPath("/{room}", chat)], dependencies={"greeting": greeting})
    async with AsyncTestClient(app) as client, client.websocket_connect("/blue?page=2") as session:
        assert await session.receive_json() == ["hello blue", "blue", 2]
