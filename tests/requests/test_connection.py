"""What a connection shows of its scope: built when it is asked for, and once."""

from __future__ import annotations

from typing import Any

import pytest

from lilya._connection import Connection
from lilya.apps import Lilya
from lilya.background import Task
from lilya.datastructures import URL, Address, Header, QueryParam, State
from lilya.exceptions import ImproperlyConfigured
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText
from lilya.routing import Include, Path, WebSocketPath
from lilya.routing._base import NoMatchFound
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from lilya.websockets import WebSocket
from tests.support.life import running
from tests.support.wire import Wire, http_scope, request, websocket_scope


def connection(**scope: Any) -> Connection:
    return Connection(http_scope(**scope))


# -- the mapping --------------------------------------------------------------------------------------------------


def test_it_is_a_read_only_mapping_over_the_scope() -> None:
    scope = http_scope("/a")
    shown = Connection(scope)
    assert shown["path"] == "/a"
    assert dict(shown) == scope
    assert len(shown) == len(scope)
    assert "method" in shown
    assert "nothing" not in shown
    assert shown.get("nothing", 1) == 1
    with pytest.raises(KeyError):
        shown["nothing"]
    with pytest.raises(TypeError):
        shown["path"] = "/b"  # type: ignore[index]


def test_it_is_equal_to_itself_alone() -> None:
    scope = http_scope()
    one, other = Connection(scope), Connection(scope)
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2


def test_nothing_is_built_before_it_is_asked_for_and_then_once() -> None:
    shown = Request(http_scope())
    assert set(vars(shown)) == {"scope", "_receive", "_send", "_found_inbox"}
    assert shown._found_inbox is None
    for name in ("url", "base_url", "headers", "query_params", "cookies", "state"):
        assert getattr(shown, name) is getattr(shown, name), name


def test_what_a_minimal_scope_lacks_is_empty() -> None:
    shown = Connection({"type": "http", "path": "/"})
    assert shown.app is None
    assert shown.client is None
    assert shown.server is None
    assert shown.path_params == {}
    assert len(shown.query_params) == 0
    assert shown.cookies == {}
    assert len(shown.headers) == 0
    assert len(shown.state) == 0
    assert not shown.is_secure()
    assert shown.draining is False


# -- what was asked -----------------------------------------------------------------------------------------------


def test_types_are_the_documented_ones() -> None:
    shown = connection(query_string=b"a=1")
    assert isinstance(shown.url, URL)
    assert isinstance(shown.base_url, URL)
    assert isinstance(shown.headers, Header)
    assert isinstance(shown.query_params, QueryParam)
    assert isinstance(shown.state, State)
    assert isinstance(shown.client, Address)


def test_the_method_is_that_of_the_scope() -> None:
    assert Request(http_scope(method="PATCH")).method == "PATCH"


def test_headers_are_latin_1_and_know_no_case() -> None:
    shown = connection(headers=[(b"x-name", b"gr\xfc\xdfe"), (b"x-bytes", bytes(range(128, 256)))])
    assert shown.headers["X-Name"] == "grüße"
    assert shown.headers["x-bytes"].encode("latin-1") == bytes(range(128, 256))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"", []),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=%C3%A4+b&c", [("a", "ä b"), ("c", "")]),
        (b"a=%ff&b=\xff&%zz", [("a", "\ufffd"), ("b", "\ufffd"), ("%zz", "")]),
    ],
)
def test_query_params_are_decoded_and_never_fail(query: bytes, found: list[tuple[str, str]]) -> None:
    assert connection(query_string=query).query_params.multi_items() == found


@pytest.mark.parametrize(
    ("fields", "cookies"),
    [
        ([], {}),
        ([b"a=1; b=2"], {"a": "1", "b": "2"}),
        ([b"a=1", b"b=2; a=3"], {"a": "3", "b": "2"}),
        ([b"a=1; a=2"], {"a": "2"}),
        ([b'a="x y"; b=%C3%A4; c="\\303"'], {"a": "x y", "b": "ä", "c": "Ã"}),
        ([b"lonely; =x; ; a="], {"": "x", "a": ""}),
        ([b"\xff=\xfe; a=b=c"], {"ÿ": "þ", "a": "b=c"}),
    ],
)
def test_cookies_of_all_fields_are_read_leniently_and_the_last_wins(
    fields: list[bytes], cookies: dict[str, str]
) -> None:
    assert connection(headers=[(b"cookie", field) for field in fields]).cookies == cookies


@pytest.mark.parametrize(
    ("pair", "address"),
    [
        (None, None),
        ((), None),
        (("127.0.0.1", 80), Address("127.0.0.1", 80)),
        (["::1", 80], Address("::1", 80)),
        (("127.0.0.1", "8080"), Address("127.0.0.1", 8080)),  # some servers
        (("/run/app.sock", None), Address("/run/app.sock", None)),
        (("testclient", "²"), Address("testclient", "²")),  # type: ignore[arg-type]
    ],
)
def test_client_and_server_are_addresses_whatever_the_server_gives(pair: Any, address: Address | None) -> None:
    assert connection(client=pair).client == address
    assert connection(server=pair).server == address


@pytest.mark.parametrize(
    ("scope", "url", "base_url"),
    [
        ({}, "http://example.org/a", "http://example.org/"),
        ({"scheme": "https"}, "https://example.org/a", "https://example.org/"),
        ({"query_string": b"x=1"}, "http://example.org/a?x=1", "http://example.org/"),
        ({"root_path": "/root", "path": "/root/a"}, "http://example.org/root/a", "http://example.org/root/"),
        ({"root_path": "/root/", "path": "/root/a"}, "http://example.org/root/a", "http://example.org/root/"),
        ({"root_path": "/root"}, "http://example.org/root/a", "http://example.org/root/"),
        (
            {"root_path": "/root/inner", "app_root_path": "/root", "path": "/root/inner/a"},
            "http://example.org/root/inner/a",
            "http://example.org/root/",
        ),
        ({"headers": [], "server": ("h", 8000)}, "http://h:8000/a", "http://h:8000/"),
        ({"headers": [], "server": ("/run/app.sock", None)}, "/a", "/"),
        ({"headers": [(b"host", b"evil/../?#@")]}, "http://127.0.0.1/a", "http://127.0.0.1/"),
        ({"headers": [(b"host", b"x:99999")]}, "http://127.0.0.1/a", "http://127.0.0.1/"),
        ({"headers": [(b"host", b"\xff")]}, "http://127.0.0.1/a", "http://127.0.0.1/"),
    ],
)
def test_urls_are_what_the_client_sees_and_never_fail(scope: dict[str, Any], url: str, base_url: str) -> None:
    shown = Connection({**http_scope("/a", raw_path=b"/a"), **scope})
    assert shown.url == url
    assert shown.base_url == base_url


def test_is_secure_goes_by_the_scheme() -> None:
    for scheme, secure in (("http", False), ("https", True), ("ws", False), ("wss", True)):
        assert connection(scheme=scheme).is_secure() is secure


# -- what was put into the scope ----------------------------------------------------------------------------------


def test_the_state_is_the_scopes_and_is_made_where_there_is_none() -> None:
    scope = http_scope(state={"db": 1})
    assert Connection(scope).state.db == 1
    Connection(scope).state.user = "me"
    assert scope["state"] == {"db": 1, "user": "me"}
    bare: Scope = {"type": "http", "path": "/"}
    Connection(bare).state.x = 1
    assert Connection(bare).state.x == 1


@pytest.mark.parametrize(
    ("name", "middleware"),
    [
        ("auth", "AuthenticationMiddleware"),
        ("user", "AuthenticationMiddleware"),
        ("session", "SessionMiddleware"),
    ],
)
def test_what_middleware_adds_is_shown_and_missed_by_name(name: str, middleware: str) -> None:
    assert getattr(connection(**{name: {"a": 1}}), name) == {"a": 1}
    with pytest.raises(ImproperlyConfigured, match=f"{middleware} must be installed to access request.{name}$"):
        getattr(connection(), name)


def test_the_session_can_be_set_and_cleared() -> None:
    shown = connection(session={"a": 1})
    shown.set_session({"b": 2})
    assert shown.session == {"b": 2}
    shown.clear_session()
    assert shown.session == {}


def test_a_request_says_what_it_is() -> None:
    assert repr(Request(http_scope())) == "Request()"


# -- in an application --------------------------------------------------------------------------------------------


async def serve(app: ASGIApp, scope: Scope) -> Wire:
    wire = Wire(request())
    await app(scope, wire.receive, wire.send)
    return wire


async def test_a_handler_sees_app_route_parameters_and_reversed_urls() -> None:
    async def show(request: Request, name: str) -> JSONResponse:
        assert request.app is app
        return JSONResponse(
            {
                "params": request.path_params,
                "url": str(request.path_for("show", name="ä b")),
                "same": str(request.url_path_for("show", name="x")),
                "socket": str(request.path_for("socket")),
            }
        )

    async def socket(websocket: WebSocket) -> None: ...

    app = Lilya(routes=[Path("/show/{name}", show, name="show"), WebSocketPath("/ws", socket, name="socket")])
    wire = await serve(app, http_scope("/base/show/me", root_path="/base", scheme="https"))
    assert wire.body == (
        b'{"params":{"name":"me"},"url":"https://example.org/base/show/%C3%A4%20b",'
        b'"same":"https://example.org/base/show/x","socket":"wss://example.org/base/ws"}'
    )


async def test_reversing_an_unknown_name_says_so() -> None:
    async def handler(request: Request) -> PlainText:
        with pytest.raises(NoMatchFound, match='No route exists for name "nothing" and params "a"'):
            request.path_for("nothing", a=1)
        return PlainText("x")

    await serve(Lilya(routes=[Path("/", handler)]), http_scope())


def test_reversing_outside_an_application_says_so() -> None:
    with pytest.raises(RuntimeError, match="was made outside a Lilya application: it knows no routes"):
        connection().path_for("show")


async def test_url_and_base_url_inside_includes_are_those_of_the_whole_application() -> None:
    async def show(request: Request) -> JSONResponse:
        return JSONResponse([str(request.url), str(request.base_url)])

    app = Lilya(routes=[Include("/a", routes=[Include("/b", routes=[Path("/c", show)])])])
    wire = await serve(app, http_scope("/root/a/b/c", root_path="/root"))
    assert wire.body == b'["http://example.org/root/a/b/c","http://example.org/root/"]'


async def test_clean_up_callbacks_run_when_the_exchange_is_over_the_last_added_first() -> None:
    log: list[str] = []

    async def later() -> None:
        log.append("async")

    def broken() -> None:
        raise ZeroDivisionError

    async def handler(request: Request) -> PlainText:
        request.add_cleanup(lambda: log.append("first added"))
        request.add_cleanup(broken)
        request.add_cleanup(later)
        await request.close()  # nothing to do by hand
        assert log == []

        async def task() -> None:
            log.append("task")

        return PlainText("x", background=Task(task))

    wire = await serve(Lilya(routes=[Path("/", handler)]), http_scope())
    assert wire.body == b"x"
    assert log == ["task", "async", "first added"]


async def test_draining_is_the_applications() -> None:
    seen: list[bool] = []

    async def handler(request: Request) -> PlainText:
        seen.append(request.draining)
        app.drain()
        await request.wait_draining()
        seen.append(request.draining)
        return PlainText("x")

    app = Lilya(routes=[Path("/", handler)])
    async with running(app):
        await serve(app, http_scope())
    assert seen == [False, True]


# -- server push --------------------------------------------------------------------------------------------------


async def test_a_push_promise_forwards_the_headers_that_choose_a_representation() -> None:
    headers = [
        (b"host", b"example.org"),
        (b"user-agent", b"me"),
        (b"accept", b"text/css"),
        (b"accept", b"*/*"),
        (b"cookie", b"secret=1"),
        (b"accept-language", b"de"),
        (b"accept-encoding", b"br"),
        (b"cache-control", b"no-cache"),
    ]
    wire = Wire(request())
    pushing = Request(
        http_scope(extensions={"http.response.push": {}}, headers=headers, http_version="2"), wire.receive, wire.send
    )
    await pushing.send_push_promise("/style.css")
    assert wire.sent == [
        {
            "type": "http.response.push",
            "path": "/style.css",
            "headers": [
                (b"accept", b"text/css"),
                (b"accept", b"*/*"),
                (b"accept-encoding", b"br"),
                (b"accept-language", b"de"),
                (b"cache-control", b"no-cache"),
                (b"user-agent", b"me"),
            ],
        }
    ]


async def test_a_push_promise_to_a_server_that_cannot_is_nothing() -> None:
    nothing: list[dict[str, object] | None] = [{}, None]
    for extensions in nothing:
        wire = Wire(request())
        await Request(http_scope(extensions=extensions), wire.receive, wire.send).send_push_promise("/style.css")
        assert wire.sent == []


async def test_a_push_promise_passes_an_application_before_and_after_the_start() -> None:
    sent: list[Message] = []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        pushing = Request(scope, receive, send)
        await pushing.send_push_promise("/a.css")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await pushing.send_push_promise("/b.css")
        await send({"type": "http.response.body", "body": b""})
        sent.extend(wire.sent)

    class Raw:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await handler(scope, receive, send)

    app = Lilya(routes=[Path("/", Raw())])
    wire = Wire(request())
    await app(http_scope(extensions={"http.response.push": {}}), wire.receive, wire.send)
    assert [message["type"].rpartition(".")[2] for message in sent] == ["push", "start", "push", "body"]


def test_a_websocket_shows_the_same() -> None:
    shown = WebSocket(websocket_scope("/ws", query_string=b"a=1"), Wire().receive, Wire().send)
    assert shown.url == "ws://example.org/ws?a=1"
    assert shown.base_url == "ws://example.org/"
    assert shown.query_params["a"] == "1"
    assert not shown.is_secure()


def test_the_parameters_of_the_media_type_are_a_mapping() -> None:
    headers = [(b"content-type", b'text/plain; Charset=latin-1; x="a;b"')]
    request = Request({**http_scope(), "headers": headers})
    assert request.media == {"charset": "latin-1", "x": "a;b"}
    assert Request(http_scope()).media == {}


@pytest.mark.parametrize("push", [True, False])
def test_a_server_can_push_or_has_to_be_asked(push: bool) -> None:
    request = Request(http_scope(extensions={"http.response.push": {}} if push else {}))
    assert (request.is_server_push, request.is_server_pull) == (push, not push)
