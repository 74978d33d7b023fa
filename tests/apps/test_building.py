"""How an application is put together: its layers, their order, and when they are fixed."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from lilya._define import DefineMiddleware, DefinePermission
from lilya.apps import BaseLilya, ChildLilya, Lilya
from lilya.exceptions import HTTPException, ImproperlyConfigured, PermissionDenied
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, Router
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.routing.client import call, fail, fail_to_start
from tests.support.life import running
from tests.support.wire import Wire, http_scope

Log = list[str]


class Noting:
    """Notes its name when it is built and when it runs."""

    def __init__(self, app: ASGIApp, name: str, log: Log) -> None:
        self.app = app
        self.name = name
        self.log = log
        log.append(f"build {name}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append(self.name)
        await self.app(scope, receive, send)


class Denies:
    """A permission nobody has."""

    def __init__(self, app: ASGIApp, reason: str | None = None) -> None:
        self.reason = reason

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise PermissionDenied(detail=self.reason)


class Raises:
    """A middleware that fails."""

    def __init__(self, app: ASGIApp, exc: Exception) -> None:
        self.exc = exc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise self.exc


async def handler() -> str:
    return "here"


def an_app(**options: Any) -> Lilya:
    return Lilya(routes=[Path("/", handler)], **options)


def test_an_app_shows_what_it_was_made_of() -> None:
    layer, permission = DefineMiddleware(Noting), DefinePermission(Denies)
    handlers: dict[Any, Any] = {404: handler}
    app = an_app(debug=True, middleware=[layer], permissions=[permission], exception_handlers=handlers)
    assert app.debug
    assert app.custom_middleware == [layer]
    assert app.custom_permissions == [permission]
    assert app.exception_handlers == handlers
    assert app.middleware_stack is None
    assert [route.path for route in app.routes] == ["/"]
    assert isinstance(app.router, Router)
    app.state.word = "kept"
    assert app.state.word == "kept"
    assert repr(app) == "Lilya(1 routes)"
    assert repr(ChildLilya()) == "ChildLilya(0 routes)"
    assert BaseLilya is Lilya


def test_what_is_given_is_copied() -> None:
    routes, handlers = [Path("/", handler)], dict[Any, Any]()
    app = Lilya(routes=routes, exception_handlers=handlers)
    app.add_route("/x", handler)
    app.add_exception_handler(404, lambda request, exc: None)
    assert len(routes) == 1
    assert handlers == {}


async def test_an_added_middleware_is_outside_all_others_and_an_added_permission_too() -> None:
    log: Log = []
    app = an_app(
        middleware=[DefineMiddleware(Noting, "given middleware", log)],
        permissions=[DefinePermission(Noting, "given permission", log)],
    )
    app.add_middleware(Noting, "added middleware", log=log)
    app.add_permission(Noting, name="added permission", log=log)
    log.clear()
    await call(app)
    assert [line for line in log if not line.startswith("build")] == [
        "added middleware",
        "given middleware",
        "added permission",
        "given permission",
    ]


async def test_the_layers_are_built_once() -> None:
    log: Log = []
    app = an_app(middleware=[DefineMiddleware(Noting, "m", log)], permissions=[DefinePermission(Noting, "p", log)])
    for _ in range(3):
        await call(app)
    assert log == ["build p", "build m"] + ["m", "p"] * 3


async def locked(app: Lilya) -> None:
    with pytest.raises(RuntimeError, match=r"Middlewares cannot be added once the application has started\."):
        app.add_middleware(Noting)
    with pytest.raises(RuntimeError, match=r"Permissions cannot be added once the application has started\."):
        app.add_permission(Denies)


async def test_layers_are_fixed_from_the_first_request_on() -> None:
    app = an_app()
    await call(app)
    await locked(app)


async def test_layers_are_fixed_once_the_lifespan_has_begun() -> None:
    app = an_app()
    async with running(app):
        await locked(app)


async def test_a_layer_that_cannot_be_built_is_an_error_of_the_start_up() -> None:
    sent, error = await fail_to_start(an_app(middleware=[DefineMiddleware(Noting, "m", lgo=[])]))
    assert isinstance(error, ImproperlyConfigured)
    assert sent[-1]["type"] == "lifespan.startup.failed"
    assert "lgo" in sent[-1]["message"]


async def test_an_added_permission_protects() -> None:
    app = an_app()
    app.add_permission(Denies, reason="not you")
    for path in ("/", "/none"):
        answer = await call(app, path)
        assert (answer.status, answer.text) == (403, "not you")


async def test_what_a_permission_raises_is_for_the_handlers_of_the_app() -> None:
    async def handled(request: Request, exc: PermissionDenied) -> PlainText:
        return PlainText(f"handled {exc.status_code}", status_code=418)

    app = an_app(permissions=[Denies], exception_handlers={PermissionDenied: handled})
    assert (await call(app)).text == "handled 403"


@pytest.mark.parametrize("exc", [ValueError("v"), HTTPException(status_code=404), PermissionDenied()])
async def test_what_a_middleware_of_the_app_raises_reaches_the_server(exc: Exception) -> None:
    async def handled(request: Request, exc: Exception) -> PlainText:
        raise AssertionError("outside the handlers")

    middleware = [DefineMiddleware(Raises, exc)]
    app = an_app(middleware=middleware, exception_handlers={ValueError: handled, HTTPException: handled})
    answer = await fail(app)
    assert (answer.status, answer.text) == (500, "Internal Server Error")
    assert answer.error is exc


async def test_a_middleware_sees_answers_not_http_exceptions() -> None:
    seen: list[Any] = []

    class Sees:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def noting(message: Any) -> None:
                seen.append(message.get("status"))
                await send(message)

            await self.app(scope, receive, noting)

    await call(an_app(middleware=[Sees]), "/none")
    assert seen == [404, None]


async def test_a_middleware_sees_plain_exceptions() -> None:
    seen: list[Exception] = []

    class Sees:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await self.app(scope, receive, send)
            except Exception as exc:
                seen.append(exc)
                raise

    async def broken(task_group: Any) -> None:
        task_group.start_soon(raises)

    async def raises() -> None:
        raise ValueError("v")

    app = Lilya(routes=[Include("/", routes=[Path("/", broken)], middleware=[Sees])], middleware=[Sees])
    answer = await fail(app)
    assert [type(exc) for exc in seen] == [ValueError, ValueError]
    assert isinstance(answer.error, ValueError)


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="middlewares"):
        Lilya(middlewares=[])  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [Lilya, ChildLilya])
def test_a_service_that_is_none_is_refused_when_the_application_is_made(kind: type[BaseLilya]) -> None:
    async def clock() -> None: ...

    with pytest.raises(TypeError, match=r"expected a Service, got .*clock.*: write Service\(clock, \.\.\.\)"):
        kind(services=[clock])  # type: ignore[list-item]


async def test_an_application_in_a_layer_of_ours_is_the_owner_of_the_exchange() -> None:
    seen: list[Any] = []

    async def here(request: Request) -> str:
        seen.append(app.statistics().exchanges)
        seen.append(request.draining)
        return str(request.path_for("here"))

    app = Lilya(routes=[Path("/x", here, name="here")])
    async with running(app):
        app.drain()
        answer = await call(ExceptionMiddleware(app), "/x")
        assert app.statistics().idle
    assert answer.json == "http://example.org/x"
    assert len(seen[0]) == 1
    assert seen[1] is True


@pytest.mark.parametrize("kind", ["http3", "lifespan2"])
async def test_a_connection_of_an_unknown_type_is_said_to_be_one(kind: str) -> None:
    wire = Wire()
    with pytest.raises(RuntimeError, match=f"of type '{kind}'; Lilya knows 'http', 'websocket', 'lifespan'"):
        await Lilya()({**http_scope(), "type": kind}, wire.receive, wire.send)
    assert wire.sent == []


def test_an_application_may_have_its_own_kind_of_router() -> None:
    class Counting(Router):
        """Says how many routes were added."""

        added = 0

        def add(self, route: Any) -> None:
            self.added += 1
            super().add(route)

    class Own(Lilya):
        router_class: ClassVar[type[Router] | None] = Counting

    class Usual(Own):
        router_class = None

    app = Own(routes=[Path("/x", handler)])
    app.get("/y")(handler)
    assert isinstance(app.router, Counting)
    assert app.router.added == 1
    assert type(Usual().router) is Router


def test_a_router_may_be_said_to_stand_in_an_application() -> None:
    assert Router([Path("/x", handler)], is_sub_router=True).path_for("handler") == "/x"
