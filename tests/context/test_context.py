"""A handler that asks for `context` gets its route and its request."""

from __future__ import annotations

from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.context import Context
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.routing import Include, NoMatchFound, Path, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail, talk
from tests.support.wire import http_scope, text


async def seen_by(handler: Any, path: str = "/items/3", **scope: Any) -> Any:
    async def home() -> None: ...

    app = Lilya(routes=[Path("/items/{id:int}", handler, name="item"), Path("/", home, name="home")])
    return (await call(app, path, **scope)).json


async def test_it_comes_by_name() -> None:
    async def handler(context) -> list[Any]:  # type: ignore[no-untyped-def]  # noqa: ANN001
        return [type(context).__name__, context.handler.path]

    assert await seen_by(handler) == ["Context", "/items/{id:int}"]


async def test_it_comes_by_annotation_under_any_name() -> None:
    async def handler(here: Context, id: int) -> list[Any]:
        return [here.handler.name, id]

    assert await seen_by(handler) == ["item", 3]


async def test_a_sync_handler_gets_it_too() -> None:
    def handler(context: Context | None) -> str:
        assert context is not None
        return str(context.handler.name)

    assert await seen_by(handler) == "item"


async def test_its_request_is_the_one_the_handler_has() -> None:
    async def handler(request: Request, context: Context) -> bool:
        return context.request is request and context.scope is request.scope

    assert await seen_by(handler) is True


async def test_a_path_parameter_of_that_name_goes_first() -> None:
    async def handler(context: str) -> str:
        return context

    assert (await call(Lilya(routes=[Path("/{context}", handler)]), "/word")).json == "word"


async def test_what_is_set_on_the_handler_is_set_for_this_request_alone() -> None:
    seen: list[Any] = []

    async def handler(context: Context) -> None:
        seen.append(getattr(context.handler, "mark", None))
        context.handler.mark = "set"
        seen.append(context.handler.mark)

    app = Lilya(routes=[Path("/", handler)])
    await call(app)
    await call(app)
    assert seen == [None, "set", None, "set"]


async def test_the_handler_tells_its_layers_and_an_empty_list_where_there_are_none() -> None:
    async def handler(context: Context) -> list[Any]:
        return [context.handler.middleware, context.handler.permissions]

    assert await seen_by(handler) == [[], []]


async def test_the_app_is_the_innermost() -> None:
    apps: list[Any] = []

    async def handler(context: Context) -> None:
        apps.append(context.app)

    child = ChildLilya(routes=[Path("/", handler)])
    await call(Lilya(routes=[Include("/child", app=child)]), "/child/")
    assert apps == [child]


async def test_urls_are_absolute_and_text() -> None:
    async def handler(context: Context) -> list[Any]:
        return [context.path_for("item", id=7), context.url_path_for("home")]

    assert await seen_by(handler) == ["http://example.org/items/7", "http://example.org/"]


async def test_a_route_that_is_not_there_is_said_to_be_missing() -> None:
    async def handler(context: Context) -> str:
        return context.path_for("nowhere")

    answer = await fail(Lilya(routes=[Path("/", handler)]))
    assert isinstance(answer.error, NoMatchFound)


class Authenticated:
    """A layer that knows the user."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "user": "ada"}, receive, send)


async def test_the_user_is_the_request_s() -> None:
    async def handler(context: Context) -> Any:
        return context.user

    app = Lilya(routes=[Path("/", handler, middleware=[Authenticated])])
    assert (await call(app)).json == "ada"


def context(**scope: Any) -> Context:
    return Context(Path("/", lambda: None, name="here"), Request(http_scope(**scope)))


def test_a_user_nobody_looked_for_is_an_error_that_says_who_would() -> None:
    with pytest.raises(ImproperlyConfigured, match="AuthenticationMiddleware must be installed"):
        _ = context().user


def test_the_settings_are_those_of_the_application() -> None:
    class App:
        settings = "its settings"

    assert context(app=App()).settings == "its settings"


def test_settings_without_an_application_are_an_error_that_says_so() -> None:
    with pytest.raises(ImproperlyConfigured, match="those of a Lilya application, and this route is served by None"):
        _ = context().settings


def test_values_are_kept_for_a_template() -> None:
    here = context()
    here.add_to_context("title", "Home")
    assert here.get_context_data(user="ada") == {"title": "Home", "user": "ada"}
    assert here.get_context_data(title="Other") == {"title": "Other"}
    assert here.get_context_data() == {"title": "Home"}


def test_a_value_that_replaces_another_is_warned_of() -> None:
    here = context()
    here.add_to_context("title", "Home")
    with pytest.warns(UserWarning, match="'title' already"):
        here.add_to_context("title", "Other")
    assert here.get_context_data() == {"title": "Other"}


def test_it_says_what_it_is() -> None:
    assert repr(context()) == "Context(Path(path='/', name='here', methods=['GET', 'HEAD']), Request())"


async def test_on_a_websocket_there_is_none() -> None:
    async def handler(context: WebSocket) -> None:
        await context.accept()
        await context.send_text(await context.receive_text())

    assert (await talk(Lilya(routes=[WebSocketPath("/", handler)]), "/", text("hi"))).sent[1]["text"] == "hi"
