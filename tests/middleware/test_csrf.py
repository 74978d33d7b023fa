"""Cross-site request forgery: what the middleware lets by, and what it does with the body meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest

from lilya._sansio.csrf import is_cross_site, make_token
from lilya.apps import ChildLilya, Lilya
from lilya.datastructures import Secret
from lilya.exceptions import ImproperlyConfigured, PermissionDenied
from lilya.middleware import DefineMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.requests import Request
from lilya.responses import PlainText, StreamingResponse
from lilya.routing import Include, Path, WebSocketPath
from lilya.testing import ScriptedExchange, cancel_everywhere, disconnect_everywhere
from lilya.types import ASGIApp, Receive, Scope, Send
from tests.routing.client import Answer, call, talk
from tests.support.wire import GONE, Wire, http_scope, request

SECRET = "a secret"
TOKEN = make_token(SECRET.encode())
BOUNDARY = "----WebKitFormBoundaryAbCdEfGhIjKlMnOp"
LAYER = DefineMiddleware(CSRFMiddleware, SECRET)


async def change(request: Request) -> dict[str, Any]:
    form = await request.form()
    return {name: value if isinstance(value, str) else len(await value.read()) for name, value in form.items()}


async def show(request: Request) -> PlainText:
    return PlainText(request.scope["csrf_token"])


ROUTES = [Path("/", change, methods=["POST", "PUT", "PATCH", "DELETE"]), Path("/", show, methods=["GET", "OPTIONS"])]


def app_with(**options: Any) -> Lilya:
    return Lilya(routes=list(ROUTES), middleware=[DefineMiddleware(CSRFMiddleware, SECRET, **options)])


def headers(**more: str) -> list[tuple[bytes, bytes]]:
    given = {"host": "example.org", "cookie": f"csrftoken={TOKEN}", **{k.replace("_", "-"): v for k, v in more.items()}}
    return [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value != "-"]


def form(**fields: str) -> dict[str, Any]:
    return {"body": urlencode(fields).encode(), "headers": headers(content_type="application/x-www-form-urlencoded")}


def multipart(*parts: tuple[str, str, bytes], boundary: str = BOUNDARY) -> dict[str, Any]:
    body = b""
    for name, filename, data in parts:
        name_it = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += f"--{boundary}\r\nContent-Disposition: {name_it}\r\n\r\n".encode() + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return {"body": body, "headers": headers(content_type=f"multipart/form-data; boundary={boundary}")}


# -- the token -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_safe_request_gets_a_token_once(method: str) -> None:
    answer = await call(app_with(), "/", method)
    name, _, value = answer.headers["set-cookie"].partition("=")
    token, _, attributes = value.partition("; ")
    assert (name, len(token), attributes) == ("csrftoken", 128, "Path=/; SameSite=lax")
    assert answer.text == token
    assert answer.headers["vary"] == "Cookie"
    known = await call(app_with(), "/", method, headers=headers())
    assert "set-cookie" not in known.headers
    assert known.text == TOKEN
    assert known.headers["vary"] == "Cookie"


@pytest.mark.parametrize("cookie", ["nonsense", "0" * 128, make_token(b"another")])
async def test_a_token_that_is_not_ours_is_replaced(cookie: str) -> None:
    answer = await call(app_with(), headers=headers(cookie=f"csrftoken={cookie}"))
    assert answer.headers["set-cookie"].startswith("csrftoken=")
    assert cookie not in answer.text


async def test_the_cookie_an_answer_sets_itself_wins() -> None:
    async def own() -> PlainText:
        answer = PlainText("", headers={"vary": "Accept"})
        answer.set_cookie("csrftoken", TOKEN)
        return answer

    answer = await call(Lilya(routes=[Path("/", own)], middleware=[LAYER]))
    cookies = [value for name, value in answer.sent[0]["headers"] if name == b"set-cookie"]
    assert len(cookies) == 1
    assert cookies[0].startswith(f"csrftoken={TOKEN}".encode())
    assert answer.headers["vary"] == "Accept, Cookie"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_needs_the_token_in_the_header(method: str) -> None:
    assert (await call(app_with(), "/", method, headers=headers(x_csrftoken=TOKEN))).status == 200
    for wrong in ("", "nonsense", "é", make_token(SECRET.encode()), make_token(b"another"), TOKEN.upper()):
        assert (await call(app_with(), "/", method, headers=headers(x_csrftoken=wrong))).status == 403
    assert (await call(app_with(), "/", method, headers=headers())).status == 403
    assert (await call(app_with(), "/", method, headers=headers(cookie="-", x_csrftoken=TOKEN))).status == 403


async def test_the_token_may_stand_in_a_form() -> None:
    assert (await call(app_with(), "/", "POST", **form(a="1", csrf_token=TOKEN, b="2"))).json == {
        "a": "1",
        "csrf_token": TOKEN,
        "b": "2",
    }
    assert (await call(app_with(), "/", "POST", **form(csrf_token=TOKEN))).status == 200
    assert (await call(app_with(), "/", "POST", **form(csrf_token="no", a="1"))).status == 403
    assert (await call(app_with(), "/", "POST", **form(a="1"))).status == 403
    assert (await call(app_with(), "/", "POST", **form())).status == 403


async def test_the_token_may_stand_in_a_form_as_browsers_send_it_with_files() -> None:
    before = multipart(("csrf_token", "", TOKEN.encode()), ("f", "a.bin", b"x" * 200_000))
    behind = multipart(("f", "a.bin", b"x" * 200_000), ("csrf_token", "", TOKEN.encode()))
    for sent in (before, behind):
        assert (await call(app_with(), "/", "POST", **sent)).json == {"csrf_token": TOKEN, "f": 200_000}
    wrong = multipart(("csrf_token", "", b"no"), ("f", "a.bin", b"x"))
    assert (await call(app_with(), "/", "POST", **wrong)).status == 403
    file = multipart(("csrf_token", "a.bin", TOKEN.encode()))
    assert (await call(app_with(), "/", "POST", **file)).status == 403


async def test_the_name_of_the_field_is_given_by_argument_or_settings() -> None:
    assert (await call(app_with(form_field_name="t"), "/", "POST", **form(t=TOKEN))).status == 200
    assert (await call(app_with(form_field_name="t"), "/", "POST", **form(csrf_token=TOKEN))).status == 403

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainText("")(scope, receive, send)

    settings = SimpleNamespace(settings=SimpleNamespace(csrf_token_name="s"))
    answer = await call(CSRFMiddleware(inside, SECRET), "/", "POST", app=settings, **form(s=TOKEN))
    assert answer.status == 200


async def test_keys_can_be_changed_without_locking_anybody_out() -> None:
    layer = DefineMiddleware(CSRFMiddleware, [Secret("new"), SECRET])
    app = Lilya(routes=list(ROUTES), middleware=[layer])
    assert (await call(app, "/", "POST", headers=headers(x_csrftoken=TOKEN))).status == 200
    fresh = (await call(app)).text
    old = Lilya(routes=list(ROUTES), middleware=[LAYER])
    sent = headers(cookie=f"csrftoken={fresh}", x_csrftoken=fresh)
    assert (await call(app, "/", "POST", headers=sent)).status == 200
    assert (await call(old, "/", "POST", headers=sent)).status == 403


# -- where a request comes from --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "origin", "host", "scheme", "refused"),
    [
        (None, None, "a.test", "http", False),
        ("same-origin", None, "a.test", "http", False),
        ("none", None, "a.test", "http", False),
        ("cross-site", None, "a.test", "http", True),
        ("same-site", None, "a.test", "http", True),
        ("same-origin, cross-site", None, "a.test", "http", True),
        ("same-origin", "https://behind.a.proxy", "inner:8000", "http", False),
        ("cross-site", "http://a.test", "a.test", "http", True),
        ("cross-site", "https://friend.test", "a.test", "http", False),
        (None, "https://FRIEND.test", "a.test", "http", False),
        (None, "http://a.test", "a.test", "http", False),
        (None, "http://A.test", "a.TEST", "http", False),
        (None, "https://a.test", "a.test", "http", False),
        (None, "https://a.test", "a.test:443", "https", False),
        (None, "http://a.test:8000", "a.test:8000", "http", False),
        (None, "http://a.test:8000", "a.test", "http", True),
        (None, "http://a.test", "a.test:8000", "http", True),
        (None, "http://a.test", "a.test", "https", True),
        (None, "http://a.test", "a.test", "wss", True),
        (None, "http://b.a.test", "a.test", "http", True),
        (None, "http://a.test.evil", "a.test", "http", True),
        (None, "null", "a.test", "http", True),
        (None, "", "a.test", "http", True),
        (None, "http://", "", "http", True),
        (None, "http://a.test, http://evil", "a.test", "http", True),
        (None, "http://a.test@evil", "a.test", "http", True),
        (None, "http://a.test", "", "http", True),
        (None, "file://", "", "http", True),
        (None, "extension://a.test", "b.test", "http", True),
    ],
)
def test_the_browser_says_where_a_request_was_made(
    site: str | None, origin: str | None, host: str, scheme: str, refused: bool
) -> None:
    assert is_cross_site(site, origin, host, scheme, frozenset({"https://friend.test"})) is refused


@pytest.mark.parametrize("given", [{"sec_fetch_site": "cross-site"}, {"origin": "https://evil.test"}])
async def test_the_right_token_does_not_help_another_origin(given: dict[str, str]) -> None:
    sent = headers(x_csrftoken=TOKEN, **given)
    assert (await call(app_with(), "/", "POST", headers=sent)).status == 403
    trusting = app_with(trusted_origins=["https://evil.test"])
    assert (await call(trusting, "/", "POST", headers=sent)).status == (200 if "origin" in given else 403)


async def test_a_page_of_another_origin_may_look() -> None:
    assert (await call(app_with(), headers=headers(sec_fetch_site="cross-site"))).status == 200


async def chat(websocket: Any) -> None:
    await websocket.accept()


async def test_a_websocket_is_for_pages_of_ours_only() -> None:
    app = Lilya(routes=[WebSocketPath("/", chat)], middleware=[LAYER])
    for fine in ({}, {"origin": "http://example.org"}, {"sec_fetch_site": "same-origin"}):
        assert (await talk(app, headers=headers(**fine))).types[0] == "websocket.accept"
    for wrong in ({"origin": "https://evil.test"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert (await talk(app, headers=headers(**wrong))).types == ["websocket.close"]
    denied = await talk(app, headers=headers(origin="null"), extensions={"websocket.http.response": {}})
    assert (denied.status, denied.text) == (403, "CSRF token verification failed.")
    open_to_all = DefineMiddleware(CSRFMiddleware, SECRET, check_websockets=False)
    app = Lilya(routes=[WebSocketPath("/", chat)], middleware=[open_to_all])
    assert (await talk(app, headers=headers(origin="https://evil.test"))).types[0] == "websocket.accept"


# -- how it refuses --------------------------------------------------------------------------------------------------


async def handled(request: Request, exc: PermissionDenied) -> PlainText:
    return PlainText(f"handled: {exc.detail}", status_code=403)


HANDLERS = {PermissionDenied: handled}
LEVELS: dict[str, Any] = {
    "application": lambda h: Lilya(routes=list(ROUTES), middleware=[LAYER], exception_handlers=h),
    "include": lambda h: Lilya(routes=[Include("/", routes=list(ROUTES), middleware=[LAYER])], exception_handlers=h),
    "include with handlers": lambda h: Lilya(
        routes=[Include("/", routes=list(ROUTES), middleware=[LAYER], exception_handlers=h)]
    ),
    "child": lambda h: Lilya(
        routes=[Include("/", app=ChildLilya(routes=list(ROUTES), middleware=[LAYER], exception_handlers=h))]
    ),
    "parent of a child": lambda h: Lilya(
        routes=[Include("/", app=ChildLilya(routes=list(ROUTES), middleware=[LAYER]))], exception_handlers=h
    ),
    "path": lambda h: Lilya(
        routes=[Path("/", change, methods=["POST"], middleware=[LAYER], exception_handlers=h)],
    ),
    "path, handled by the application": lambda h: Lilya(
        routes=[Path("/", change, methods=["POST"], middleware=[LAYER])], exception_handlers=h
    ),
    "path alone": lambda h: Path("/", change, methods=["POST"], middleware=[LAYER], exception_handlers=h),
}


@pytest.mark.parametrize("level", LEVELS)
async def test_a_refusal_is_a_403_for_the_exception_handlers_at_every_level(level: str) -> None:
    answer = await call(LEVELS[level]({}), "/", "POST")
    assert (answer.status, answer.text) == (403, "CSRF token verification failed.")
    answer = await call(LEVELS[level](HANDLERS), "/", "POST")
    by_itself = level == "parent of a child"  # as every refusal inside a child is
    assert (answer.status, answer.text.startswith("handled: ")) == (403, not by_itself)


async def test_around_an_application_and_alone_a_refusal_is_a_403() -> None:
    for app in (CSRFMiddleware(Lilya(routes=list(ROUTES)), SECRET), CSRFMiddleware(PlainText("x"), SECRET)):
        assert (await call(app, "/", "POST")).status == 403


# -- the body --------------------------------------------------------------------------------------------------------


def pieces_of(body: bytes, size: int) -> list[Any]:
    cut = [body[start : start + size] for start in range(0, len(body), size)]
    return [request(piece, more=True) for piece in cut] + [request(b"")]


async def raw_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body as bare ASGI does, and says how it came."""
    body = b""
    count = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        count += 1
        if not message["more_body"]:
            break
    await PlainText(f"{len(body)} in {count}")(scope, receive, send)


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
async def test_the_application_gets_the_very_messages_that_came(size: int) -> None:
    for sent in (form(a="1" * 50, csrf_token=TOKEN, b="2" * 300), multipart(("csrf_token", "", TOKEN.encode()))):
        messages = pieces_of(sent["body"], size)
        for app in (CSRFMiddleware(raw_body, SECRET), Lilya(routes=[Path("/", change, methods=["POST"])])):
            wire = Answer(*messages)
            await app(http_scope("/", "POST", headers=sent["headers"]), wire.receive, wire.send)
            assert wire.status == 200
            if not isinstance(app, Lilya):
                assert wire.text == f"{len(sent['body'])} in {len(messages)}"


async def test_no_more_is_read_than_it_takes_to_find_the_token() -> None:
    sent = multipart(("csrf_token", "", TOKEN.encode()), ("f", "a", b"x" * 5_000_000))
    messages = pieces_of(sent["body"], 65536)
    received: list[int] = []

    async def counts(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(wire.received)
        await raw_body(scope, receive, send)

    wire = Answer(*messages)
    await CSRFMiddleware(counts, SECRET)(http_scope("/", "POST", headers=sent["headers"]), wire.receive, wire.send)
    assert received == [1]
    assert wire.text == f"{len(sent['body'])} in {len(messages)}"


@pytest.mark.parametrize("size", [1, 1000])
async def test_the_token_is_looked_for_within_a_bound(size: int) -> None:
    sent = multipart(("f", "a", b"x" * 100_000), ("csrf_token", "", TOKEN.encode()))
    messages = pieces_of(sent["body"], size)
    wire = Answer(*messages)
    scope = http_scope("/", "POST", headers=sent["headers"])
    await app_with(max_body_size=10_000)(scope, wire.receive, wire.send)
    assert (wire.status, wire.text) == (413, "The first 10000 bytes of the form hold no CSRF token.")
    # An empty message weighs, too: nobody fills the memory by many small ones.
    assert wire.received <= 10_000 // (size + 128) + 2


async def test_a_form_that_cannot_be_read_is_a_400() -> None:
    for body, kind in (
        (b"nonsense", f"multipart/form-data; boundary={BOUNDARY}"),
        (b"x", "multipart/form-data"),
        (b"&" * 5000, "application/x-www-form-urlencoded"),
    ):
        answer = await call(app_with(), "/", "POST", body=body, headers=headers(content_type=kind))
        assert answer.status == 400


async def test_a_body_that_another_layer_has_read_is_looked_at_all_the_same() -> None:
    class Reads:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await Request(scope, receive).body()
            await self.app(scope, receive, send)

    class Wraps(Reads):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def own() -> Any:
                return await receive()

            await self.app(scope, own, send)

    for outer in ([Reads], [Wraps], [Wraps, Reads]):
        app = Lilya(routes=list(ROUTES), middleware=[*outer, LAYER])
        assert (await call(app, "/", "POST", **form(csrf_token=TOKEN, a="1"))).json == {"csrf_token": TOKEN, "a": "1"}


async def test_a_form_that_another_layer_has_read_is_looked_into() -> None:
    class ReadsForm:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive).form()
            await self.app(scope, receive, send)

    outside = Lilya(routes=list(ROUTES), middleware=[ReadsForm, LAYER])
    inside = Lilya(routes=[Include("/", routes=list(ROUTES), middleware=[LAYER])], middleware=[ReadsForm])
    for app in (outside, inside):
        for make in (form, lambda **fields: multipart(*((name, "", text.encode()) for name, text in fields.items()))):
            answer = await call(app, "/", "POST", **make(csrf_token=TOKEN, a="1"))
            assert answer.json == {"csrf_token": TOKEN, "a": "1"}
            assert (await call(app, "/", "POST", **make(csrf_token="other", a="1"))).status == 403
            assert (await call(app, "/", "POST", **make(a="1"))).status == 403
        file = multipart(("csrf_token", "token.txt", TOKEN.encode()))  # a file is no field
        assert (await call(app, "/", "POST", **file)).status == 403


async def test_a_body_that_another_layer_has_streamed_is_an_error_and_no_hang() -> None:
    class Eats:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                async for _ in Request(scope, receive).stream():
                    pass
            await self.app(scope, receive, send)

    app = Lilya(routes=list(ROUTES), middleware=[Eats, LAYER])
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await call(app, "/", "POST", **form(csrf_token=TOKEN))


async def test_a_form_is_answered_by_a_stream_which_its_reader_may_leave() -> None:
    closed: list[str] = []

    async def ticks() -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                await anyio.sleep(1)
        finally:
            closed.append("closed")

    async def stream(request: Request) -> StreamingResponse:
        await request.form()
        return StreamingResponse(ticks)

    app = Lilya(routes=[Path("/", stream, methods=["POST"])], middleware=[LAYER])
    sent = form(csrf_token=TOKEN)
    wire = Wire(request(sent["body"]))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, http_scope("/", "POST", headers=sent["headers"]), wire.receive, wire.send)
        await anyio.sleep(3.5)
        wire.put(GONE)
        await anyio.sleep(0.5)
        assert closed == ["closed"]
    assert wire.body == b"tick" * 4


@pytest.mark.parametrize("kind", ["form", "multipart"])
async def test_it_ends_cleanly_wherever_the_client_leaves_or_it_is_cancelled(kind: str) -> None:
    sent = (
        form(a="1", csrf_token=TOKEN)
        if kind == "form"
        else multipart(("a", "", b"1"), ("csrf_token", "", TOKEN.encode()))
    )
    messages = pieces_of(sent["body"], 40)

    def ours() -> Any:
        return app_with(), http_scope("/", "POST", headers=sent["headers"])

    def alone() -> Any:
        return CSRFMiddleware(raw_body, SECRET), http_scope("/", "POST", headers=sent["headers"])

    for make in (ours, alone):
        assert await disconnect_everywhere(make, messages) > len(messages)
        assert await cancel_everywhere(make, messages) > len(messages)


async def test_the_disconnect_reaches_an_application_that_waits_for_it() -> None:
    seen: list[str] = []

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.append("piece")
        seen.append(message["type"])

    sent = form(csrf_token=TOKEN)
    exchange = ScriptedExchange(
        CSRFMiddleware(waits, SECRET), http_scope("/", "POST", headers=sent["headers"]), [request(sent["body"]), GONE]
    )
    await exchange.run()
    assert seen == ["piece", "http.disconnect"]


# -- how it is built -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"secret": ""},
        {"secret": []},
        {"secret": ["a", ""]},
        {"secret": Secret("")},
        {"secret": "s", "samesite": "loose"},
        {"secret": "s", "cookie_name": "a b"},
        {"secret": "s", "cookie_name": "__Host-t"},
        {"secret": "s", "safe_methods": "GET"},
        {"secret": "s", "trusted_origins": "https://a.test"},
        {"secret": "s", "trusted_origins": ["a.test"]},
        {"secret": "s", "trusted_origins": ["https://a.test/"]},
    ],
)
def test_what_cannot_work_is_told_when_it_is_built(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        CSRFMiddleware(PlainText(""), **options)


async def test_other_methods_may_be_safe_and_the_cookie_may_be_another() -> None:
    app = app_with(
        safe_methods=["delete"],
        cookie_name="__Host-t",
        secure=True,
        httponly=True,
        samesite="strict",
        header_name="X-T",
    )
    answer = await call(app, "/", "DELETE")
    assert answer.status == 200
    cookie, _, attributes = answer.headers["set-cookie"].partition("; ")
    assert attributes == "HttpOnly; Path=/; SameSite=strict; Secure"
    token = cookie.removeprefix("__Host-t=")
    assert (await call(app, "/", "POST", headers=headers(cookie=f"__Host-t={token}", x_t=token))).status == 200
    assert (await call(app, "/", "GET")).status == 403


async def test_a_lifespan_passes() -> None:
    async with anyio.create_task_group() as tasks:
        seen: list[str] = []

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["type"])

        tasks.start_soon(CSRFMiddleware(inside, SECRET), {"type": "lifespan"}, Wire().receive, Wire().send)
    assert seen == ["lifespan"]
