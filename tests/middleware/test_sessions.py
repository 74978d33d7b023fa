"""Sessions in cookies."""

from __future__ import annotations

import json
import logging
import pickle
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lilya.apps import Lilya
from lilya.context import session
from lilya.datastructures import Secret
from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.middleware import DefineMiddleware, _signing
from lilya.middleware._signing import Signer
from lilya.middleware.session_context import SessionContextMiddleware
from lilya.middleware.sessions import Session, SessionMiddleware, SessionTooLarge
from lilya.requests import Connection, Request
from lilya.responses import JSONResponse, PlainText, StreamingResponse
from lilya.routing import Path, WebSocketPath
from lilya.testing import cancel_everywhere, disconnect_everywhere
from lilya.types import Receive, Scope, Send
from tests.routing.client import Answer, call, fail, talk
from tests.support.wire import Wire, http_scope, request

KEY = "a key"


def cookies_of(answer: Answer) -> list[str]:
    return [value.decode() for name, value in answer.sent[0]["headers"] if name == b"set-cookie"]


def cookie_of(answer: Answer) -> str:
    """The cookie as the client sends it back."""
    (cookie,) = cookies_of(answer)
    return cookie.partition(";")[0]


def sent(cookie: str = "", **more: str) -> dict[str, Any]:
    headers = [(b"host", b"example.org"), (b"cookie", cookie.encode("latin-1"))]
    return {"headers": headers + [(k.encode(), v.encode()) for k, v in more.items()]}


def signed(payload: bytes, key: str = KEY, age: float = 0, name: str = "session") -> str:
    return f"{name}={Signer([key.encode()], None, clock=lambda: time.time() - age).sign(payload)}"


async def show(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.session))


async def put(request: Request, key: str) -> JSONResponse:
    request.session[key] = request.session.get(key, 0) + 1
    return JSONResponse(dict(request.session))


async def deep(request: Request) -> PlainText:
    request.session.setdefault("cart", {"items": []})
    request.session["cart"]["items"].append(1)
    return PlainText("deep")


async def clear(request: Request) -> PlainText:
    request.session.clear()
    return PlainText("cleared")


async def clear_by_request(request: Request) -> PlainText:
    request.clear_session()
    return PlainText("cleared")


async def replace(request: Request) -> PlainText:
    request.set_session({"new": True})
    return PlainText("replaced")


async def ignore(request: Request) -> PlainText:
    return PlainText("nothing")


ROUTES = [
    Path("/", show),
    Path("/put/{key}", put),
    Path("/deep", deep),
    Path("/clear", clear),
    Path("/clear_by_request", clear_by_request),
    Path("/replace", replace),
    Path("/ignore", ignore),
]


def app_with(*more: Any, **options: Any) -> Lilya:
    layer = DefineMiddleware(SessionMiddleware, options.pop("secret_key", KEY), **options)
    return Lilya(routes=[*more, *ROUTES], middleware=[layer])


# -- the cookie ------------------------------------------------------------------------------------------------------


async def test_what_is_put_in_comes_back() -> None:
    app = app_with()
    first = await call(app, "/put/a")
    assert first.json == {"a": 1}
    assert (await call(app, **sent(cookie_of(first)))).json == {"a": 1}
    second = await call(app, "/put/b", **sent(f"other=1; {cookie_of(first)}"))
    assert (await call(app, **sent(cookie_of(second)))).json == {"a": 1, "b": 1}


async def test_the_cookie_has_the_attributes_that_were_asked_for() -> None:
    (cookie,) = cookies_of(await call(app_with(), "/put/a"))
    assert cookie.partition("; ")[2] == "path=/; Max-Age=1209600; httponly; samesite=lax"
    options = {"path": "/p", "same_site": "none", "https_only": True, "domain": "a.test", "max_age": None}
    (cookie,) = cookies_of(await call(app_with(session_cookie="s", **options), "/put/a"))
    assert cookie.startswith("s=")
    assert cookie.partition("; ")[2] == "path=/p; httponly; samesite=none; secure; domain=a.test"


async def test_the_cookie_is_json_that_is_signed() -> None:
    value = cookie_of(await call(app_with(), "/put/a")).removeprefix("session=")
    data, stamp, _ = value.split(".")
    assert json.loads(urlsafe_b64decode(data + "==")) == {"a": 1}
    assert abs(int(stamp, 16) - time.time()) < 100


async def test_only_a_change_sends_the_cookie() -> None:
    app = app_with()
    cookie = cookie_of(await call(app, "/deep"))
    assert cookies_of(await call(app, "/", **sent(cookie))) == []
    assert cookies_of(await call(app, "/ignore", **sent(cookie))) == []
    assert cookies_of(await call(app, "/clear")) == []
    deeper = cookie_of(await call(app, "/deep", **sent(cookie)))
    assert (await call(app, **sent(deeper))).json == {"cart": {"items": [1, 1]}}


@pytest.mark.parametrize("path", ["/clear", "/clear_by_request"])
async def test_an_emptied_session_removes_the_cookie(path: str) -> None:
    app = app_with()
    (removed,) = cookies_of(await call(app, path, **sent(cookie_of(await call(app, "/put/a")))))
    assert removed == "session=null; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly; samesite=lax"
    assert (await call(app, **sent("session=null"))).json == {}


async def test_a_session_can_be_replaced_from_within_a_route() -> None:
    app = app_with()
    cookie = cookie_of(await call(app, "/replace", **sent(cookie_of(await call(app, "/put/a")))))
    assert (await call(app, **sent(cookie))).json == {"new": True}


async def test_a_mapping_that_a_layer_puts_in_its_place_is_kept() -> None:
    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = {"other": 1}
        await PlainText("")(scope, receive, send)

    answer = await call(SessionMiddleware(inside, KEY))
    assert (await call(app_with(), **sent(cookie_of(answer)))).json == {"other": 1}


async def test_an_answer_depends_on_the_cookie_when_the_session_was_looked_at() -> None:
    app = app_with()
    assert (await call(app)).headers["vary"] == "Cookie"
    assert (await call(app, "/put/a")).headers["vary"] == "Cookie"
    assert "vary" not in (await call(app, "/ignore")).headers


@pytest.mark.parametrize(
    "look",
    [
        lambda s: s.get("a"),
        lambda s: "a" in s,
        lambda s: len(s),
        bool,
        list,
        dict,
        lambda s: {**s},
        json.dumps,
        lambda s: s == {},
        lambda s: s != {},
        repr,
        lambda s: s.copy(),
        lambda s: s | {},
        lambda s: {} | s,
        lambda s: list(s.items()),
        lambda s: list(reversed(s)),
        lambda s: s.pop("a", None),
    ],
)
def test_every_way_to_look_is_seen(look: Any) -> None:
    session = Session({"a": 1})
    assert not session.accessed
    look(session)
    assert session.accessed


async def test_the_cookie_an_answer_sets_itself_wins() -> None:
    async def own(request: Request) -> PlainText:
        request.session["a"] = 1
        answer = PlainText("", headers={"vary": "Accept"})
        answer.set_cookie("session", "own")
        return answer

    answer = await call(app_with(Path("/own", own)), "/own")
    assert [cookie.partition(";")[0] for cookie in cookies_of(answer)] == ["session=own"]
    assert answer.headers["vary"] == "Accept, Cookie"


async def test_headers_of_the_request_stay_there() -> None:
    answer = await call(app_with(), "/put/a", **sent("", **{"x-secret": "1"}))
    assert {name for name, _ in answer.sent[0]["headers"]} == {
        b"content-type",
        b"content-length",
        b"vary",
        b"set-cookie",
    }


async def test_a_session_in_use_is_renewed_in_the_second_half_of_its_time() -> None:
    app = app_with(max_age=1000)
    assert cookies_of(await call(app, **sent(signed(b'{"a":1}', age=400)))) == []
    assert cookies_of(await call(app, "/ignore", **sent(signed(b'{"a":1}', age=600)))) == []
    old = await call(app, **sent(signed(b'{"a":1}', age=600)))
    assert (await call(app, **sent(cookie_of(old)))).json == {"a": 1}
    assert cookies_of(await call(app_with(max_age=None), **sent(signed(b'{"a":1}', age=10**9)))) == []


async def test_a_session_ends_with_its_time() -> None:
    app = app_with(max_age=1000)
    for age, kept in ((999, True), (1001, False), (-50, True), (-1000, False)):
        assert (await call(app, **sent(signed(b'{"a":1}', age=age)))).json == ({"a": 1} if kept else {})


async def test_keys_can_be_changed_without_logging_anybody_out() -> None:
    old = cookie_of(await call(app_with(), "/put/a"))
    app = app_with(secret_key=[Secret("new"), KEY])
    assert (await call(app, **sent(old))).json == {"a": 1}
    new = cookie_of(await call(app, "/put/a", **sent(old)))
    assert (await call(app_with(secret_key="new"), **sent(new))).json == {"a": 2}
    assert (await call(app_with(), **sent(new))).json == {}


async def test_a_session_is_populated_where_it_is_empty() -> None:
    def sync(connection: Connection) -> dict[str, Any]:
        return {"from": connection.headers.get("host")}

    async def nothing(connection: Connection) -> None:
        return None

    app = app_with(populate_session=sync)
    answer = await call(app, "/ignore", **sent())
    assert (await call(app, **sent(cookie_of(answer)))).json == {"from": "example.org"}
    assert cookies_of(await call(app, **sent(cookie_of(answer)))) == []
    kept = await call(app, "/", **sent(signed(b'{"a":1}')))
    assert kept.json == {"a": 1}
    assert cookies_of(await call(app_with(populate_session=nothing), "/ignore")) == []


async def test_another_serializer_may_write_bytes() -> None:

    app = app_with(session_serializer=lambda value: pickle.dumps(dict(value)), session_deserializer=pickle.loads)
    assert (await call(app, **sent(cookie_of(await call(app, "/put/a"))))).json == {"a": 1}


# -- what cannot be sent ---------------------------------------------------------------------------------------------


async def test_a_session_too_large_for_a_cookie_is_an_error_of_the_application() -> None:
    async def fill(request: Request, size: int) -> PlainText:
        request.session["a"] = "x" * size
        return PlainText("filled")

    app = app_with(Path("/fill/{size:int}", fill))
    assert len(cookie_of(await call(app, "/fill/2900"))) <= 4096
    answer = await fail(app, "/fill/4000")
    assert isinstance(answer.error, SessionTooLarge)
    assert "browsers take 4096" in str(answer.error)
    assert (answer.status, cookies_of(answer)) == (500, [])


async def test_a_value_the_serializer_does_not_know_is_an_error_of_the_application() -> None:
    async def odd(request: Request) -> PlainText:
        request.session["a"] = object()
        return PlainText("")

    answer = await fail(app_with(Path("/odd", odd)), "/odd")
    assert isinstance(answer.error, TypeError)
    assert answer.status == 500


async def test_the_answer_to_such_an_error_passes() -> None:
    async def odd(request: Request) -> PlainText:
        request.session["a"] = object()
        return PlainText("")

    async def handle(request: Request, exc: TypeError) -> PlainText:
        return PlainText("handled", status_code=507)

    answer = await call(app_with(Path("/odd", odd, exception_handlers={TypeError: handle})), "/odd")
    assert (answer.status, answer.text, cookies_of(answer)) == (507, "handled", [])


async def test_what_is_changed_after_the_answer_has_begun_is_lost_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def late(request: Request) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            yield "a"
            request.session["late"] = 1

        return StreamingResponse(body)

    with caplog.at_level(logging.WARNING, "lilya.sessions"):
        await call(app_with(), "/put/a")
        assert caplog.messages == []
        assert cookies_of(await call(app_with(Path("/late", late)), "/late")) == []
    assert "the change is lost" in caplog.messages[0]


async def test_an_exception_that_nobody_handles_keeps_nothing() -> None:
    async def broken(request: Request) -> None:
        request.session["a"] = 1
        raise KeyError("a bug")

    assert cookies_of(await fail(app_with(Path("/broken", broken)), "/broken")) == []


# -- websockets ------------------------------------------------------------------------------------------------------


async def test_a_websocket_reads_the_session_and_writes_it_with_its_handshake() -> None:
    async def chat(websocket: Any) -> None:
        websocket.session["seen"] = websocket.session.get("a")
        await websocket.accept(headers=[(b"x-own", b"1")])
        await websocket.send_json(dict(websocket.session))

    app = app_with(WebSocketPath("/ws", chat))
    answer = await talk(app, "/ws", **sent(signed(b'{"a":1}')))
    assert (b"x-own", b"1") in answer.sent[0]["headers"]
    assert json.loads(answer.sent[1]["text"]) == {"a": 1, "seen": 1}
    assert (await call(app, **sent(cookie_of(answer)))).json == {"a": 1, "seen": 1}
    assert b"vary" not in dict(answer.sent[0]["headers"])


async def test_a_denied_handshake_can_write_it_too() -> None:
    async def chat(websocket: Any) -> None:
        websocket.session["tried"] = 1
        await PlainText("no", status_code=403)(websocket.scope, websocket._receive, websocket._send)

    answer = await talk(
        app_with(WebSocketPath("/ws", chat)), "/ws", extensions={"websocket.http.response": {}}, **sent()
    )
    assert (await call(app_with(), **sent(cookie_of(answer)))).json == {"tried": 1}


# -- with others -----------------------------------------------------------------------------------------------------


async def test_the_session_of_the_context_is_the_same() -> None:

    async def count() -> int:
        session["n"] = session.get("n", 0) + 1
        return int(session["n"])

    layers = [DefineMiddleware(SessionMiddleware, KEY), DefineMiddleware(SessionContextMiddleware, sub_path="a.b")]
    app = Lilya(routes=[Path("/count", count), *ROUTES], middleware=layers)
    first = await call(app, "/count")
    second = await call(app, "/count", **sent(cookie_of(first)))
    assert (await call(app, **sent(cookie_of(second)))).json == {"a": {"b": {"n": 2}}}


async def test_two_of_them_keep_to_their_own_cookies() -> None:
    layers = [DefineMiddleware(SessionMiddleware, KEY, "outer"), DefineMiddleware(SessionMiddleware, KEY, "inner")]
    answer = await call(Lilya(routes=ROUTES, middleware=layers), "/put/a", **sent(signed(b'{"o":1}', name="outer")))
    assert [cookie.partition("=")[0] for cookie in cookies_of(answer)] == ["inner"]


async def test_a_lifespan_passes() -> None:
    seen: list[Any] = []

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    await SessionMiddleware(inside, KEY)({"type": "lifespan"}, Wire().receive, Wire().send)
    assert seen == [{"type": "lifespan"}]


async def test_it_ends_cleanly_wherever_the_client_leaves_or_it_is_cancelled() -> None:
    def make() -> Any:
        return app_with(), http_scope("/put/a", headers=[(b"cookie", signed(b'{"a":1}').encode())])

    assert await disconnect_everywhere(make, [request()]) > 2
    assert await cancel_everywhere(make, [request()]) > 2


@pytest.mark.parametrize(
    "options",
    [
        {"secret_key": ""},
        {"secret_key": []},
        {"same_site": "loose"},
        {"session_cookie": "a b"},
        {"session_cookie": "__Secure-s"},
        {"path": "/;x"},
        {"domain": "a.test\r\nx: y"},
        {"max_age": 0},
    ],
)
def test_what_cannot_work_is_told_when_it_is_built(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        SessionMiddleware(PlainText(""), **{"secret_key": KEY, **options})


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(_signing, "import_module", missing)
    with pytest.raises(MissingDependency, match=r"lilya\[sessions\]"):
        SessionMiddleware(PlainText(""), KEY)
