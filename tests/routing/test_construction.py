"""What is put together wrongly fails when it is put together, in words that teach."""

from __future__ import annotations

import inspect
import re
import sys
import types
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware.exceptions import ExceptionMiddleware
from lilya.routing import (
    BasePath,
    Host,
    Include,
    Path,
    Route,
    RoutePath,
    Router,
    WebSocketPath,
    WebSocketRoute,
    get_name,
)
from lilya.types import Receive, Scope, Send
from tests.routing.client import call


async def home() -> str:
    return "home"


async def wants(tenant: str) -> str:
    return tenant


async def wants_typo(request: object, usr_id: int) -> None: ...


class App:
    """An ASGI app."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def method(self) -> str:
        return "method"


APP = App()


def socket(websocket: object) -> None: ...


# -- names and texts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (home, "home"),
        (partial(home), "home"),
        (partial(partial(home)), "home"),
        (App(), "App"),
        (App, "App"),
        (App().method, "method"),
        (partial(App()), "App"),
        ("tests.handling.dotted.handler", "handler"),
    ],
)
def test_a_route_is_named_after_its_handler(handler: Any, name: str) -> None:
    assert Path("/", handler).name == name
    if not isinstance(handler, str):
        assert get_name(handler) == name


def test_routes_read_like_their_calls() -> None:
    assert repr(Path("/x", home)) == "Path(path='/x', name='home', methods=['GET', 'HEAD'])"
    assert repr(Path("/x", App())) == "Path(path='/x', name='App', methods=[])"
    assert repr(WebSocketPath("/ws", socket, name="h")) == "WebSocketPath(path='/ws', name='h')"
    assert repr(Include("/app", app=APP)) == f"Include(path='/app', name='', app={APP!r})"
    assert repr(Host("example.org", app=APP)) == f"Host(host='example.org', name='', app={APP!r})"


def test_the_other_names_are_the_same_things() -> None:
    assert Route is RoutePath is Path
    assert WebSocketRoute is WebSocketPath


@pytest.mark.parametrize(("given", "kept"), [("/", "/"), ("/x/", "/x"), ("//x///y/", "/x/y"), ("/{a}/", "/{a}")])
def test_trailing_and_doubled_slashes_of_a_path_are_dropped(given: str, kept: str) -> None:
    assert Path(given, home).path == kept
    assert Include(given, app=App()).path == kept.rstrip("/")


@pytest.mark.parametrize(
    ("methods", "kept"),
    [
        (None, {"GET", "HEAD"}),
        (["get"], {"GET", "HEAD"}),
        (["POST"], {"POST"}),
        (("put", "GET"), {"PUT", "GET", "HEAD"}),
    ],
)
def test_functions_answer_to_get_unless_other_methods_are_named(methods: Any, kept: Any) -> None:
    assert Path("/", home, methods=methods).methods == kept
    assert Path("/", partial(home), methods=methods).methods == kept


def test_apps_answer_to_any_method_unless_some_are_named() -> None:
    assert Path("/", App()).methods is None
    assert Path("/", App).methods is None
    assert Path("/", App(), methods=["POST"]).methods == frozenset({"POST"})


def test_a_route_shows_its_layers() -> None:
    handlers: dict[Any, Any] = {404: home}
    route = Path("/", home, middleware=[App], permissions=[App, App], exception_handlers=handlers)
    assert [layer.cls for layer in route.middleware] == [App]
    assert [layer.cls for layer in route.permissions] == [App, App]
    assert route.exception_handlers == handlers


# -- what is refused --------------------------------------------------------------------------------------------------


# The same, for calls that a type checker refuses.
AnyPath: Any = Path
AnyWebSocketPath: Any = WebSocketPath
AnyInclude: Any = Include
AnyHost: Any = Host
AnyRouter: Any = Router
AnyLilya: Any = Lilya


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: AnyPath("x", home), AssertionError, "Paths must start with '/', got 'x'"),
        (lambda: AnyPath("", home), AssertionError, "Paths must start with '/'"),
        (lambda: AnyPath(None, home), ImproperlyConfigured, "Path: the path must be a str, not None"),
        (lambda: AnyWebSocketPath("x", socket), AssertionError, "Paths must start with '/'"),
        (lambda: AnyInclude("x", app=App()), AssertionError, "Paths must start with '/'"),
        (lambda: AnyInclude(3, app=App()), ImproperlyConfigured, "Include: the path must be a str, not 3"),
        (lambda: AnyPath("/{id}/{id}", home), ValueError, "Duplicated param name id in the path /{id}/{id}"),
        (lambda: AnyInclude("/{id}/{id}", app=App()), ValueError, "Duplicated param name id in the path /{id}/{id}"),
        (lambda: AnyPath("/{a:x}", home), AssertionError, "Unknown path transformer 'x'"),
        (lambda: AnyInclude("/{a:x}", app=App()), AssertionError, "Unknown path transformer 'x'"),
        (lambda: AnyPath("/", 3), ImproperlyConfigured, "Path('/'): 3 is no handler, it cannot be called"),
        (lambda: AnyPath("/", "nowhere.x"), ImproperlyConfigured, "there is no module 'nowhere'"),
        (
            lambda: AnyPath("/", home, methods="GET"),
            ImproperlyConfigured,
            "methods is a list like ['GET'], not the str 'GET'",
        ),
        (
            lambda: AnyPath("/", home, methods=[]),
            ImproperlyConfigured,
            "Path('/'): it can never answer without methods",
        ),
        (
            lambda: AnyPath("/", home, on_disconnect="stop"),
            ImproperlyConfigured,
            "Path('/'): on_disconnect is 'cancel' or 'ignore', not 'stop'",
        ),
        (lambda: AnyWebSocketPath("/", socket, on_disconnect=1), ImproperlyConfigured, "on_disconnect is 'cancel' or"),
        (lambda: AnyInclude("/", app=App(), on_disconnect=1), ImproperlyConfigured, "Include('/'): on_disconnect is"),
        (lambda: AnyRouter(on_disconnect="x"), ImproperlyConfigured, "Router: on_disconnect is"),
        (lambda: AnyLilya(on_disconnect="x"), ImproperlyConfigured, "on_disconnect is"),
        (
            lambda: AnyHost("/x", app=App()),
            AssertionError,
            "A host does not start with '/', got '/x': did you mean Include?",
        ),
        (lambda: AnyHost("x", app=3), ImproperlyConfigured, "Host('x'): 3 is no ASGI app"),
        (
            lambda: AnyInclude("/a"),
            AssertionError,
            "Either 'app=...', or 'routes=...', or 'namespace=...' must be specified",
        ),
        (lambda: AnyInclude("/a", app=App(), routes=[]), AssertionError, "Only one of 'app=...', 'routes=...'"),
        (lambda: AnyInclude("/a", namespace="x", routes=[]), AssertionError, "Only one of 'app=...', 'routes=...'"),
        (lambda: AnyInclude("/a", namespace="x", app=App()), AssertionError, "Only one of"),
        (
            lambda: AnyInclude("/a", routes=[], pattern="x"),
            ImproperlyConfigured,
            "'pattern' names a list in a 'namespace'",
        ),
        (lambda: AnyInclude("/a", namespace=3), ImproperlyConfigured, "'namespace' and 'pattern' are the names"),
        (lambda: AnyInclude("/a", namespace="lilya", pattern=3), ImproperlyConfigured, "'namespace' and 'pattern' are"),
        (
            lambda: AnyInclude("/a", namespace="lilya.status"),
            AssertionError,
            "the module 'lilya.status' has no list called 'route_patterns'",
        ),
        (
            lambda: AnyInclude("/a", namespace="lilya.status", pattern="HTTP_200_OK"),
            AssertionError,
            "no list called 'HTTP_200_OK'",
        ),
        (
            lambda: AnyInclude("/a", [AnyPath("/", home)]),
            ImproperlyConfigured,
            "is no ASGI app, it cannot be called: did you mean routes=[...]?",
        ),
        (lambda: AnyInclude("/a", 3), ImproperlyConfigured, "Include('/a'): 3 is no ASGI app, it cannot be called"),
        (
            lambda: AnyInclude("/a", "lilya.status.HTTP_200_OK"),
            ImproperlyConfigured,
            "'lilya.status.HTTP_200_OK' is no ASGI app",
        ),
        (lambda: AnyPath("/", home, middleware=[3]), ImproperlyConfigured, "3 is no layer"),
        (
            lambda: AnyLilya(routes=[home]),
            ImproperlyConfigured,
            "is no route: routes are Path, WebSocketPath, Include and Host",
        ),
        (lambda: AnyLilya(routes=[AnyRouter()]), ImproperlyConfigured, "a Router is mounted by Include(path, app=...)"),
        (lambda: AnyLilya(routes=[AnyInclude("/a", routes=[App()])]), ImproperlyConfigured, "is no route"),
        (lambda: AnyLilya(middleware=[3]), ImproperlyConfigured, "3 is no layer"),
        (lambda: AnyLilya(permissions=[3]), ImproperlyConfigured, "3 is no layer"),
        (lambda: AnyLilya(before_request=[3]), ImproperlyConfigured, "before_request: 3 is no hook"),
    ],
)
def test_what_is_put_together_wrongly_is_refused_at_once(make: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        make()


def test_a_route_of_ones_own_must_say_how_it_is_planted() -> None:
    class Mine(BasePath): ...

    with pytest.raises(NotImplementedError, match="Mine does not say how it is planted"):
        Lilya(routes=[Mine()])


# -- parameters that nothing fills ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "routes",
    [
        [Path("/{user_id}", wants_typo)],
        [Include("/{user_id}", routes=[Path("/", wants_typo)])],
        [Include("/{user_id}", app=Router([Path("/", wants_typo)]))],
        [Include("/{user_id}", app=ChildLilya(routes=[Include("/", routes=[Path("/", wants_typo)])]))],
        [Host("{user_id}.example.org", app=Router([Path("/", wants_typo)]))],
    ],
    ids=["path", "include", "router", "child", "host"],
)
def test_a_parameter_nothing_fills_is_an_error_of_building_the_app(routes: list[Any]) -> None:
    said = r"Path\(path='/.*handler wants_typo: nothing can fill the parameter 'usr_id': .* Did you mean 'user_id'\?"
    with pytest.raises(ImproperlyConfigured, match=said):
        Lilya(routes=routes)


@pytest.mark.parametrize(
    "routes",
    [
        [Include("/{tenant}", routes=[Path("/x", wants)])],
        [Include("/{tenant}", app=Router([Path("/x", wants)]))],
        [Include("/{tenant}", app=Router([Include("/", routes=[Path("/x", wants)])]))],
        [Include("/{tenant}", app=ChildLilya(routes=[Include("/", app=Router([Path("/x", wants)]))]))],
    ],
)
async def test_parameters_of_prefixes_fill_what_handlers_below_want(routes: list[Any]) -> None:
    assert (await call(Lilya(routes=routes), "/acme/x")).json == "acme"


def test_a_child_that_wants_parameters_of_its_prefix_is_checked_when_it_is_included() -> None:
    child = ChildLilya(routes=[Path("/x", wants)])
    Lilya(routes=[Include("/{tenant}", app=child)])
    with pytest.raises(ImproperlyConfigured, match="nothing can fill the parameter 'tenant'"):
        Lilya(routes=[Include("/x", app=ChildLilya(routes=[Path("/x", wants)]))])


def test_an_app_that_is_no_child_is_checked_when_it_is_made() -> None:
    with pytest.raises(ImproperlyConfigured, match="nothing can fill the parameter 'tenant'"):
        Lilya(routes=[Path("/x", wants)])


async def test_an_app_that_is_complete_without_them_is_given_parameters_of_its_prefix_all_the_same() -> None:
    async def optional(tenant: str = "nobody") -> str:
        return tenant

    inner = Lilya(routes=[Path("/x", optional)])
    assert (await call(inner, "/x")).json == "nobody"
    assert (await call(Lilya(routes=[Include("/{tenant}", app=inner)]), "/acme/x")).json == "acme"


# -- later ------------------------------------------------------------------------------------------------------------


async def test_routes_can_be_added_after_the_first_request_and_answer_at_once() -> None:
    app = Lilya(routes=[Path("/a", home)])
    router = Router()
    app.include("/router", router)
    for path in ("/b", "/in/c", "/router/d"):
        assert (await call(app, path)).status == 404
    app.add_route("/b", home)
    app.include("/in", routes=[Path("/c", home)])
    router.add_route("/d", home)
    for path in ("/a", "/b", "/in/c", "/router/d"):
        assert (await call(app, path)).json == "home"
    assert len(app.routes) == 4


async def test_what_is_added_wrongly_leaves_nothing_behind() -> None:
    app = Lilya(routes=[Path("/a", home)])
    with pytest.raises(ImproperlyConfigured, match="nothing can fill the parameter 'tenant'"):
        app.include("/in", routes=[Path("/good", home), Path("/bad", wants)])
    with pytest.raises(ImproperlyConfigured, match="is no route"):
        app.add(home)  # type: ignore[arg-type]
    assert len(app.routes) == 1
    assert (await call(app, "/in/good")).status == 404
    assert (await call(app, "/a")).json == "home"
    app.add_route("/b", home)
    assert (await call(app, "/b")).json == "home"


async def test_a_mounted_router_shows_what_it_has_now() -> None:
    router = Router()
    include = Include("/", app=router)
    assert list(include.routes) == []
    router.add_route("/x", home)
    assert [route.path for route in include.routes] == ["/x"]
    assert list(Include("/", app=App()).routes) == []
    assert list(Host("x", app=router).routes) == router.routes


# -- namespaces and dotted paths --------------------------------------------------------------------------------------


@pytest.fixture
def urls(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of a user's with lists of routes."""
    module = types.ModuleType("urls_of_a_user")
    vars(module).update(route_patterns=[Path("/x", home)], others=[Path("/y", home)], app=Router([Path("/z", home)]))
    monkeypatch.setitem(sys.modules, "urls_of_a_user", module)
    return module


async def test_an_include_reads_its_routes_from_a_module(urls: types.ModuleType) -> None:
    app = Lilya(
        routes=[
            Include("/a", namespace="urls_of_a_user"),
            Include("/b", namespace="urls_of_a_user", pattern="others"),
            Include("/c", app="urls_of_a_user.app"),
            Include("/d", app="urls_of_a_user:app"),
        ]
    )
    for path in ("/a/x", "/b/y", "/c/z", "/d/z"):
        assert (await call(app, path)).json == "home"


def test_a_namespace_that_cannot_be_imported_is_said_to_be_missing(tmp_path: FilePath) -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        Include("/a", namespace="nowhere_at_all")


def test_a_router_mounted_in_two_places_is_built_for_what_both_have() -> None:
    async def wants(tenant: str) -> str:
        return tenant

    async def takes(tenant: str = "none", item: int = 0) -> str:
        return f"{tenant} {item}"

    shared = Router(routes=[Path("/{item:int}", takes)])
    Lilya(routes=[Include("/a/{tenant}", app=shared), Include("/b/{other}", app=shared)])
    picky = Router(routes=[Path("/x", wants)])
    Lilya(routes=[Include("/a/{tenant}", app=picky), Include("/b/{tenant}", app=picky)])
    complaint = r"Path\(path='/x'.*can fill the parameter 'tenant'.*mounted in 3 places, such as Include\(path='/c/"
    with pytest.raises(ImproperlyConfigured, match=complaint):
        Lilya(routes=[Include("/c/{other}", app=picky)])


async def test_what_a_router_mounted_in_two_places_cannot_have_everywhere_it_does_not_get() -> None:
    async def takes(tenant: str = "none") -> str:
        return tenant

    shared = Router(routes=[Path("/", takes)])
    app = Lilya(routes=[Include("/a/{tenant}", app=shared), Include("/b/{other}", app=shared)])
    assert [(await call(app, path)).json for path in ("/a/x/", "/b/x/")] == ["none", "none"]


@pytest.mark.parametrize("wrap", [lambda app: app, lambda app: ExceptionMiddleware(app)], ids=["bare", "in a layer"])
def test_what_is_mounted_is_built_with_what_mounts_it_whatever_is_around_it(wrap: Any) -> None:
    async def wants(tenant: str) -> None: ...

    for mounted in (Router([Path("/", wants)]), ChildLilya(routes=[Path("/", wants)]), Path("/", wants)):
        Lilya(routes=[Include("/{tenant}", app=wrap(mounted))])
    for mounted in (Router([Path("/", wants)]), ChildLilya(routes=[Path("/", wants)]), Path("/", wants)):
        with pytest.raises(ImproperlyConfigured, match="'tenant'"):
            Lilya(routes=[Include("/{other}", app=wrap(mounted))])


@pytest.mark.parametrize(
    ("cls", "order"),
    [
        (Path, "path handler"),
        (WebSocketPath, "path handler"),
        (Include, "path app routes namespace pattern name"),
        (Host, "host app name"),
        (Router, "routes redirect_slashes default on_startup on_shutdown lifespan"),
    ],
)
def test_what_may_be_given_without_a_name_has_the_documented_order(cls: Any, order: str) -> None:
    parameters = inspect.signature(cls).parameters.values()
    assert [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD] == order.split()
