"""Security schemes: what they find, what they refuse with which challenge, in requests and in websockets."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.contrib.security._scheme import SecurityScheme
from lilya.contrib.security.api_key import APIKeyInCookie, APIKeyInHeader, APIKeyInQuery
from lilya.contrib.security.http import HTTPAuthorizationCredentials, HTTPBasic, HTTPBearer, HTTPDigest
from lilya.contrib.security.oauth2 import (
    MAX_FIELD_SIZE,
    OAuth2,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OAuth2PasswordRequestFormStrict,
)
from lilya.contrib.security.open_id import OpenIdConnect
from lilya.contrib.security.scopes import Scopes
from lilya.dependencies import Depends, Provide, Provides, Security
from lilya.exceptions import ImproperlyConfigured, PermissionDenied
from lilya.requests import Request
from lilya.routing import Path, WebSocketPath
from lilya.testclient import AsyncTestClient, WebSocketDenialResponse
from lilya.websockets import WebSocket
from tests.support.wire import Wire, http_scope

Lines = list[tuple[str, str]]


def asked(scheme: SecurityScheme[Any]) -> Lilya:
    """An application that answers with what a scheme finds."""

    async def show(found: Any = Security(scheme)) -> str:
        return repr(found)

    async def talk(websocket: WebSocket, found: Any = Security(scheme)) -> None:
        await websocket.accept()
        await websocket.send_text(repr(found))

    return Lilya(routes=[Path("/", show), WebSocketPath("/ws", talk)])


def basic(text: bytes) -> str:
    return f"Basic {b64encode(text).decode()}"


FLOWS = {"password": {"tokenUrl": "/t"}}

FOUND: list[tuple[SecurityScheme[Any], str, Lines, str]] = [
    (APIKeyInQuery(name="key"), "/?key=k", [], "'k'"),
    (APIKeyInHeader(name="x-key"), "/", [("X-Key", "k")], "'k'"),
    (APIKeyInCookie(name="key"), "/", [("cookie", "key=k")], "'k'"),
    (HTTPBasic(), "/", [("authorization", basic(b"ann:s:cret"))], "HTTPBasicCredentials(username='ann')"),
    (HTTPBearer(), "/", [("authorization", "bearer abc")], "HTTPAuthorizationCredentials(scheme='bearer')"),
    (HTTPDigest(), "/", [("authorization", 'Digest username="a"')], "HTTPAuthorizationCredentials(scheme='digest')"),
    (OAuth2(flows=FLOWS), "/", [("authorization", "Bearer abc")], "'Bearer abc'"),
    (OAuth2PasswordBearer("/t"), "/", [("authorization", "Bearer abc")], "'abc'"),
    (OAuth2AuthorizationCodeBearer("/a", "/t"), "/", [("authorization", "Bearer abc")], "'abc'"),
    (OpenIdConnect(openIdConnectUrl="/o"), "/", [("authorization", "Bearer abc")], "'Bearer abc'"),
]


@pytest.mark.parametrize(("scheme", "url", "headers", "found"), FOUND, ids=repr)
async def test_a_scheme_finds_its_credentials_in_requests_and_websockets(
    scheme: SecurityScheme[Any], url: str, headers: Lines, found: str
) -> None:
    async with AsyncTestClient(asked(scheme)) as client:
        answer = await client.get(url, headers=headers)
        assert (answer.status_code, answer.json()) == (200, found)
        async with client.websocket_connect("/ws" + url[1:], headers=dict(headers)) as websocket:
            assert await websocket.receive_text() == found


@pytest.mark.parametrize(("scheme", "url", "headers", "found"), FOUND, ids=repr)
async def test_nothing_is_refused_with_401_and_a_challenge_before_a_websocket_is_accepted(
    scheme: SecurityScheme[Any], url: str, headers: Lines, found: str
) -> None:
    async with AsyncTestClient(asked(scheme)) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.text) == (401, "Not authenticated")
        challenge = answer.headers["www-authenticate"]
        assert challenge.partition(" ")[0] in ("APIKey", "Basic", "Bearer", "Digest")
        assert "error" not in challenge, "a client that sent nothing made no error (RFC 6750, section 3.1)"
        with pytest.raises(WebSocketDenialResponse) as denied:
            async with client.websocket_connect("/ws"):
                pass
        assert denied.value.status_code == 401


BAD: list[tuple[SecurityScheme[Any], str, Lines]] = [
    (APIKeyInQuery(name="key"), "/?key=a&key=b", []),
    (APIKeyInQuery(name="key"), "/?key=", []),
    (APIKeyInHeader(name="x-key"), "/", [("x-key", "a"), ("x-key", "b")]),
    (APIKeyInHeader(name="x-key"), "/", [("x-key", "")]),
    (HTTPBasic(), "/", [("authorization", "Basic %%%")]),
    (HTTPBasic(), "/", [("authorization", basic(b"\xff:x"))]),
    (HTTPBasic(), "/", [("authorization", basic(b"nobody"))]),
    (HTTPBasic(), "/", [("authorization", "Bearer abc")]),
    (HTTPBasic(), "/", [("authorization", basic(b"a:b")), ("authorization", basic(b"c:d"))]),
    (HTTPBearer(), "/", [("authorization", "Bearer a b")]),
    (HTTPBearer(), "/", [("authorization", "Bearer")]),
    (HTTPBearer(), "/", [("authorization", "(")]),
    (HTTPDigest(), "/", [("authorization", "Digest")]),
    (OAuth2PasswordBearer("/t"), "/", [("authorization", "Basic abc")]),
]


@pytest.mark.parametrize(("scheme", "url", "headers"), BAD, ids=repr)
async def test_what_cannot_be_read_is_refused_as_nothing_is(
    scheme: SecurityScheme[Any], url: str, headers: Lines
) -> None:
    async with AsyncTestClient(asked(scheme)) as client:
        answer = await client.get(url, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"]


async def test_challenges_say_what_their_standards_want() -> None:
    async def challenge(scheme: SecurityScheme[Any], authorization: str | None = None) -> str:
        async with AsyncTestClient(asked(scheme)) as client:
            answer = await client.get("/", headers={"authorization": authorization} if authorization else {})
            return str(answer.headers["www-authenticate"])

    assert await challenge(HTTPBasic(realm="the shop")) == 'Basic realm="the shop", charset="UTF-8"'
    assert await challenge(HTTPBearer(), "Bearer a b") == 'Bearer error="invalid_token"'
    assert await challenge(OAuth2PasswordBearer("/t"), "Bearer a b") == 'Bearer error="invalid_token"'
    first, second = await challenge(HTTPDigest(realm="r")), await challenge(HTTPDigest(realm="r"))
    assert first.startswith('Digest realm="r", nonce="')
    assert first != second, "a nonce is used once"


@pytest.mark.parametrize("authorization", [None, "Basic %%%"])
async def test_without_auto_error_the_handler_is_told_that_there_is_nothing(authorization: str | None) -> None:
    async with AsyncTestClient(asked(HTTPBasic(auto_error=False))) as client:
        answer = await client.get("/", headers={"authorization": authorization} if authorization else {})
        assert (answer.status_code, answer.json()) == (200, "None")


async def test_a_dependency_may_be_made_of_what_a_scheme_finds_and_the_scheme_runs_once() -> None:
    calls = 0

    class Counting(HTTPBearer):
        def find(self, connection: Any) -> HTTPAuthorizationCredentials | None:
            nonlocal calls
            calls += 1
            return super().find(connection)

    bearer = Counting()

    def user(found: HTTPAuthorizationCredentials = Security(bearer, scopes=["read"])) -> str:
        return found.credentials

    async def show(
        user: str = Provides(), found: HTTPAuthorizationCredentials = Security(bearer, scopes=["write"])
    ) -> list[str]:
        return [user, found.credentials]

    app = Lilya(routes=[Path("/", show)], dependencies={"user": Provide(user)})
    async with AsyncTestClient(app) as client:
        assert (await client.get("/", headers={"authorization": "Bearer abc"})).json() == ["abc", "abc"]
    assert calls == 1


async def test_a_scheme_can_be_called_by_hand() -> None:
    request = Request(http_scope(headers=[(b"x-key", b"k")]), Wire().receive)
    assert await APIKeyInHeader(name="x-key")(request) == "k"


@pytest.mark.parametrize(
    "build",
    [
        lambda: APIKeyInHeader(name=""),
        lambda: APIKeyInHeader(name="x key"),
        lambda: APIKeyInCookie(name="a;b"),
        lambda: HTTPBasic(realm="é"),
        lambda: OAuth2(flows={}),
        lambda: OAuth2(flows={"pasword": {"tokenUrl": "/t"}}),
        lambda: OAuth2(flows={"authorizationCode": {"tokenUrl": "/t"}}),
        lambda: OAuth2PasswordBearer(""),
        lambda: OpenIdConnect(openIdConnectUrl=""),
    ],
)
def test_what_could_never_work_fails_when_it_is_built(build: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        build()


def test_scopes_are_read_as_they_are_sent_and_demanded_by_name() -> None:
    wanted = Scopes("read  write read")
    assert (wanted.scopes, wanted.scope_str, len(wanted), "read" in wanted) == (
        ["read", "write"],
        "read write",
        2,
        True,
    )
    wanted.demand("write admin read")
    with pytest.raises(PermissionDenied) as refused:
        wanted.demand(["read"])
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="read write"'}
    Scopes().demand(())


# -- the form of the password grant -----------------------------------------------------------------------------------


def token_app(form_class: type[OAuth2PasswordRequestForm] = OAuth2PasswordRequestForm) -> Lilya:
    async def token(form: OAuth2PasswordRequestForm = Depends(form_class.read)) -> list[Any]:
        return [form.username, form.password, form.scopes, form.client_id, repr(form)]

    return Lilya(routes=[Path("/token", token, methods=["POST"])])


async def test_the_form_of_the_password_grant_is_read_and_shows_no_secret() -> None:
    form = {"grant_type": "password", "username": "ann", "password": "s3cret", "scope": "a b a", "client_secret": "c1"}
    async with AsyncTestClient(token_app()) as client:
        name, password, scopes, client_id, text = (await client.post("/token", data=form)).json()
    assert (name, password, scopes, client_id) == ("ann", "s3cret", ["a", "b"], None)
    assert "s3cret" not in text
    assert "c1" not in text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("username=a", "invalid_request"),
        ("", "invalid_request"),
        ("username=a&username=b&password=c", "invalid_request"),
        ("username=a&password=c&grant_type=client_credentials", "unsupported_grant_type"),
    ],
)
async def test_a_wrong_form_is_a_400_with_the_error_the_standard_names(body: str, error: str) -> None:
    async with AsyncTestClient(token_app()) as client:
        answer = await client.post(
            "/token", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 400
        assert answer.json()["error"] == error


async def test_the_strict_form_wants_the_grant_type() -> None:
    async with AsyncTestClient(token_app(OAuth2PasswordRequestFormStrict)) as client:
        assert (await client.post("/token", data={"username": "a", "password": "b"})).status_code == 400
        assert (
            await client.post("/token", data={"username": "a", "password": "b", "grant_type": "password"})
        ).status_code == 200


async def test_a_form_with_too_much_in_it_is_refused() -> None:
    async with AsyncTestClient(token_app()) as client:
        long = {"username": "a", "password": "b" * (MAX_FIELD_SIZE + 1)}
        assert (await client.post("/token", data=long)).status_code in (400, 413)
        many = {"username": "a", "password": "b", **{f"f{number}": "x" for number in range(20)}}
        assert (await client.post("/token", data=many)).status_code in (400, 413)
