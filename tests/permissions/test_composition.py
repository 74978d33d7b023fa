"""Permissions composed: who passes, who is asked, and that the application runs once."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.exceptions import HTTPException, ImproperlyConfigured, NotAuthorized, PermissionDenied, WebSocketException
from lilya.middleware import DefineMiddleware
from lilya.permissions import BasePermission, DefinePermission
from lilya.permissions.allow_all import AllowAll
from lilya.permissions.deny_all import DenyAll
from lilya.routing import Path, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail, talk


class Asks(BasePermission):
    """Grants whoever has its letter in the header `who`."""

    letter = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen: list[str] = scope["state"].setdefault("asked", [])
        seen.append(self.letter)
        if self.letter not in dict(scope["headers"]).get(b"who", b"").decode():
            raise PermissionDenied(detail=f"not {self.letter}")
        scope[f"granted {self.letter}"] = True
        await self.app(scope, receive, send)


class A(Asks):
    letter = "a"


class B(Asks):
    letter = "b"


class C(Asks):
    letter = "c"


class Plain:
    """A permission that inherits from nothing; grants nobody, or, with an argument, everybody."""

    def __init__(self, app: ASGIApp, grants: bool = False) -> None:
        self.app = app
        self.grants = grants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.grants:
            raise NotAuthorized()
        await self.app(scope, receive, send)


class Other(Plain):
    """Another one."""


async def ask(permission: Any, who: str, **scope: Any) -> tuple[int, list[str]]:
    """The status a client gets, and who was asked."""
    runs: list[str] = []

    async def home() -> str:
        runs.append("run")
        return "home"

    state: dict[str, Any] = {}
    app = Lilya(routes=[Path("/", home, permissions=[permission])])
    answer = await call(app, headers=[(b"who", who.encode())], state=state, **scope)
    assert len(runs) == (answer.status == 200)
    return answer.status, state.get("asked", [])


@pytest.mark.parametrize(
    ("permission", "rule"),
    [
        (A | B, lambda a, b, c: a or b),
        (A & B, lambda a, b, c: a and b),
        (~A, lambda a, b, c: not a),
        (A | B & C, lambda a, b, c: a or (b and c)),
        ((A | B) & C, lambda a, b, c: (a or b) and c),
        (~(A | B) & C, lambda a, b, c: not (a or b) and c),
        (~(A & B) | C, lambda a, b, c: not (a and b) or c),
        (~~A, lambda a, b, c: a),
        (A & ~B | ~C & B, lambda a, b, c: (a and not b) or (not c and b)),
        ((A | B) & (B | C), lambda a, b, c: (a or b) and (b or c)),
        (((A | B) | C) & ~(A & (B | C)), lambda a, b, c: (a or b or c) and not (a and (b or c))),
        (DefinePermission(A) | B, lambda a, b, c: a or b),
        (A | DefinePermission(B), lambda a, b, c: a or b),
        (A & DefinePermission(B), lambda a, b, c: a and b),
        (DefinePermission(Plain) | A, lambda a, b, c: a),
        (Plain | A, lambda a, b, c: a),
        (Plain & A, lambda a, b, c: False),
        (Plain | DefinePermission(Plain, grants=True), lambda a, b, c: True),
        (Plain | Other, lambda a, b, c: False),
        (DefinePermission(A) & (Plain | Other), lambda a, b, c: False),
        (A | "lilya.permissions.allow_all.AllowAll", lambda a, b, c: True),
        (A | DenyAll, lambda a, b, c: a),
        (A & AllowAll, lambda a, b, c: a),
        (~DenyAll & A, lambda a, b, c: a),
    ],
)
async def test_a_composed_permission_grants_as_its_logic_says(permission: Any, rule: Any) -> None:
    for a, b, c in product((True, False), repeat=3):
        who = "a" * a + "b" * b + "c" * c
        status, _ = await ask(permission, who)
        assert (status == 200) == rule(a, b, c), (permission, who)


async def test_the_next_is_asked_only_when_the_first_has_refused() -> None:
    assert await ask(A | B, "ab") == (200, ["a"])
    assert await ask(A | B, "b") == (200, ["a", "b"])
    assert await ask(A & B, "b") == (403, ["a"])


async def test_where_all_refuse_the_first_refusal_is_told() -> None:
    async def home() -> None: ...

    assert (await call(Lilya(routes=[Path("/", home, permissions=[A | DenyAll])]))).text == "not a"
    assert (await call(Lilya(routes=[Path("/", home, permissions=[DenyAll | A])]))).status == 401
    assert (await call(Lilya(routes=[Path("/", home, permissions=[~AllowAll])]))).status == 403


@pytest.mark.parametrize("error", [PermissionDenied(), HTTPException(status_code=418), WebSocketException(1008)])
async def test_what_the_application_raises_is_no_refusal(error: Exception) -> None:
    runs: list[int] = []

    async def home() -> None:
        runs.append(1)
        raise error

    for permission in (AllowAll | B, ~(DenyAll | DenyAll), (AllowAll | A) & (AllowAll | B)):
        runs.clear()
        app = Lilya(routes=[Path("/", home, permissions=[permission])])
        if isinstance(error, HTTPException):
            assert (await call(app)).status == error.status_code
        else:
            assert (await fail(app)).error is error
        assert runs == [1]


class Broken(BasePermission):
    """Fails."""

    error: Exception = KeyError("a fault of the permission")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise self.error


class Down(Broken):
    """Cannot tell."""

    error = HTTPException(status_code=503)


async def test_a_permission_that_fails_grants_nothing() -> None:
    async def home() -> None:
        raise AssertionError("not to be reached")

    for permission in (Broken | AllowAll, ~Broken, Broken & AllowAll):
        app = Lilya(routes=[Path("/", home, permissions=[permission])])
        assert isinstance((await fail(app)).error, KeyError)
    for permission in (Down | AllowAll, ~Down):
        assert (await call(Lilya(routes=[Path("/", home, permissions=[permission])]))).status == 503


class Late(BasePermission):
    """Grants, and refuses behind."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        raise PermissionDenied(detail="too late")


async def test_who_granted_cannot_refuse_any_more() -> None:
    async def home() -> str:
        return "home"

    assert isinstance(
        (await fail(Lilya(routes=[Path("/", home, permissions=[Late | AllowAll])]))).error, PermissionDenied
    )
    assert (await call(Lilya(routes=[Path("/", home, permissions=[~Late])]))).text == "too late"


class Answers(BasePermission):
    """Answers by itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 402, "headers": []})
        await send({"type": "http.response.body", "body": b"pay"})


@pytest.mark.parametrize("permission", [Answers | AllowAll, ~Answers, Answers & AllowAll])
async def test_one_that_answers_by_itself_has_decided(permission: Any) -> None:
    async def home() -> None:
        raise AssertionError("not to be reached")

    answer = await call(Lilya(routes=[Path("/", home, permissions=[permission])]))
    assert (answer.status, answer.text) == (402, "pay")


class Copies(BasePermission):
    """Hands on a copy of its scope, as some do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "copied": True}, receive, send)


class Invents(BasePermission):
    """Hands on a scope of its own making, as none should."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({"type": "http"}, receive, send)


async def test_a_permission_may_hand_on_a_copy_of_the_scope_and_must_hand_on_no_other() -> None:
    assert await ask((Copies | B) & (A | Copies), "") == (200, ["a"])

    async def home() -> None:
        raise AssertionError("not to be reached")

    answer = await fail(Lilya(routes=[Path("/", home, permissions=[Invents | AllowAll])]))
    assert "must be the one it got" in str(answer.error)


async def test_nothing_of_the_asking_stays_in_the_scope() -> None:
    seen: list[set[str]] = []

    async def home(request: Any) -> None:
        seen.append(set(request.scope))

    for permission in (A | AllowAll, ~A, (A | ~B) & C | AllowAll):
        await call(Lilya(routes=[Path("/", home, permissions=[permission])]))
    assert not any("lilya.permission" in keys for keys in seen)


async def test_composed_permissions_guard_websockets() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()

    app = Lilya(routes=[WebSocketPath("/", echo, permissions=[A | B])])
    assert (await talk(app, headers=[(b"who", b"b")])).types[0] == "websocket.accept"
    assert (await talk(app)).types == ["websocket.close"]
    closing = Lilya(routes=[WebSocketPath("/", echo, permissions=[~AllowAll])])
    assert (await talk(closing)).types == ["websocket.close"]


async def test_a_lifespan_passes_a_composed_permission() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*args: Any) -> Any: ...

    for permission in (DenyAll | DenyAll, ~AllowAll, DenyAll & DenyAll):
        await permission(app)({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"] * 3


def test_a_definition_shows_what_it_is_made_of() -> None:
    assert repr(A | ~B & C) == (
        "DefinePermission(AnyOf, DefinePermission(A), DefinePermission(all_of, DefinePermission(Not, "
        "DefinePermission(B)), DefinePermission(C)))"
    )


@pytest.mark.parametrize("other", [1, None, DefineMiddleware(Plain)])
def test_only_permissions_compose(other: Any) -> None:
    with pytest.raises(TypeError):
        DefinePermission(A) | other
    with pytest.raises(TypeError):
        other & DefinePermission(A)
    with pytest.raises(TypeError):
        A & other


def test_a_union_is_a_permission_and_no_middleware() -> None:
    with pytest.raises(ImproperlyConfigured, match="no layer"):
        Lilya(middleware=[Plain | Other])
    with pytest.raises(ImproperlyConfigured, match="no layer"):
        Lilya(permissions=[1])


def test_a_permission_without_a_call_is_refused_when_it_is_built() -> None:
    class Empty(BasePermission):
        """Forgot it."""

    async def home() -> None: ...

    with pytest.raises(ImproperlyConfigured, match="abstract"):
        Lilya(routes=[Path("/", home, permissions=[Empty])])
