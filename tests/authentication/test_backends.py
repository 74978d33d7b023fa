"""Basic and bearer credentials, and the middleware that asks for them."""

from __future__ import annotations

import threading
from base64 import b64encode
from typing import Any

import anyio
import pytest

from lilya._sansio.authorization import format_challenge, parse_authorization
from lilya.apps import Lilya
from lilya.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BasicAuthBackend,
    BasicUser,
    BearerAuthBackend,
    requires,
)
from lilya.datastructures import Secret
from lilya.exceptions import ImproperlyConfigured, NotAuthorized
from lilya.middleware import DefineMiddleware
from lilya.middleware.authentication import AuthenticationMiddleware
from lilya.protocols.authentication import AuthenticationProtocol
from lilya.requests import Connection, Request
from lilya.responses import PlainText
from lilya.routing import Path, WebSocketPath
from lilya.testing import cancel_everywhere, disconnect_everywhere
from tests.routing.client import Answer, call, talk
from tests.support.wire import Wire, http_scope, request


async def who(request: Request) -> dict[str, Any]:
    user = request.user
    return {"name": user.display_name, "known": user.is_authenticated, "scopes": request.auth.scopes}


@requires("authenticated", status_code=401)
async def secret(request: Request) -> str:
    return "secret"


async def own_challenge() -> None:
    raise NotAuthorized(headers={"www-authenticate": "Own"})


async def chat(websocket: Any) -> None:
    await websocket.accept()


def app_with(*backends: Any, **options: Any) -> Lilya:
    layer = DefineMiddleware(AuthenticationMiddleware, list(backends), **options)
    routes = [Path("/", who), Path("/secret", secret), Path("/own", own_challenge), WebSocketPath("/", chat)]
    return Lilya(routes=routes, middleware=[layer])


def sent(*fields: str) -> dict[str, Any]:
    return {"headers": [(b"authorization", field.encode("latin-1")) for field in fields]}


def basic(user: str, password: str) -> dict[str, Any]:
    return sent(f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}")


def challenges(answer: Answer) -> list[str]:
    return [value.decode() for name, value in answer.sent[0]["headers"] if name == b"www-authenticate"]


ADA = {"name": "ada", "known": True, "scopes": ["authenticated"]}
NOBODY = {"name": "", "known": False, "scopes": []}
BASIC = BasicAuthBackend({"ada": Secret("löve: lace"), "bob": "b"}, realm="Engine")
BEARER = BearerAuthBackend({"token-1": "ada", "token-2": "bob"}, realm="api")


async def test_basic_credentials_are_known() -> None:
    app = app_with(BASIC)
    assert (await call(app, **basic("ada", "löve: lace"))).json == ADA
    assert (await call(app, **sent(f"bAsIc   {b64encode(b'bob:b').decode()}"))).json["name"] == "bob"
    assert (await call(app)).json == NOBODY
    assert (await call(app, **sent("Bearer token-1"))).json == NOBODY


@pytest.mark.parametrize("pair", ["ada:", "ada:b", "eve:", "eve:b", ":", "ADA:b"])
async def test_wrong_basic_credentials_are_told_to_try_again(pair: str) -> None:
    answer = await call(app_with(BASIC), **basic(*pair.split(":")))
    assert (answer.status, answer.text) == (401, "Invalid Basic credentials.")
    assert challenges(answer) == ['Basic realm="Engine", charset="UTF-8"']


@pytest.mark.parametrize(
    "field",
    [
        *("Basic", "Basic ???", "Basic YWRh", "Basic YWRh OmI=", "", "=", "Bearer", "Bearer a b", "Bearer ä"),
        *("Bearer a,b", "Basic " + b64encode(b"a\xff:b").decode(), "Basic " + b64encode(b"a:\0").decode()),
    ],
)
async def test_malformed_credentials_are_a_400(field: str) -> None:
    answer = await call(app_with(BASIC, BEARER), **sent(field))
    assert answer.status == 400
    assert answer.text.startswith("Malformed credentials: ")


async def test_two_credentials_are_none() -> None:
    answer = await call(app_with(BEARER), **sent("Bearer token-1", "Bearer token-2"))
    assert (answer.status, answer.text) == (400, "There is more than one Authorization field.")


async def test_bearer_tokens_are_known() -> None:
    app = app_with(BEARER)
    assert (await call(app, **sent("Bearer token-1"))).json == ADA
    assert (await call(app, **sent("bearer token-2"))).json["name"] == "bob"
    answer = await call(app, **sent("Bearer token-3"))
    assert (answer.status, answer.text) == (401, "Invalid Bearer credentials.")
    assert challenges(answer) == ['Bearer realm="api", error="invalid_token"']


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_function_may_verify(is_async: bool) -> None:
    threads: list[Any] = []

    def check(user: str, password: str) -> Any:
        threads.append(threading.current_thread())
        found: dict[str, Any] = {
            "name": "ada",
            "user": BasicUser("ada"),
            "pair": (AuthCredentials(["admin"]), BasicUser("ada")),
            "none": None,
            "false": False,
        }
        return found[user]

    async def check_async(user: str, password: str) -> Any:
        await anyio.sleep(1)
        return check(user, password)

    app = app_with(BasicAuthBackend(check_async if is_async else check))
    assert (await call(app, **basic("name", "x"))).json == ADA
    assert (await call(app, **basic("user", "x"))).json == ADA
    assert (await call(app, **basic("pair", "x"))).json == {**ADA, "scopes": ["admin"]}
    assert (await call(app, **basic("none", "x"))).status == 401
    assert (await call(app, **basic("false", "x"))).status == 401
    assert (threading.main_thread() in threads) is is_async
    bearer = app_with(BearerAuthBackend(lambda token: "ada" if token == "t" else None))
    assert (await call(bearer, **sent("Bearer t"))).json == ADA
    assert challenges(await call(bearer, **sent("Bearer u"))) == ['Bearer error="invalid_token"']


async def test_the_first_backend_that_knows_decides() -> None:
    app = app_with(BASIC, BEARER)
    assert (await call(app, **sent("Bearer token-1"))).json == ADA
    assert (await call(app, **basic("bob", "b"))).json["name"] == "bob"
    assert (await call(app)).json == NOBODY


async def test_every_401_says_what_is_asked_for() -> None:
    app = app_with(BASIC, BEARER)
    refused = await call(app, "/secret")
    assert refused.status == 401
    assert challenges(refused) == ['Basic realm="Engine", charset="UTF-8"', 'Bearer realm="api"']
    assert challenges(await call(app, "/own")) == ["Own"]
    assert (await call(app, "/secret", **basic("bob", "b"))).status == 200
    denied = await talk(app, "/none", extensions={"websocket.http.response": {}})
    assert denied.status == 404


async def test_a_websocket_with_wrong_credentials_is_refused() -> None:
    app = app_with(BEARER)
    assert (await talk(app, **sent("Bearer token-1"))).types[0] == "websocket.accept"
    assert (await talk(app, **sent("Bearer no"))).types == ["websocket.close"]
    denied = await talk(app, extensions={"websocket.http.response": {}}, **sent("Bearer no"))
    assert (denied.status, len(challenges(denied))) == (401, 1)


class Says(AuthenticationBackend):
    """Refuses with a text of its own."""

    async def authenticate(self, connection: Connection, /, **kwargs: Any) -> None:
        raise AuthenticationError(*([connection.headers["x-why"]] if "x-why" in connection.headers else []))


async def test_an_error_of_a_backend_is_a_400_with_its_text() -> None:
    app = app_with(Says)
    answer = await call(app, headers=[(b"x-why", b"not today")])
    assert (answer.status, answer.text) == (400, "not today")
    assert (await call(app)).text == "Bad Request"


@pytest.mark.parametrize("is_async", [True, False])
async def test_an_error_may_be_answered_otherwise(is_async: bool) -> None:
    def on_error(connection: Connection, exc: AuthenticationError) -> PlainText:
        return PlainText(f"{connection.url.path}: {exc}", status_code=418)

    async def on_error_async(connection: Connection, exc: AuthenticationError) -> PlainText:
        return on_error(connection, exc)

    app = app_with(BEARER, on_error=on_error_async if is_async else on_error)
    answer = await call(app, **sent("Bearer no"))
    assert (answer.status, answer.text) == (418, "/: Invalid Bearer credentials.")


async def test_one_backend_a_class_or_none_will_do() -> None:
    for backend in (BEARER, [BEARER], (BEARER,)):
        app = Lilya(routes=[Path("/", who)], middleware=[DefineMiddleware(AuthenticationMiddleware, backend)])
        assert (await call(app, **sent("Bearer token-1"))).json == ADA
    app = Lilya(routes=[Path("/", who)], middleware=[AuthenticationMiddleware])
    assert (await call(app, **sent("Bearer token-1"))).json == NOBODY
    assert isinstance(BASIC, AuthenticationProtocol)


async def test_it_ends_cleanly_wherever_the_client_leaves_or_it_is_cancelled() -> None:
    async def check(token: str) -> str:
        await anyio.sleep(1)
        return "ada"

    def make() -> Any:
        return app_with(BearerAuthBackend(check)), http_scope("/", **sent("Bearer t"))

    assert await disconnect_everywhere(make, [request()]) > 2
    assert await cancel_everywhere(make, [request()]) > 2


def test_what_cannot_work_is_told_when_it_is_built() -> None:
    for make in (
        lambda: BasicAuthBackend({"ada": ""}),
        lambda: BasicAuthBackend({"ada": Secret()}),
        lambda: BasicAuthBackend({"": "a"}),
        lambda: BasicAuthBackend({"ada": 1}),  # type: ignore[dict-item]
        lambda: BasicAuthBackend("ada"),  # type: ignore[arg-type]
        lambda: BasicAuthBackend({}, realm="a\r\nx: y"),
        lambda: BearerAuthBackend({"": "ada"}),
        lambda: AuthenticationMiddleware(PlainText(""), [object()]),  # type: ignore[list-item]
        lambda: AuthenticationMiddleware(PlainText(""), "backend"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ImproperlyConfigured):
            make()


def test_a_challenge_quotes_what_it_must() -> None:
    assert format_challenge("Basic", realm='a "b" \\c', error=None) == 'Basic realm="a \\"b\\" \\\\c"'
    assert format_challenge("Basic") == "Basic"
    assert parse_authorization(" Digest  a=b ") == ("digest", "a=b")


async def test_a_lifespan_passes() -> None:
    seen: list[Any] = []

    async def inside(*args: Any) -> None:
        seen.append(args)

    await AuthenticationMiddleware(inside, BASIC)({"type": "lifespan"}, Wire().receive, Wire().send)
    assert len(seen) == 1
