"""`g`, `request_context` and `session` stand for something else in every request, and fail outside of one."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.context import G, g, get_g, request_context, session
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware import DefineMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware, LifespanGlobalContextMiddleware
from lilya.middleware.request_context import RequestContextMiddleware
from lilya.middleware.session_context import SessionContextMiddleware
from lilya.routing import Include, Path, Router, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail_to_start, talk
from tests.support.life import running
from tests.support.wire import http_scope

# -- a bag of values ---------------------------------------------------------------------------------------------------


def test_a_g_is_read_and_written_by_attribute_and_by_item() -> None:
    bag = G({"a": 1})
    bag.b = 2
    bag["c"] = 3
    assert (bag.a, bag["b"], bag.c, len(bag), "c" in bag, list(bag)) == (1, 2, 3, 3, True, ["a", "b", "c"])
    del bag.b, bag["c"]
    assert bag.store == {"a": 1}
    assert bag.copy().store == {"a": 1}
    assert bag.copy().store is not bag.store
    bag.clear()
    assert len(bag) == 0


def test_a_key_may_be_called_like_a_method() -> None:
    bag = G()
    bag["store"] = bag["clear"] = 1
    bag["other"] = 2
    del bag["clear"]
    assert repr(bag) == "G({'store': 1, 'other': 2})"


def test_what_is_not_there_is_told_with_what_is() -> None:
    with pytest.raises(AttributeError, match=r"g has no 'user': it holds 'usr'\."):
        _ = G({"usr": 1}).user
    with pytest.raises(AttributeError, match=r"it holds nothing\."):
        _ = G().user


# -- outside of a request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [lambda: g.user, lambda: g["user"], lambda: len(g), get_g, lambda: setattr(g, "a", 1)])
def test_outside_of_a_request_there_is_no_g(use: Callable[[], Any]) -> None:
    with pytest.raises(LookupError, match="while a Lilya application serves"):
        use()


@pytest.mark.parametrize(
    "use",
    [
        lambda: request_context.method,
        lambda: request_context["path"],
        lambda: "path" in request_context,
        lambda: list(request_context),
        lambda: len(request_context),
    ],
)
def test_outside_of_its_middleware_there_is_no_request(use: Callable[[], Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="inside RequestContextMiddleware alone"):
        use()


@pytest.mark.parametrize("use", [lambda: session["a"], lambda: len(session), lambda: session.update(a=1)])
def test_outside_of_its_middleware_there_is_no_session(use: Callable[[], Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="inside SessionContextMiddleware alone"):
        use()


@pytest.mark.parametrize("stand_in", [g, request_context, session], ids=["g", "request_context", "session"])
def test_what_looks_at_everything_may_look_at_them_anywhere(stand_in: Any) -> None:
    assert "object at" in repr(stand_in)
    assert isinstance(stand_in, type(stand_in))
    assert inspect.unwrap(stand_in) is stand_in
    assert not hasattr(stand_in, "__wrapped__")


# -- g -----------------------------------------------------------------------------------------------------------------


async def test_it_is_the_same_in_every_corner_of_a_request_and_another_one_in_the_next() -> None:
    seen: list[Any] = []

    def deep_down() -> None:
        seen.append(dict(g.store))
        g.sync = True

    async def beside() -> None:
        g.task = True

    async def handler() -> None:
        g.user = "ada"
        async with anyio.create_task_group() as group:
            group.start_soon(beside)
        await anyio.to_thread.run_sync(deep_down)
        seen.append(dict(g.store))

    app = Lilya(routes=[Path("/", handler)], middleware=[GlobalContextMiddleware])
    await call(app)
    await call(app)
    assert seen == [{"user": "ada", "task": True}, {"user": "ada", "task": True, "sync": True}] * 2


async def test_requests_at_the_same_time_do_not_meet() -> None:
    seen: dict[str, str] = {}

    async def handler(name: str) -> None:
        g.name = name
        await anyio.sleep(1)
        seen[name] = g.name

    app = Lilya(routes=[Path("/{name}", handler)], middleware=[GlobalContextMiddleware])
    async with anyio.create_task_group() as group:
        group.start_soon(call, app, "/a")
        group.start_soon(call, app, "/b")
    assert seen == {"a": "a", "b": "b"}


async def test_a_websocket_has_one_too() -> None:
    async def handler(websocket: WebSocket) -> None:
        g.room = "lobby"
        await websocket.accept()
        await websocket.send_text(g.room)

    app = Lilya(routes=[WebSocketPath("/", handler)], middleware=[GlobalContextMiddleware])
    assert (await talk(app)).sent[1]["text"] == "lobby"


async def populate(connection: Any) -> dict[str, Any]:
    return {"path": connection.url.path}


def populate_in_a_thread(connection: Any) -> dict[str, Any]:
    return {"path": connection.url.path}


@pytest.mark.parametrize("function", [populate, populate_in_a_thread])
async def test_it_may_begin_with_values(function: Any) -> None:
    async def handler() -> Any:
        return g.store

    middleware = [DefineMiddleware(GlobalContextMiddleware, populate_context=function)]
    assert (await call(Lilya(routes=[Path("/x", handler)], middleware=middleware), "/x")).json == {"path": "/x"}


async def test_what_is_not_in_it_is_an_attribute_error_as_of_any_object() -> None:
    async def handler() -> Any:
        return [hasattr(g, "user"), getattr(g, "user", "nobody"), hasattr(g, "__user__")]

    app = Lilya(routes=[Path("/", handler)], middleware=[GlobalContextMiddleware])
    assert (await call(app)).json == [False, "nobody", False]


async def test_it_is_over_with_its_request() -> None:
    async def handler() -> None:
        g.user = "ada"

    await call(Lilya(routes=[Path("/", handler)], middleware=[GlobalContextMiddleware]))
    with pytest.raises(LookupError):
        _ = g.user


WAYS: dict[str, dict[str, Any]] = {
    "bare": {},
    "inside a layer": {"middleware": [GlobalContextMiddleware]},
    "of a root path": {"root_path": "/x"},
}


@pytest.mark.parametrize("included", [False, True], ids=["alone", "included"])
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
async def test_it_is_over_with_its_request_for_tasks_that_outlive_it(options: Any, included: bool) -> None:
    seen: list[Any] = []

    async def later() -> None:
        seen.append(g.user)
        await anyio.sleep(1)
        with pytest.raises(LookupError):
            _ = g.user
        seen.append("over")

    async def handler() -> None:
        g.user = "ada"
        outermost.start_soon(later)
        await anyio.sleep(0.5)

    app = Lilya(routes=[Path("/", handler)], **options)
    outermost = Lilya(routes=[Include("/", app=app)]) if included else app
    async with running(outermost):
        await call(outermost)
    assert seen == ["ada", "over"]


async def test_it_can_be_copied_and_kept() -> None:
    kept: list[Any] = []

    async def handler() -> None:
        g.user = "ada"
        kept.extend([g.copy(), copy.copy(g), pickle.loads(pickle.dumps(g)), copy.deepcopy(g)])
        g.user = "other"
        kept.append(repr(g))

    await call(Lilya(routes=[Path("/", handler)], middleware=[GlobalContextMiddleware]))
    assert [type(each) for each in kept[:4]] == [G] * 4
    assert [each.user for each in kept[:4]] == ["ada"] * 4
    assert kept[4] == "CurrentG({'user': 'other'})"


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    g.pool = "open"
    yield
    assert g.pool == "open"


async def test_a_lifespan_has_one_inside_its_middleware_alone() -> None:
    app = Lilya(lifespan=lifespan)
    async with running(LifespanGlobalContextMiddleware(app)):
        with pytest.raises(LookupError):
            _ = g.pool
    _, error = await fail_to_start(app)
    assert isinstance(error, LookupError)


async def test_the_middleware_of_lifespans_lets_requests_through_and_the_other_way_round() -> None:
    async def handler() -> bool:
        return g.store == {}

    inside = GlobalContextMiddleware(Lilya(routes=[Path("/", handler)]))
    app = LifespanGlobalContextMiddleware(RequestContextMiddleware(SessionContextMiddleware(inside)))
    async with running(app):
        pass
    assert (await call(LifespanGlobalContextMiddleware(inside))).json is True


# -- g where an application gives it -----------------------------------------------------------------------------------


def route(handler: Any) -> Path:
    return Path("/", handler)


async def test_an_application_gives_one_that_is_made_when_it_is_asked_for() -> None:
    async def handler() -> Any:
        g.user = "ada"
        return [g.user, get_g() is get_g()]

    assert (await call(Lilya(routes=[route(handler)]))).json == ["ada", True]


async def test_layers_above_and_below_a_layer_share_it() -> None:
    async def handler() -> None:
        g.user = request_context.url.path

    class Outside:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            seen.append(g.user)

    seen: list[str] = []
    await call(Lilya(routes=[route(handler)], middleware=[Outside, RequestContextMiddleware]))
    assert seen == ["/"]


async def test_inside_another_application_it_begins_as_a_copy_and_the_layers_are_still_there() -> None:
    seen: list[Any] = []

    async def handler() -> None:
        seen.append([g.user, request_context.url.path])
        g.user = "changed inside"

    class Outside:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            g.user = "ada"
            await self.app(scope, receive, send)
            seen.append(g.user)

    inner = ChildLilya(routes=[route(handler)])
    await call(Lilya(routes=[Include("/", app=inner)], middleware=[RequestContextMiddleware, Outside]))
    assert seen == [["ada", "/"], "ada"]


async def test_inside_another_application_it_is_fresh_where_that_one_has_none() -> None:
    async def handler() -> Any:
        return g.store

    assert (await call(Lilya(routes=[Include("/", app=ChildLilya(routes=[route(handler)]))]))).json == {}


# -- the request -------------------------------------------------------------------------------------------------------


async def test_the_request_is_at_hand_without_being_handed_on() -> None:
    async def deep_down() -> list[Any]:
        body = await request_context.body()
        return [request_context.method, request_context["path"], "type" in request_context, body.decode()]

    async def handler() -> list[Any]:
        return await deep_down()

    app = Lilya(routes=[Path("/x", handler, methods=["POST"])], middleware=[RequestContextMiddleware])
    assert (await call(app, "/x", "POST", body=b"hello")).json == ["POST", "/x", True, "hello"]


async def test_it_is_a_mapping_as_the_request_is() -> None:
    async def handler() -> bool:
        return set(request_context) >= {"type", "path"} and len(request_context) == len(list(request_context))

    assert (await call(RequestContextMiddleware(route(handler)))).json is True


async def test_on_a_websocket_it_is_its_connection() -> None:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(request_context.url.path)

    app = Lilya(routes=[WebSocketPath("/ws", handler)], middleware=[RequestContextMiddleware])
    assert (await talk(app, "/ws")).sent[1]["text"] == "/ws"


# -- the session -------------------------------------------------------------------------------------------------------


async def changed(handler: Any, before: dict[str, Any], sub_path: str = "") -> tuple[Any, dict[str, Any]]:
    """What a handler returns, and what the session is then."""
    app = Router([Path("/", handler)], middleware=[DefineMiddleware(SessionContextMiddleware, sub_path=sub_path)])
    return (await call(app, session=before)).json, before


async def test_the_session_is_a_mapping() -> None:
    async def handler() -> Any:
        session["new"] = 1
        session.setdefault("other", 2)
        del session["old"]
        return [session["new"], session.get("none"), "new" in session, len(session), sorted(session), repr(session)]

    seen, after = await changed(handler, {"old": 0})
    assert seen == [1, None, True, 2, ["new", "other"], "SessionContext({'new': 1, 'other': 2})"]
    assert after == {"new": 1, "other": 2}


async def test_it_can_be_emptied() -> None:
    async def handler() -> None:
        session.reset_context()
        session.reset_context()

    assert await changed(handler, {"old": 0}) == (None, {})


@pytest.mark.parametrize("sub_path", ["shop.cart", "/shop/cart/"])
async def test_a_part_of_it_is_made_when_something_is_put_there(sub_path: str) -> None:
    async def looks() -> Any:
        session.reset_context()
        return [dict(session), "a" in session]

    async def puts() -> Any:
        session["a"] = 1
        return dict(session)

    assert await changed(looks, {"b": 2}, sub_path) == ([{}, False], {"b": 2})
    assert await changed(puts, {"b": 2}, sub_path) == ({"a": 1}, {"b": 2, "shop": {"cart": {"a": 1}}})
    assert await changed(puts, {"shop": {"cart": {"c": 3}}}, sub_path) == (
        {"c": 3, "a": 1},
        {"shop": {"cart": {"c": 3, "a": 1}}},
    )


async def test_what_is_changed_deep_inside_is_set_on_the_session_itself() -> None:
    class Watched(dict[str, Any]):
        touched = 0

        def __setitem__(self, key: str, value: Any) -> None:
            super().__setitem__(key, value)
            self.touched += 1

    async def handler() -> None:
        session["a"] = 1
        del session["a"]
        with pytest.raises(KeyError):
            del session["a"]

    watched = Watched(shop={})
    await changed(handler, watched, "shop")
    assert watched.touched == 2


async def test_a_part_that_is_no_mapping_is_an_error_that_names_it() -> None:
    async def handler() -> None:
        session["a"] = 1

    with pytest.raises(ImproperlyConfigured, match="'shop' of its sub_path is a str in the session"):
        await SessionContextMiddleware(_raising(handler), "shop")(
            http_scope(session={"shop": "closed"}), _never, _never
        )


def _raising(handler: Any) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await handler()

    return app


async def _never(*args: Any) -> Any:
    raise AssertionError("nobody asks")


async def test_without_a_session_the_middleware_says_what_is_missing() -> None:
    async def handler() -> None: ...

    with pytest.raises(ImproperlyConfigured, match="SessionMiddleware must be installed, outside of"):
        await SessionContextMiddleware(_raising(handler))(http_scope(), _never, _never)
