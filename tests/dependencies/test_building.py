"""What is wrong with the dependencies is said when the application is built, with all names in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.controllers import Controller
from lilya.dependencies import Depends, Provide, Provides, Scope
from lilya.exceptions import ImproperlyConfigured
from lilya.params import Query
from lilya.requests import Request
from lilya.routing import Include, Path, WebSocketPath
from lilya.testclient import AsyncTestClient
from lilya.websockets import WebSocket


async def handler(service: int) -> int:
    return service


def build(dependencies: dict[str, Any], route: Any = None) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        Lilya(routes=[route or Path("/here", handler)], dependencies=dependencies)
    return str(caught.value)


def test_an_unused_registration_is_fine() -> None:
    async def broken(nobody: int) -> int:
        return nobody

    Lilya(routes=[], dependencies={"unused": broken})


def test_what_a_factory_lacks_is_named_with_its_chain_its_handler_and_its_path() -> None:
    async def service(repository: int) -> int:
        return repository

    async def repository(databse: int) -> int:
        return databse

    message = build({"service": service, "repository": repository, "database": 1})
    for part in ("'/here'", "handler handler", "service -> repository", "'databse'", "'database'"):
        assert part in message


async def test_a_factory_that_needs_one_thing_of_no_type_gets_the_request() -> None:
    def client(conn, port=0):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return f"{conn.url.path} {port}"

    async def asks(service: str) -> str:
        return service

    app = Lilya(routes=[Path("/here", asks)], dependencies={"service": client})
    async with AsyncTestClient(app) as http:
        assert (await http.get("/here")).json() == "/here 0"


def test_a_factory_that_needs_more_or_says_a_type_gets_no_request_for_it() -> None:
    def two(conn, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return conn, other

    def typed(conn: int) -> int:
        return conn

    def keyword(*, conn):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return conn

    for factory in (two, typed, keyword):
        assert "nothing can fill the parameter 'conn'" in build({"service": factory})


def test_a_missing_dependency_is_named() -> None:
    async def asks(databse: int = Provides()) -> int:
        return databse

    message = build({"database": 1}, Path("/here", asks))
    assert "Missing dependency 'databse'" in message
    assert "'database'" in message
    assert "'/here'" in message
    assert "none" not in message
    assert "no dependency is registered" in build({}, Path("/here", asks))


def test_a_circle_is_named() -> None:
    async def service(repository: int) -> int:
        return repository

    async def repository(service: int) -> int:
        return service

    assert "service -> repository -> service" in build({"service": service, "repository": repository})

    async def own(service: int) -> int:
        return service

    assert "service -> service" in build({"service": own})


def test_a_parameter_nothing_fills_hints_at_a_dependency() -> None:
    async def misspelt(servise: int) -> int:
        return servise

    assert "Did you mean 'service'?" in build({"service": 1}, Path("/", misspelt))


def test_what_the_application_keeps_may_not_hold_on_to_what_is_one_requests() -> None:
    async def service(session: int) -> int:
        return session

    async def of_request(request: Request, page: int = Query(1)) -> int:
        return page

    async def session() -> int:
        return 1

    message = build({"service": Provide(service, scope=Scope.APP), "session": session})
    assert "'service'" in message
    assert "'session'" in message
    assert "'request'" in build({"service": Provide(of_request, scope=Scope.APP)})


@pytest.mark.parametrize("scope", ["session", "week"])
def test_a_scope_that_cannot_be_is_refused(scope: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=scope):
        Provide(handler, scope=scope)


def test_arguments_that_do_not_fit_are_refused() -> None:
    async def service(a: int) -> int:
        return a

    assert "wrong" in build({"service": Provide(service, wrong=1)})
    with pytest.raises(ImproperlyConfigured, match="cannot be called"):
        Provide(5, 1)


def test_a_positional_only_parameter_of_a_factory_is_refused() -> None:
    async def service(a: int, /) -> int:
        return a

    assert "positional-only" in build({"service": service, "a": 1})


@pytest.mark.parametrize("bad", [{"not a name": 1}, ["service"]])
def test_registrations_are_a_mapping_of_names(bad: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        Path("/", handler, dependencies=bad)


def test_one_kind_of_nursery_is_asked_for() -> None:
    async def service(task_group: Any) -> int:
        return 1

    async def both(service: int, nursery: Any) -> int:
        return service

    async def other(nursery: Any, service: int) -> int:
        return service

    assert "not for both" in build({"service": service}, Path("/", both))
    assert "not for both" in build({"value": other, "service": service}, Path("/", asks_value))


async def asks_value(value: int) -> int:
    return value


def test_a_request_is_not_there_on_a_websocket() -> None:
    async def service(request: Request) -> int:
        return 1

    async def chat(websocket: WebSocket, service: int) -> None: ...

    assert "'request'" in build({"service": service}, WebSocketPath("/", chat))


def test_a_controller_is_checked_too() -> None:
    class Users(Controller):
        async def get(self, missing: int = Provides()) -> int:
            return missing

    assert "Users.get" in build({}, Path("/", Users))


def test_routes_mounted_twice_with_other_dependencies_are_refused() -> None:
    child = ChildLilya(routes=[Path("/", handler)])
    routes = [
        Include("/a", app=child, dependencies={"service": Provide(lambda: 1)}),
        Include("/b", app=child, dependencies={"service": Provide(lambda: 2)}),
    ]
    with pytest.raises(ImproperlyConfigured, match="two places"):
        Lilya(routes=routes)
    shared = {"service": Provide(lambda: 1)}
    Lilya(routes=[Include("/a", app=child), Include("/b", app=child)], dependencies=shared)


async def test_a_child_may_serve_in_one_application_after_the_other() -> None:
    child = ChildLilya(routes=[Path("/", handler)])
    for value in (1, 2):
        app = Lilya(routes=[Include("/", app=child)], dependencies={"service": value})
        async with AsyncTestClient(app) as client:
            assert (await client.get("/")).json() == value


async def test_a_nursery_only_trio_has_is_refused_at_the_start_of_others(backend: str) -> None:
    async def service(nursery: Any) -> str:
        return type(nursery).__name__

    app = Lilya(routes=[Path("/", handler)], dependencies={"service": service})
    if backend == "trio":
        async with AsyncTestClient(app) as client:
            assert (await client.get("/")).json() == "Nursery"
    else:
        with pytest.raises(ImproperlyConfigured, match=r"trio\.Nursery"):
            async with AsyncTestClient(app):
                pass


# -- overrides --------------------------------------------------------------------------------------------------------


async def real() -> AsyncIterator[int]:
    raise AssertionError("the real one is not called")
    yield 1


async def test_an_override_holds_on_every_level_until_it_is_reset() -> None:
    class Users(Controller):
        dependencies: ClassVar[dict[str, Any]] = {"service": 5}

        async def get(self, service: int) -> int:
            return service

    async def uses(service: int) -> int:
        return service

    child = ChildLilya(routes=[Path("/{id}", handler)], dependencies={"service": 3})
    app = Lilya(
        routes=[
            Path("/static", handler),
            Path("/path/{id}", handler, dependencies={"service": 2}),
            Include("/child", app=child),
            Include("/include", routes=[Path("/", handler)], dependencies={"service": 4}),
            Path("/controller", Users),
            Path("/indirect", asks_value),
        ],
        dependencies={"service": Provide(real), "value": uses},
    )
    app.get("/decorated")(handler)
    paths = ["/static", "/path/1", "/child/1", "/include/", "/controller", "/indirect", "/decorated"]
    app.override_dependency("service", lambda: 9)
    assert list(app.dependency_overrides) == ["service"]
    async with AsyncTestClient(app) as client:
        assert [(await client.get(path)).json() for path in paths] == [9] * 7
        app.reset_dependency_overrides()
        assert not app.dependency_overrides
        assert [(await client.get(path)).json() for path in paths[1:5]] == [2, 3, 4, 5]
        with pytest.raises(AssertionError, match="the real one"):
            await client.get("/static")
    child.override_dependency("service", 7)
    async with AsyncTestClient(app) as client:
        assert (await client.get("/child/1")).json() == 7
        assert (await client.get("/include/")).json() == 4


async def test_an_override_that_cannot_be_built_changes_nothing() -> None:
    async def bad(nobody: int) -> int:
        return nobody

    app = Lilya(routes=[Path("/", handler)], dependencies={"service": 1})
    with pytest.raises(ImproperlyConfigured, match="nobody"):
        app.override_dependency("service", bad)
    assert not app.dependency_overrides
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == 1


async def test_a_value_of_the_application_is_the_same_after_an_override() -> None:
    made: list[int] = []

    async def service() -> AsyncIterator[int]:
        made.append(1)
        yield len(made)

    app = Lilya(routes=[Path("/", handler)], dependencies={"service": Provide(service, scope=Scope.APP)})
    async with AsyncTestClient(app) as client:
        app.override_dependency("service", 7)
        assert (await client.get("/")).json() == 7
        app.reset_dependency_overrides()
        assert (await client.get("/")).json() == 1
    app.override_dependency("service", 7)
    async with AsyncTestClient(app):  # what is overridden is not opened
        assert made == [1]


def test_an_inline_factory_is_checked_too() -> None:
    async def leaf(nobody: int) -> int:
        return nobody

    async def asks(value: int = Depends(leaf)) -> int:
        return value

    assert "nobody" in build({}, Path("/", asks))
