"""What only some may call: every way a handler gets its connection, and every way to use it wrongly."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.authentication import (
    AnonymousUser,
    AuthCredentials,
    BasicUser,
    RequiredScopes,
    UserInterface,
    has_required_scope,
    requires,
)
from lilya.controllers import Controller, WebSocketController
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware import DefineMiddleware
from lilya.middleware.authentication import BaseAuthMiddleware
from lilya.permissions import DefinePermission
from lilya.permissions.deny_all import DenyAll
from lilya.requests import Connection, Request
from lilya.responses import PlainText
from lilya.routing import Path, WebSocketPath
from lilya.websockets import WebSocket
from tests.routing.client import call, talk
from tests.support.wire import left


class ByHeader(BaseAuthMiddleware):
    """Believes what the client says of itself."""

    async def authenticate(self, conn: Connection, **kwargs: Any) -> Any:
        given = conn.headers.get("x-scopes")
        return None if given is None else (AuthCredentials(given.split()), BasicUser("ada"))


def app_with(*routes: Any) -> Lilya:
    return Lilya(routes=routes, middleware=[ByHeader])


def scopes(given: str) -> dict[str, Any]:
    return {"headers": [(b"host", b"example.org"), (b"x-scopes", given.encode())]}


@requires("admin")
async def by_name(request: Request) -> str:
    return "in"


@requires("admin")
def sync_by_name(request: Request) -> str:
    assert threading.current_thread() is not threading.main_thread()
    return "in"


@requires(["admin"])
async def by_annotation(asked: Request) -> str:
    return "in"


@requires(("admin",), conn_param="asked")
async def by_given_name(asked: Request) -> str:
    return "in"


@requires("admin", raise_for_missing_conn=False)
async def among_arguments(id: int, request: Request) -> str:
    return "in"


class Users(Controller):
    """Guarded method by method."""

    @requires("admin")
    async def get(self, request: Request) -> str:
        return "in"

    @requires("admin")
    def post(self, request: Request) -> str:
        return "in"


@requires("admin")
class Guarded(Controller):
    """Guarded as a whole: its methods need no connection."""

    async def get(self) -> str:
        return "in"


class Instance:
    """Has a method that is a handler."""

    @requires("admin")
    async def method(self, request: Request) -> str:
        return "in"


HANDLERS: dict[str, Any] = {
    "function": by_name,
    "sync function": sync_by_name,
    "annotated": by_annotation,
    "named": by_given_name,
    "controller's method": Users,
    "controller": Guarded,
    "bound method": Instance().method,
    "partial": partial(by_name),
}


@pytest.mark.parametrize("kind", HANDLERS)
async def test_only_who_has_the_scope_may_call_it(kind: str) -> None:
    app = app_with(Path("/", HANDLERS[kind]))
    assert (await call(app, **scopes("user admin"))).text.strip('"') == "in"
    for wrong in (scopes("user"), scopes(""), {}):
        assert (await call(app, **wrong)).status == 403


async def test_a_sync_method_of_a_controller_is_guarded() -> None:
    app = app_with(Path("/", Users))
    assert (await call(app, "/", "POST", **scopes("admin"))).status == 200
    assert (await call(app, "/", "POST")).status == 403


async def test_the_connection_is_found_among_the_arguments_where_it_has_no_name() -> None:
    app = app_with(Path("/{id:int}", among_arguments))
    assert (await call(app, "/1", **scopes("admin"))).status == 200
    assert (await call(app, "/1")).status == 403


async def test_all_scopes_are_needed() -> None:
    @requires(["a", "b"])
    async def both(request: Request) -> str:
        return "in"

    app = app_with(Path("/", both))
    assert [(await call(app, **scopes(given))).status for given in ("a", "b", "a b", "c b a")] == [403, 403, 200, 200]


@requires("admin")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()


@requires("admin")
async def chat_annotated(ws: WebSocket) -> None:
    await ws.accept()


@requires("admin", conn_param="ws")
async def chat_first(ws: Any) -> None:
    await ws.accept()


@requires("admin")
class Chat(WebSocketController):
    """Guarded as a whole."""


@pytest.mark.parametrize("handler", [chat, chat_annotated, chat_first, Chat])
async def test_a_websocket_is_guarded_however_it_is_handed_over(handler: Any) -> None:
    app = app_with(WebSocketPath("/", handler))
    assert (await talk(app, "/", left(), **scopes("admin"))).types[0] == "websocket.accept"
    for wrong in (scopes("user"), {}):
        assert (await talk(app, **wrong)).types == ["websocket.close"]
    assert (await talk(app, extensions={"websocket.http.response": {}})).status == 403


async def test_by_position_it_is_guarded_too() -> None:
    """The check of some is skipped where the connection does not come by keyword."""
    scope = {"type": "websocket", "auth": AuthCredentials(), "headers": [], "path": "/"}
    websocket = WebSocket(scope, None, None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="403"):
        await chat(websocket)
    with pytest.raises(Exception, match="403"):
        await Instance().method(Request({**scope, "type": "http"}))


async def test_an_open_websocket_is_closed() -> None:
    @requires("admin")
    async def inner(websocket: WebSocket) -> None:
        raise AssertionError("not to be reached")

    async def outer(websocket: WebSocket) -> None:
        await websocket.accept()
        await inner(websocket)

    assert (await talk(app_with(WebSocketPath("/", outer)))).closed[0] == 1008


@pytest.mark.parametrize("status", [401, 403, 404, 418])
async def test_the_status_may_be_another(status: int) -> None:
    @requires("admin", status_code=status)
    async def handler(request: Request) -> None: ...

    assert (await call(app_with(Path("/", handler)))).status == status


async def test_who_may_not_can_be_sent_elsewhere() -> None:
    @requires("admin", redirect="login")
    async def handler(request: Request) -> str:
        return "in"

    async def login() -> None: ...

    app = app_with(Path("/a", handler), Path("/login", login, name="login"))
    answer = await call(app, "/a", query_string=b"x=1&y=%20", headers=[(b"host", b"example.org")])
    assert answer.status == 303
    assert answer.headers["location"] == (
        "http://example.org/login?next=http%3A%2F%2Fexample.org%2Fa%3Fx%3D1%26y%3D%2520"
    )
    assert (await call(app, "/a", **scopes("admin"))).status == 200


async def test_as_a_permission_it_composes() -> None:
    async def home() -> str:
        return "home"

    permission = DefinePermission(RequiredScopes, "admin") | DefinePermission(RequiredScopes, ["a", "b"]) | DenyAll
    app = app_with(Path("/", home, permissions=[permission]))
    assert [(await call(app, **scopes(given))).status for given in ("admin", "a", "a b")] == [200, 403, 200]

    async def nothing(*args: Any) -> Any: ...

    await RequiredScopes(nothing, "admin")({"type": "lifespan"}, nothing, nothing)


async def test_a_missing_middleware_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="AuthenticationMiddleware must be installed"):
        await call(Lilya(routes=[Path("/", by_name)]))


@pytest.mark.parametrize("given", ["a function", 1, None, object()])
async def test_a_call_without_its_connection_is_never_let_by(given: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="called without its connection"):
        await by_name(given)
    with pytest.raises(ImproperlyConfigured, match="called without its connection"):
        await by_name()  # type: ignore[call-arg]
    with pytest.raises(ImproperlyConfigured, match="called without its connection"):
        await among_arguments(id=1)  # type: ignore[call-arg]


def test_wrong_use_fails_where_it_stands() -> None:
    async def without(id: int) -> None: ...
    async def odd(request: Unknown) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    class Plain:
        """No controller."""

    with pytest.raises(ImproperlyConfigured, match=r"has no parameter 'request or websocket'.*it has id"):
        requires("a")(without)
    with pytest.raises(ImproperlyConfigured, match="has no parameter 'other'"):
        requires("a", conn_param="other", raise_for_missing_conn=False)(without)
    with pytest.raises(ImproperlyConfigured, match="no controller"):
        requires("a")(Plain)
    with pytest.raises(ImproperlyConfigured, match="put it below"):
        requires("a")(staticmethod(without))
    with pytest.raises(ImproperlyConfigured, match="put it below"):
        requires("a")(7)  # type: ignore[type-var]
    with pytest.raises(ImproperlyConfigured, match=r"write @requires\('a scope'\)"):
        requires(without)  # type: ignore[arg-type]
    for wrong in ([], [""], [1], ""):
        with pytest.raises(ImproperlyConfigured):
            requires(wrong)  # type: ignore[arg-type]
    with pytest.raises(ImproperlyConfigured, match="4xx"):
        requires("a", status_code=200)
    requires("a")(odd)
    requires("a", raise_for_missing_conn=False)(without)


def test_users_are_what_they_say() -> None:
    nobody, ada = AnonymousUser(), BasicUser("ada")
    assert isinstance(nobody, UserInterface)
    assert isinstance(ada, UserInterface)
    assert (nobody.is_authenticated, nobody.display_name, nobody.unique_identifier) == (False, "", "")
    assert (ada.is_authenticated, ada.display_name, ada.unique_identifier) == (True, "ada", "ada")
    assert (repr(nobody), repr(ada), repr(AuthCredentials(["a"]))) == (
        "AnonymousUser()",
        "BasicUser('ada')",
        "AuthCredentials(['a'])",
    )
    assert AuthCredentials("admin").scopes == ["admin"]
    assert AuthCredentials().scopes == []


def test_a_scope_is_asked_for_by_hand() -> None:
    connection = Connection({"type": "http", "auth": AuthCredentials(["a", "b"])})
    assert has_required_scope(connection, "a")
    assert has_required_scope(connection, ["b", "a"])
    assert not has_required_scope(connection, ["a", "c"])


async def test_a_guarded_controller_keeps_its_own_permissions() -> None:
    @requires("admin")
    class Shut(Controller):
        """Has both."""

        permissions = (DenyAll,)

        async def get(self) -> PlainText:
            return PlainText("in")

    app = app_with(Path("/", Shut))
    assert (await call(app)).status == 403
    assert (await call(app, **scopes("admin"))).status == 401


def test_it_is_a_layer_of_definitions() -> None:
    assert repr(DefineMiddleware(ByHeader)) == "DefineMiddleware(ByHeader)"
