"""What software that is compatible is tested on: one test or more for each item of the list, by its number.

Each is tried in full where it lives; here stands the list as a whole, so that nothing of it is forgotten.

| item | what | here |
|---|---|---|
| 1 | dispatch by method | `test_01_...` |
| 2 | slash redirects | `test_02_...` |
| 3 | reversing | `test_03_...` |
| 4 | order of layers | `test_04_...` |
| 5 | isolation of scopes | `test_05_...` |
| 6 | falling through | `test_06_...` |
| 7 | kinds of handlers | `test_07_...` |
| 8 | exception handlers | `test_08_...` |
| 9 | websockets | `test_09_...` |
| 10 | lifespan | `test_10_...` |
| 11 | responses | `test_11_...` |
| 12 | bodies and forms | `test_12_...` |
| 13 | header values of middleware | `test_13_...` |
| 14 | environment and settings | `test_14_...` |
| 15 | encoders | `test_15_...` |
| 16 | both backends; what is of one request | every test; `test_16_...` |
"""

from __future__ import annotations

import datetime
import threading
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path as FilePath
from typing import Any

import anyio
import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.conf import override_settings, settings
from lilya.conf.global_settings import Settings
from lilya.context import g, request_context, session
from lilya.datastructures import State
from lilya.encoders import ENCODER_TYPES, Encoder, register_encoder
from lilya.environments import EnvironLoader
from lilya.exceptions import (
    ContinueRouting,
    EnvError,
    HTTPException,
    ImproperlyConfigured,
    PermissionDenied,
    WebSocketRuntimeError,
)
from lilya.middleware import DefineMiddleware
from lilya.middleware.compression import GZipMiddleware
from lilya.middleware.cors import CORSMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.middleware.global_context import GlobalContextMiddleware
from lilya.middleware.httpsredirect import HTTPSRedirectMiddleware
from lilya.middleware.sessions import SessionMiddleware
from lilya.middleware.trustedhost import TrustedHostMiddleware
from lilya.requests import Request
from lilya.responses import FileResponse, PlainText, Response, make_response
from lilya.routing import Include, NoMatchFound, Path, WebSocketPath
from lilya.types import ASGIApp, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.routing.client import call, fail, fail_talk, fail_to_start, talk
from tests.support.life import running

Log = list[str]


async def home() -> str:
    return "home"


def layer(name: str, log: Log) -> type:
    """A class that notes when it is built and when it is passed: a middleware, or a permission."""

    class Noting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app
            log.append(f"built {name}")

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            log.append(name)
            await self.app(scope, receive, send)

    return Noting


# -- 1: dispatch by method --------------------------------------------------------------------------------------------


async def test_01_the_routes_of_one_path_are_told_apart_by_their_methods() -> None:
    async def post() -> str:
        return "posted"

    app = Lilya(routes=[Path("/x", home), Path("/x", post, methods=["POST"])])
    assert (await call(app, "/x")).json == "home"
    assert (await call(app, "/x", "POST")).json == "posted"
    refused = await call(app, "/x", "DELETE")
    assert (refused.status, refused.text, refused.headers["allow"]) == (405, "Method Not Allowed", "GET, HEAD, POST")


async def test_01_a_405_is_given_to_the_handler_of_its_own() -> None:
    async def handle(request: Request, exc: HTTPException) -> PlainText:
        return PlainText(f"no {request.method}", status_code=405, headers=exc.headers)

    answer = await call(Lilya(routes=[Path("/", home)], exception_handlers={405: handle}), "/", "POST")
    assert (answer.text, answer.headers["allow"]) == ("no POST", "GET, HEAD")


async def test_01_head_is_answered_by_get_without_a_body() -> None:
    answer = await call(Lilya(routes=[Path("/", home)]), "/", "HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "6", b"")


# -- 2: slash redirects -----------------------------------------------------------------------------------------------


async def test_02_a_redirect_for_a_slash_keeps_host_query_and_method() -> None:
    app = Lilya(routes=[Path("/x", home), Include("/in", routes=[Path("/", home)])])
    for path, to in [("/x/", "/x"), ("/in", "/in/")]:
        answer = await call(app, path, query_string=b"a=1")
        assert (answer.status, answer.headers["location"]) == (307, f"http://example.org{to}?a=1")


async def test_02_it_can_be_switched_off_for_the_application_and_for_an_include() -> None:
    assert (await call(Lilya(routes=[Path("/x", home)], redirect_slashes=False), "/x/")).status == 404
    app = Lilya(routes=[Include("/in", routes=[Path("/x", home)], redirect_slashes=False)])
    assert (await call(app, "/in/x/")).status == 404


# -- 3: reversing -----------------------------------------------------------------------------------------------------

VALUES: Mapping[str, Any] = {
    "str": "a b",
    "path": "a/b c",
    "int": 5,
    "float": 1.5,
    "uuid": uuid.UUID(int=1),
    "datetime": datetime.datetime(2026, 1, 31, 12, 30),
}


@pytest.mark.parametrize("kind", VALUES)
async def test_03_a_path_that_was_made_is_read_again(kind: str) -> None:
    seen: list[Any] = []

    async def item(value: Any) -> None:
        seen.append(value)

    app = Lilya(routes=[Path(f"/x/{{value:{kind}}}", item, name="item")])
    path = app.path_for("item", value=VALUES[kind])
    await call(app, str(path).replace("%20", " "))
    assert seen == [VALUES[kind]]


def test_03_a_route_that_is_not_there_is_said_to_be_so() -> None:
    with pytest.raises(NoMatchFound) as error:
        Lilya(routes=[Path("/{id}", home, name="x")]).path_for("x", a=1, b=2)
    assert str(error.value) == 'No route exists for name "x" and params "a, b".'


async def test_03_absolute_urls_have_the_root_path_and_the_scheme_of_websockets() -> None:
    async def urls(request: Request) -> list[str]:
        return [str(request.path_for("urls")), str(request.path_for("socket"))]

    app = Lilya(routes=[Path("/x", urls, name="urls"), WebSocketPath("/ws", home, name="socket")])
    answer = await call(app, "/root/x", root_path="/root", scheme="https")
    assert answer.json == ["https://example.org/root/x", "wss://example.org/root/ws"]


# -- 4: order of layers -----------------------------------------------------------------------------------------------


async def test_04_layers_run_in_order_and_are_built_once() -> None:
    log: Log = []

    def hook(name: str) -> Any:
        async def note(scope: Scope, receive: Receive, send: Send) -> None:
            log.append(name)

        return note

    def around(name: str) -> dict[str, Any]:
        return {
            "before_request": [hook(f"{name} before")],
            "middleware": [layer(f"{name} middleware", log)],
            "permissions": [layer(f"{name} permission", log)],
            "after_request": [hook(f"{name} after")],
        }

    app = Lilya(
        routes=[Include("/in", routes=[Path("/", home, **around("path"))], **around("include"))], **around("app")
    )
    built = {line for line in log if line.startswith("built")}
    for _ in range(2):
        log.clear()
        await call(app, "/in/")
        built |= {line for line in log if line.startswith("built")}
        assert [line for line in log if not line.startswith("built")] == [
            "app middleware",
            "app before",
            "app permission",
            "include before",
            "include middleware",
            "include permission",
            "path before",
            "path middleware",
            "path permission",
            "path after",
            "include after",
            "app after",
        ]
    assert not any(line.startswith("built") for line in log)
    assert len(built) == 6


async def test_04_nothing_is_added_once_the_application_has_started() -> None:
    app = Lilya(routes=[Path("/", home)])
    await call(app)
    for add in (app.add_middleware, app.add_permission):
        with pytest.raises(RuntimeError, match="cannot be added once the application has started"):
            add(layer("late", []))


async def test_04_a_denial_keeps_its_status_and_text_out_of_nested_applications() -> None:
    class Denies:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise PermissionDenied(detail="not you")

    child = ChildLilya(routes=[Include("/b", app=ChildLilya(routes=[Path("/", home)], permissions=[Denies]))])
    answer = await call(Lilya(routes=[Include("/a", app=child)]), "/a/b/")
    assert (answer.status, answer.text) == (403, "not you")


# -- 5: isolation of scopes -------------------------------------------------------------------------------------------


async def test_05_what_a_nested_application_changes_stays_inside_and_the_template_is_seen_outside() -> None:
    seen: list[Scope] = []

    class Watching:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            seen.append(scope)

    class Changing(Watching):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope |= {"session": {"a": 1}, "auth": "all", "headers": []}
            await self.app(scope, receive, send)

    child = ChildLilya(routes=[Path("/{id:int}", home)], middleware=[Changing])
    app = Lilya(routes=[Include("/a", app=child)], middleware=[Watching])
    assert (await call(app, "/a/5")).status == 200
    assert not {"session", "auth"} & seen[0].keys()
    assert seen[0]["headers"] != []
    assert (seen[0]["app"], seen[0]["route_path_template"]) == (app, "/a/{id:int}")


# -- 6: falling through -----------------------------------------------------------------------------------------------


async def test_06_a_route_that_declines_after_a_look_hands_the_whole_body_on() -> None:
    async def declines(request: Request) -> None:
        await request.sniff()
        raise ContinueRouting

    async def takes(request: Request) -> str:
        return await request.text()

    routes = [Path("/", declines, methods=["POST"]), Path("/", takes, methods=["POST"])]
    assert (await call(Lilya(routes=routes), "/", "POST", body=b"whole")).json == "whole"
    assert (await call(Lilya(routes=routes[:1] * 2), "/", "POST", body=b"whole")).status == 404


# -- 7: kinds of handlers ---------------------------------------------------------------------------------------------


class Kinds:
    """Handlers of all kinds."""

    async def method(self, n: int) -> int:
        return n

    @classmethod
    async def of_the_class(cls, n: int) -> int:
        return n

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainText("5")(scope, receive, send)


def in_a_thread(n: int) -> int:
    assert threading.current_thread() is not threading.main_thread()
    return n


async def two(m: int, n: int) -> int:
    return m * n


@pytest.mark.parametrize(
    "handler",
    [
        Kinds().method,
        Kinds.of_the_class,
        Kinds(),
        PlainText("5"),
        partial(two, 1),
        partial(two, m=1),
        in_a_thread,
        f"{__name__}:in_a_thread",
    ],
    ids=str,
)
async def test_07_every_kind_of_handler_works_and_sync_code_stays_off_the_loop(handler: Any) -> None:
    if isinstance(handler, partial) and handler.args:
        handler = partial(two, m=1)  # handlers get keywords
    assert (await call(Lilya(routes=[Path("/{n:int}", handler)]), "/5")).text == "5"


# -- 8: exception handlers --------------------------------------------------------------------------------------------


async def test_08_the_nearest_layer_answers_by_status_or_class() -> None:
    def answering(word: str) -> Any:
        async def handle(request: Request, exc: Exception) -> PlainText:
            return PlainText(word)

        return handle

    async def broken() -> None:
        raise KeyError

    async def lost() -> None:
        raise HTTPException(status_code=404)

    app = Lilya(
        routes=[
            Path("/path", broken, exception_handlers={LookupError: answering("path")}),
            Include("/in", routes=[Path("/x", broken)], exception_handlers={KeyError: answering("include")}),
            Path("/app", broken),
            Path("/lost", lost),
        ],
        exception_handlers={LookupError: answering("app"), 404: answering("404"), HTTPException: answering("http")},
    )
    words = [(await call(app, path)).text for path in ("/path", "/in/x", "/app", "/lost")]
    assert words == ["path", "include", "app", "404"]


async def test_08_the_500_handler_answers_and_the_error_still_reaches_the_server() -> None:
    async def broken() -> None:
        raise KeyError("x")

    async def handle(request: Request, exc: Exception) -> PlainText:
        return PlainText(repr(exc), status_code=500)

    answer = await fail(Lilya(routes=[Path("/", broken)], exception_handlers={500: handle}))
    assert (answer.status, answer.text) == (500, "KeyError('x')")
    assert isinstance(answer.error, KeyError)
    debug = Lilya(routes=[Path("/", broken)], debug=True)
    page = await fail(debug, headers=[(b"accept", b"text/html")])
    assert page.headers["content-type"].startswith("text/html")
    assert (await fail(debug)).headers["content-type"].startswith("text/plain")


# -- 9: websockets ----------------------------------------------------------------------------------------------------


async def test_09_code_and_reason_of_a_close_reach_the_client_and_misuse_is_said_to_be_such() -> None:
    async def closes(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4001, "enough")

    async def misuses(websocket: WebSocket) -> None:
        await websocket.send_text("too early")

    app = Lilya(routes=[WebSocketPath("/close", closes), WebSocketPath("/misuse", misuses)])
    assert (await talk(app, "/close")).closed == (4001, "enough")
    answer = await fail_talk(app, "/misuse")
    assert isinstance(answer.error, WebSocketRuntimeError)
    assert str(answer.error) == 'WebSocket is not connected. Need to call "accept" first.'


# -- 10: lifespan -----------------------------------------------------------------------------------------------------


async def test_10_hooks_run_once_in_order() -> None:
    log: Log = []
    app = Lilya(
        routes=[Path("/", home)],
        on_startup=[lambda: log.append("up 1"), lambda: log.append("up 2")],
        on_shutdown=[lambda: log.append("down 1"), lambda: log.append("down 2")],
    )
    async with running(app):
        await call(app)
        await call(app)
    assert log == ["up 1", "up 2", "down 1", "down 2"]


async def test_10_a_failure_to_start_surfaces() -> None:
    def broken() -> None:
        raise LookupError("no database")

    sent, error = await fail_to_start(Lilya(on_startup=[broken]))
    assert sent == [{"type": "lifespan.startup.failed", "message": "LookupError: no database"}]
    assert isinstance(error, LookupError)


async def test_10_each_request_has_a_copy_of_the_state_of_the_lifespan() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, int]]:
        yield {"count": 1}

    async def count(request: Request) -> int:
        request.state.count += 1
        value: int = request.state.count
        return value

    app = Lilya(routes=[Path("/", count)], lifespan=lifespan)
    state: dict[str, object] = {"server": True}
    async with running(app, state):
        assert [(await call(app, state={**state})).json for _ in range(2)] == [2, 2]
    assert State(state).count == 1


# -- 11: responses ----------------------------------------------------------------------------------------------------


def test_11_cookies_are_written_as_the_standard_library_writes_them() -> None:
    response = PlainText("x")
    response.set_cookie("a", "b c", max_age=5, domain="example.org", secure=True, httponly=True)
    response.set_cookie("d", "e")
    written = [value.decode() for name, value in response.raw_headers if name == b"set-cookie"]
    cookie: SimpleCookie = SimpleCookie()
    cookie["a"] = "b c"
    parts = {"max-age": 5, "domain": "example.org", "path": "/", "samesite": "lax", "secure": True, "httponly": True}
    for name, part in parts.items():
        cookie["a"][name] = part
    assert sorted(written[0].lower().split("; ")) == sorted(cookie["a"].OutputString().lower().split("; "))
    assert written[1] == "d=e; Path=/; SameSite=lax"


@pytest.mark.parametrize("status", [204, 304])
async def test_11_an_answer_without_content_has_neither_body_nor_length(status: int) -> None:
    answer = await call(Response("never", status_code=status))
    assert (answer.body, answer.headers) == (b"", {})


async def test_11_a_file_has_conditions_ranges_and_a_name_in_any_script(tmp_path: FilePath) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    app = FileResponse(tmp_path / "f", filename="Æsop.txt")
    whole = await call(app)
    assert whole.headers["content-disposition"] == "attachment; filename*=utf-8''%C3%86sop.txt"
    ranged = await call(app, headers=[(b"range", b"bytes=2-4")])
    assert (ranged.status, ranged.body, ranged.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    etag = whole.headers["etag"].encode()
    assert (await call(app, headers=[(b"if-none-match", etag)])).status == 304


# -- 12: bodies and forms ---------------------------------------------------------------------------------------------


async def test_12_a_body_is_read_once_whoever_asks_and_however_often() -> None:
    async def all_ways(request: Request) -> list[Any]:
        found: list[Any] = []

        async def read() -> None:
            found.append(await request.body() == b"[1]")

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(read)
        streamed = b"".join([chunk async for chunk in request.stream()])
        return [*found, await request.json(), await request.text(), streamed == b"[1]"]

    answer = await call(Lilya(routes=[Path("/", all_ways, methods=["POST"])]), "/", "POST", body=b"[1]")
    assert answer.json == [True, True, True, [1], "[1]", True]


async def test_12_cookies_are_read_leniently() -> None:
    async def cookies(request: Request) -> dict[str, str]:
        return request.cookies

    headers = [(b"cookie", b'a=1; a=2; alone; q="x y"; p=%41'), (b"cookie", b"more=yes")]
    answer = await call(Lilya(routes=[Path("/", cookies)]), headers=headers)
    assert answer.json == {"a": "2", "": "alone", "q": "x y", "p": "A", "more": "yes"}


async def test_12_forms_have_limits_charsets_and_repeated_fields() -> None:
    async def read(request: Request) -> list[Any]:
        async with request.form(max_fields=2) as form:
            return form.multi_items()

    app = Lilya(routes=[Path("/", read, methods=["POST"])])
    headers = [(b"content-type", b"application/x-www-form-urlencoded; charset=latin-1")]
    answer = await call(app, "/", "POST", body=b"a=%E6&a=2", headers=headers)
    assert answer.json == [["a", "æ"], ["a", "2"]]
    over = await call(app, "/", "POST", body=b"a=1&b=2&c=3", headers=headers)
    assert (over.status, over.text) == (400, "Too many fields. Maximum number of fields is 2.")


# -- 13: header values of middleware ----------------------------------------------------------------------------------


async def test_13_a_preflight_is_answered_with_these_values() -> None:
    app = CORSMiddleware(Lilya(), allow_origins=["https://a.test"], allow_methods=["PUT"], allow_headers=["X-A"])
    headers = [(b"origin", b"https://a.test"), (b"access-control-request-method", b"PUT")]
    answer = await call(app, "/", "OPTIONS", headers=headers)
    assert (answer.status, answer.text) == (200, "OK")
    assert answer.headers["access-control-allow-origin"] == "https://a.test"
    assert answer.headers["access-control-allow-methods"] == "PUT"
    allowed = "Accept, Accept-Language, Content-Language, Content-Type, X-A"
    assert answer.headers["access-control-allow-headers"] == allowed
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["vary"] == "Origin"


async def test_13_vary_is_appended_never_replaced() -> None:
    inner = PlainText("x" * 1000, headers={"vary": "Cookie"})
    app = CORSMiddleware(GZipMiddleware(inner), allow_origins=["https://a.test"])
    answer = await call(app, headers=[(b"origin", b"https://a.test"), (b"accept-encoding", b"gzip")])
    assert answer.headers["vary"] == "Cookie, Accept-Encoding, Origin"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_13_hosts_are_checked_and_http_becomes_https() -> None:
    hosts = await call(TrustedHostMiddleware(PlainText("x"), allowed_hosts=["*.test"]))
    assert (hosts.status, hosts.text) == (400, "Invalid host header")
    https = await call(HTTPSRedirectMiddleware(PlainText("x")), "/x", headers=[(b"host", b"example.org:80")])
    assert (https.status, https.headers["location"]) == (307, "https://example.org/x")


async def test_13_the_cookies_of_csrf_and_sessions_are_these() -> None:
    async def remember(request: Request) -> None:
        request.session["a"] = 1

    layers = [DefineMiddleware(CSRFMiddleware, "secret"), DefineMiddleware(SessionMiddleware, "secret")]
    answer = await call(Lilya(routes=[Path("/", remember)], middleware=layers))
    cookies = {value.decode() for name, value in answer.sent[0]["headers"] if name == b"set-cookie"}
    (csrf,) = [each for each in cookies if each.startswith("csrftoken=")]
    (kept,) = [each for each in cookies if each.startswith("session=")]
    assert csrf.partition("; ")[2] == "Path=/; SameSite=lax"
    assert kept.partition("; ")[2].lower() == "path=/; max-age=1209600; httponly; samesite=lax"


# -- 14: environment --------------------------------------------------------------------------------------------------


def test_14_the_environment_is_cast_has_an_order_and_is_locked_once_read(tmp_path: FilePath) -> None:
    file = tmp_path / "env"
    file.write_text("A=file\nB=file\nC=$B!\n")
    env = EnvironLoader(environ={"A": "given", "N": "5", "ON": "yes", "BAD": "x"}, env_file=file)
    assert (env("A"), env("C"), env("N", cast=int), env("ON", cast=bool)) == ("file", "file!", 5, True)
    with pytest.raises(KeyError):
        env("MISSING")
    with pytest.raises(ValueError, match="BAD"):
        env("BAD", cast=int)
    with pytest.raises(EnvError):
        env["A"] = "changed"
    file.write_text("A=1\nA=2\n")
    with pytest.raises(EnvError):
        EnvironLoader(env_file=file, strict=True)


class Shop(Settings):
    name: str = "class"
    page_size: int = 10
    debug: bool = False


async def which() -> list[Any]:
    return [getattr(settings, "name", "nobody's"), settings.debug]


def test_14_an_argument_beats_the_environment_and_that_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_SIZE", "20")
    monkeypatch.setenv("DEBUG", "yes")
    assert (Shop().page_size, Shop().debug, Shop(page_size=30).page_size) == (20, True, 30)
    monkeypatch.setenv("PAGE_SIZE", "many")
    with pytest.raises(ValueError, match="Cannot cast value"):
        Shop()


def test_14_settings_as_a_dict_and_as_pairs() -> None:
    shop = Shop(name="shop")
    everything = shop.dict()
    assert (everything["name"], everything["page_size"]) == ("shop", 10)
    assert ("NAME", "shop") in shop.tuple(upper=True)
    assert "name" not in shop.dict(exclude={"name"})
    assert None not in shop.dict(exclude_none=True).values()
    assert "middleware" in shop.dict(include_properties=True)


async def test_14_each_application_sees_its_own_settings_and_a_child_without_any_its_parents() -> None:
    routes = [Path("/", which)]
    child = ChildLilya(routes=routes, settings_module=Shop(name="child"))
    app = Lilya(
        routes=[Include("/own", app=child), Include("/none", app=ChildLilya(routes=routes)), *routes],
        settings_module=Shop(name="parent"),
    )
    answers = [(await call(app, path)).json[0] for path in ("/", "/own/", "/none/")]
    assert answers == ["parent", "child", "parent"]
    assert (await call(Lilya(routes=routes))).json[0] == "nobody's"


async def test_14_an_override_ends_with_its_block() -> None:
    app = Lilya(routes=[Path("/", which)])
    async with override_settings(debug=True):
        assert (await call(app)).json[1] is True
    assert (await call(app)).json[1] is False


# -- 15: encoders -----------------------------------------------------------------------------------------------------


async def test_15_a_registered_encoder_serves_nested_values_with_any_status() -> None:
    class Money:
        cents = 150

    class MoneyEncoder(Encoder):
        __type__ = Money

        def serialize(self, obj: Money) -> Any:
            return obj.cents / 100

    token = ENCODER_TYPES.set([*ENCODER_TYPES.get()])
    try:
        register_encoder(MoneyEncoder)
        answer = await call(make_response({"prices": [Money()]}, status_code=201))
    finally:
        ENCODER_TYPES.reset(token)
    assert (answer.status, answer.json) == (201, {"prices": [1.5]})


# -- 16: what is of one request ---------------------------------------------------------------------------------------


async def test_16_g_is_of_one_request_and_all_fail_clearly_outside() -> None:
    async def count(request: Request) -> dict[str, int]:
        g.count = len(g) + 1
        return {**g.store}

    app = Lilya(routes=[Path("/", count)], middleware=[GlobalContextMiddleware])
    assert [(await call(app)).json for _ in range(2)] == [{"count": 1}, {"count": 1}]
    with pytest.raises(LookupError):
        _ = g.count
    with pytest.raises(ImproperlyConfigured):
        _ = request_context.url
    with pytest.raises(ImproperlyConfigured):
        _ = session["a"]
