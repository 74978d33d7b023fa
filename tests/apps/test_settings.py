"""An application takes what it is not told from its settings, and is what surrounds the code it runs."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest

from lilya._define import DefineMiddleware
from lilya.apps import ChildLilya, Lilya
from lilya.compat import reverse
from lilya.concurrency.threads import run_in_threadpool
from lilya.conf import override_settings, reload_settings, settings
from lilya.conf.exceptions import FieldException
from lilya.conf.global_settings import Settings
from lilya.context import g
from lilya.controllers import Controller
from lilya.exceptions import ImproperlyConfigured
from lilya.logging import LoggingConfig, logger, setup_logging
from lilya.middleware.app_settings import ApplicationSettingsMiddleware
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Include, Path, WebSocketPath
from lilya.serializers import CompactSerializer, SerializerConfig
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.conf.shop import ShopSettings
from tests.routing.client import call, fail, talk
from tests.support.life import running


class Layer:
    """A middleware that passes everything on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Own(Settings):
    debug: bool = True
    name: str = "own"
    redirect_slashes: bool = False
    include_in_schema: bool = False
    root_path: str = "/root"
    version: str = "7"
    drain_timeout: float = 1.0
    on_disconnect: Any = "ignore"
    x_frame_options: str | None = "sameorigin"

    @property
    def middleware(self) -> list[Any]:
        return [DefineMiddleware(Layer)]

    @property
    def permissions(self) -> list[Any]:
        return [Layer]

    @property
    def exception_handlers(self) -> dict[Any, Any]:
        return {404: handle}


async def handle(request: Request, exc: Exception) -> PlainText:
    return PlainText(f"handled {type(exc).__name__}", status_code=418)


async def tell() -> dict[str, Any]:
    return {"name": getattr(settings, "name", None), "debug": settings.debug}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    reload_settings()


# -- the constructor ---------------------------------------------------------------------------------------------------


def test_the_parameters_stand_in_the_order_that_is_documented() -> None:
    positional = [
        name for name, each in inspect.signature(Lilya).parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert positional == [
        *["debug", "settings_module", "routes", "middleware", "exception_handlers", "dependencies", "permissions"],
        *["on_startup", "on_shutdown", "before_request", "after_request", "redirect_slashes", "lifespan"],
        *["include_in_schema", "logging_config", "serializer_config", "populate_global_context", "enable_openapi"],
        *["openapi_config", "enable_intercept_global_exceptions", "root_path", "infer_body"],
    ]


@pytest.mark.parametrize("module", [Own, Own(), "tests.apps.test_settings.Own"], ids=["class", "instance", "dotted"])
def test_what_is_not_given_comes_from_its_settings(module: Any) -> None:
    app = Lilya(settings_module=module)
    assert isinstance(app.settings_module, Settings)
    assert app.settings is app.settings_module
    assert (app.debug, app.redirect_slashes, app.include_in_schema, app.root_path) == (True, False, False, "/root")
    assert (app.version, app.drain_timeout, app.router.on_disconnect) == ("7", 1.0, "ignore")
    assert len(app.custom_middleware) == len(app.custom_permissions) == 1
    assert app.exception_handlers == {404: handle}
    assert not app.router.redirect_slashes


def test_what_is_given_wins_also_what_is_empty_or_false() -> None:
    app = Lilya(
        debug=False,
        settings_module=Own,
        middleware=[],
        permissions=[],
        exception_handlers={},
        redirect_slashes=True,
        include_in_schema=True,
        root_path="",
        version="8",
        drain_timeout=2,
        on_disconnect="cancel",
    )
    assert (app.debug, app.redirect_slashes, app.include_in_schema, app.root_path) == (False, True, True, "")
    assert (app.version, app.drain_timeout, app.router.on_disconnect) == ("8", 2, "cancel")
    assert (app.custom_middleware, app.custom_permissions, app.exception_handlers) == ([], [], {})


def test_without_settings_of_its_own_those_of_the_process_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LILYA_SETTINGS_MODULE", "tests.apps.test_settings.Own")
    reload_settings()
    app = Lilya()
    assert app.debug
    assert app.settings_module is None
    assert app.settings.dict() == settings.dict()
    assert len(app.custom_middleware) == 1
    assert Lilya(settings_module=Settings).debug is False


def test_what_is_no_settings_is_an_error() -> None:
    with pytest.raises(FieldException, match="'settings_module' must be a subclass of Settings"):
        Lilya(settings_module=int)  # type: ignore[arg-type]


def test_a_value_is_looked_up_for_those_who_derive_from_it() -> None:
    app = Lilya(settings_module=Own)
    assert app.load_settings_value("name") == "own"
    assert app.load_settings_value("name", "given") == "given"
    assert app.load_settings_value("debug", False, is_boolean=True) is False
    assert app.load_settings_value("nothing") is None


async def test_an_override_counts_for_what_is_made_and_asked_inside() -> None:
    with override_settings(debug=True):
        assert Lilya().debug
        app = Lilya(settings_module=ShopSettings)
        assert app.debug
        assert app.settings.debug
        assert type(app.settings) is ShopSettings
    assert not app.settings.debug


async def test_the_deadline_of_requests_comes_from_the_settings() -> None:
    app = Lilya(routes=[Path("/", anyio.sleep_forever)], settings_module=Settings(request_timeout=1))
    async with running(app):
        assert (await call(app)).status == 504


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    yield


def test_a_lifespan_that_is_given_rules_out_the_hooks_of_the_settings_and_the_other_way_round() -> None:
    class Hooked(Settings):
        @property
        def on_startup(self) -> list[Callable[..., Any]]:
            return [print]

    class Spanned(Settings):
        @property
        def lifespan(self) -> Any:
            return lifespan

    assert Lilya(settings_module=Hooked).router.hooks.on_startup == [print]
    assert Lilya(settings_module=Hooked, lifespan=lifespan).router.hooks.on_startup == []
    assert Lilya(settings_module=Spanned).router.hooks.lifespan is lifespan
    assert Lilya(settings_module=Spanned, on_shutdown=[print]).router.hooks.lifespan is None
    assert Lilya(settings_module=Hooked, on_startup=[]).router.hooks.on_startup == []


def test_routes_never_come_from_settings() -> None:
    class Routed(Settings):
        @property
        def routes(self) -> list[Any]:
            return [Path("/", tell)]

    assert Lilya(settings_module=Routed).routes == []


# -- who is current ----------------------------------------------------------------------------------------------------


async def test_the_settings_are_those_of_the_app_that_serves() -> None:
    app = Lilya(routes=[Path("/", tell)], settings_module=Own)
    assert (await call(app)).json == {"name": "own", "debug": True}
    assert not settings.debug


async def test_a_nested_app_sees_its_own_settings_or_those_of_its_parent() -> None:
    async def ask(request: Request) -> Any:
        return [getattr(settings, "name", None), request.app.settings is settings_of(request.app)]

    def settings_of(app: Lilya) -> Settings:
        return app.settings

    class Inner(Own):
        name: str = "inner"
        root_path: str = ""

    grandchild = ChildLilya(routes=[Path("/", ask)])
    below = [Path("/", tell), Include("/deep", app=grandchild)]
    app = Lilya(
        routes=[
            Include("/without", app=ChildLilya(routes=[Path("/", tell)])),
            Include(
                "/with",
                app=ChildLilya(routes=below, settings_module=Inner),
            ),
            Path("/", tell),
        ],
        settings_module=Own,
        root_path="",
    )
    assert (await call(app, "/without/")).json["name"] == "own"
    assert (await call(app, "/with/")).json["name"] == "inner"
    assert (await call(app, "/with/deep/")).json == ["inner", True]
    assert (await call(app)).json["name"] == "own"


async def test_two_at_once_see_each_its_own() -> None:
    meet = anyio.Event()

    async def wait(request: Request) -> str:
        if request.url.path == "/first":
            await meet.wait()
        else:
            meet.set()
            await anyio.sleep(1)
        return str(settings.shop)  # type: ignore[attr-defined]

    one = Lilya(routes=[Path("/first", wait)], settings_module=ShopSettings(shop="one"))
    other = Lilya(routes=[Path("/second", wait)], settings_module=ShopSettings(shop="other"))
    seen = {}

    async def ask(app: Lilya, path: str) -> None:
        seen[path] = (await call(app, path)).json

    async with anyio.create_task_group() as nursery:
        nursery.start_soon(ask, one, "/first")
        nursery.start_soon(ask, other, "/second")
    assert seen == {"/first": "one", "/second": "other"}


async def test_threads_websockets_handlers_of_exceptions_and_tasks_left_behind_see_them_too() -> None:
    seen: list[str] = []

    def in_a_thread() -> str:
        return str(settings.name)  # type: ignore[attr-defined]

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await run_in_threadpool(in_a_thread))

    async def broken(request: Request) -> None:
        request.app.start_soon(later)
        raise KeyError

    async def later() -> None:
        await anyio.sleep(1)
        seen.append(in_a_thread())

    async def handle_all(request: Request, exc: Exception) -> PlainText:
        return PlainText(in_a_thread(), status_code=500)

    app = Lilya(
        routes=[Path("/", in_a_thread), WebSocketPath("/ws", socket), Path("/broken", broken)],
        settings_module=Own(debug=False, root_path="", exception_handlers={Exception: handle_all}),
    )
    async with running(app):
        assert (await call(app)).json == "own"
        assert (await talk(app, "/ws")).sent[1]["text"] == "own"
        assert (await fail(app, "/broken")).text == "own"
        await anyio.sleep(2)
    assert seen == ["own"]


async def test_a_lifespan_and_its_services_are_surrounded_by_their_app() -> None:
    seen: list[Any] = []

    @asynccontextmanager
    async def note(app: Any) -> AsyncIterator[None]:
        seen.append([getattr(settings, "name", None), app.settings is settings_of(app), reverse("home")])
        yield
        seen.append(getattr(settings, "name", None))

    def settings_of(app: Any) -> Any:
        return app.settings

    async def home() -> None: ...

    class Inner(Own):
        name: str = "inner"

    child = ChildLilya(routes=[Path("/child", home)], lifespan=note, settings_module=Inner)
    app = Lilya(routes=[Path("/home", home), Include("/", app=child)], lifespan=note, settings_module=Own)
    child.routes[0].name = "home"
    async with running(app):
        pass
    assert seen == [["own", True, "/home"], ["inner", True, "/child"], "inner", "own"]
    assert not hasattr(settings, "name")


async def test_layers_around_an_application_are_still_there_inside() -> None:
    async def handler() -> list[Any]:
        return [g.user, reverse("handler")]

    class Around:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            g.user = "ada"
            await self.app(scope, receive, send)

    app = GlobalContextMiddleware(Around(Lilya(routes=[Path("/", handler)])))
    for _ in range(2):  # nothing is left behind for the second
        assert (await call(app)).json == ["ada", "/"]


async def test_g_is_populated_for_requests_and_websockets() -> None:
    def populate(connection: Any) -> dict[str, Any]:
        return {"path": connection.url.path}

    async def handler() -> dict[str, Any]:
        return g.store

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(g.store)

    app = Lilya(routes=[Path("/a", handler), WebSocketPath("/b", socket)], populate_global_context=populate)
    assert (await call(app, "/a")).json == {"path": "/a"}
    assert (await talk(app, "/b")).sent[1]["text"] == '{"path":"/b"}'


# -- the rest ----------------------------------------------------------------------------------------------------------


async def test_a_root_path_of_its_own_stands_in_links_and_is_no_part_of_the_routes() -> None:
    async def link(request: Request) -> list[str]:
        return [str(request.path_for("link")), request.scope["root_path"]]

    app = Lilya(routes=[Path("/link", link)], root_path="/behind")
    assert (await call(app, "/link")).json == ["http://example.org/behind/link", "/behind"]
    outer = Lilya(routes=[Include("/in", app=app)])
    assert (await call(outer, "/in/link")).json[1] == "/in"


async def test_frames_are_as_the_settings_say() -> None:
    app = Lilya(routes=[Path("/", tell)], settings_module=Own, middleware=[XFrameOptionsMiddleware])
    assert (await call(app)).headers["x-frame-options"] == "SAMEORIGIN"
    app = Lilya(routes=[Path("/", tell)], middleware=[XFrameOptionsMiddleware])
    assert (await call(app)).headers["x-frame-options"] == "DENY"


class Loud(CompactSerializer):
    def dumps(self, value: Any, /, **options: Any) -> str:
        return str(super().dumps(value, **options)).upper()


class LoudConfig(SerializerConfig):
    def get_serializer(self) -> Loud:
        return Loud()


async def test_each_app_has_the_serializer_it_is_given() -> None:
    loud = Lilya(routes=[Path("/", tell)], serializer_config=LoudConfig())
    quiet = Lilya(routes=[Path("/", tell), Include("/loud", app=loud)])
    assert (await call(loud)).text == '{"NAME":NULL,"DEBUG":FALSE}'
    assert (await call(quiet)).text == '{"name":null,"debug":false}'
    assert (await call(quiet, "/loud/")).text == '{"NAME":NULL,"DEBUG":FALSE}'
    with pytest.raises(ImproperlyConfigured, match="must be a SerializerConfig"):
        Lilya(serializer_config=LoudConfig)  # type: ignore[arg-type]


def test_logging_is_set_up_by_what_is_given_and_else_left_alone() -> None:
    class Config(LoggingConfig):
        configured = 0

        def configure(self) -> None:
            self.configured += 1

        def get_logger(self) -> logging.Logger:
            return logging.getLogger("elsewhere")

    config = Config()
    try:
        app = Lilya(logging_config=config)
        assert app.logging_config is config
        assert (config.configured, logger.name) == (1, "elsewhere")
    finally:
        setup_logging()
    assert Lilya().logging_config is None
    wrong: Any
    for wrong in (Config, 3):
        with pytest.raises(ValueError, match="must be a LoggingConfig"):
            Lilya(logging_config=wrong)


async def test_exceptions_of_middleware_are_answered_by_the_handlers_where_that_is_wanted() -> None:
    class Failing(Layer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise LookupError("hidden")

    def handler(request: Request, exc: LookupError) -> PlainText:  # sync
        return PlainText("handled", status_code=418)

    def app(**options: Any) -> Lilya:
        return Lilya(
            routes=[Path("/", tell)], middleware=[Failing], exception_handlers={LookupError: handler}, **options
        )

    answer = await call(app(enable_intercept_global_exceptions=True))
    assert (answer.status, answer.text) == (418, "handled")
    answer = await fail(app())
    assert (answer.status, answer.text) == (500, "Internal Server Error")


async def test_the_layer_that_makes_settings_current_does_nothing_any_more() -> None:
    app = Lilya(routes=[Path("/", tell)], middleware=[ApplicationSettingsMiddleware])
    assert (await call(app)).json["debug"] is False


class Strict(Settings):
    enforce_return_annotation: bool = True


async def silent(id: int):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return id


async def spoken(id: int) -> int:
    return id


class Spoken(Controller):
    """Says what it returns."""

    async def get(self, id: int) -> int:
        return id


class Silent(Spoken):
    """Does not say what one of its methods returns."""

    async def post(self, id: int):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return id


@pytest.mark.parametrize("handler", [silent, partial(silent), Silent])
def test_handlers_must_say_what_they_return_where_the_settings_want_that(handler: Any) -> None:
    route = Path("/{id:int}", handler)
    for routes in ([route], [Include("/in", routes=[route])], [Include("/in", app=ChildLilya(routes=[route]))]):
        with pytest.raises(ImproperlyConfigured, match="no return annotation"):
            Lilya(routes=routes, settings_module=Strict)
    with pytest.raises(ImproperlyConfigured, match="no return annotation"):
        Lilya(settings_module=Strict).add(route)
    Lilya(routes=[route])


def test_those_that_say_it_and_apps_that_return_nothing_are_fine() -> None:
    routes = [Path("/{id:int}", each) for each in (spoken, partial(spoken), Spoken, PlainText("x"))]
    app = Lilya(routes=routes, settings_module=Strict)
    app.get("/more/{id:int}")(spoken)
    assert len(app.routes) == 5
