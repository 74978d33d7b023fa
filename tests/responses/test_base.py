"""Responses with a body: what they send, by default and when told otherwise."""

from __future__ import annotations

import dataclasses
import datetime
import math
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.apps import Lilya
from lilya.background import Task
from lilya.datastructures import URL, Header
from lilya.exceptions import ClientDisconnect
from lilya.responses import Error, HTMLResponse, JSONResponse, Ok, PlainText, RedirectResponse, Response
from lilya.routing import Path, WebSocketPath
from lilya.types import ASGIApp, Message
from lilya.websockets import WebSocket
from tests.support.wire import CONNECT, GONE, Wire, http_scope, request, websocket_scope

Pairs = list[tuple[bytes, bytes]]


async def send(response: ASGIApp, method: str = "GET", **scope: Any) -> Wire:
    """What a server gets of it."""
    wire = Wire(request())
    await response(http_scope(method=method, **scope), wire.receive, wire.send)
    return wire


def headers_of(wire: Wire) -> Pairs:
    headers: Pairs = wire.sent[0]["headers"]
    return headers


# -- the body -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Point:
    x: int
    y: int


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, b""),
        ("", b""),
        ("grüße", "grüße".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abc")[1:], b"bc"),
        ({"a": 1}, b'{"a":1}'),
        ([1, "ä"], '[1,"ä"]'.encode()),
        (Point(1, 2), b'{"x":1,"y":2}'),
        (datetime.date(2024, 2, 29), b"2024-02-29"),
        (1.5, b"1.5"),
    ],
)
async def test_content_becomes_bytes(content: Any, body: bytes) -> None:
    wire = await send(Response(content))
    assert wire.sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]},
        {"type": "http.response.body", "body": body},
    ]


async def test_another_charset_is_that_of_the_body_and_of_the_header() -> None:
    class Latin(PlainText):
        charset = "latin-1"

    wire = await send(Latin("grüße"))
    assert wire.body == "grüße".encode("latin-1")
    assert (b"content-type", b"text/plain; charset=latin-1") in headers_of(wire)


async def test_make_response_can_be_overridden_for_a_format_of_ones_own() -> None:
    class Shouting(Response):
        media_type = "text/x-shout"

        def make_response(self, content: Any) -> bytes:
            return str(content).upper().encode()

    wire = await send(Shouting("hello"))
    assert wire.body == b"HELLO"
    assert dict(headers_of(wire))[b"content-type"] == b"text/x-shout; charset=utf-8"


async def test_types_that_pass_through_are_left_as_they_are() -> None:
    class Raw(bytes):
        pass

    assert JSONResponse(b'{"raw": 1}').body == b'{"raw": 1}'
    assert JSONResponse(Raw(b"x"), passthrough_body_types=(Raw,)).body == b"x"
    assert JSONResponse("x", passthrough_body_types=(Raw,)).body == b'"x"'
    assert isinstance(Response(Raw(b"x")).body, Raw)


class Angle:
    def __init__(self, degrees: int) -> None:
        self.degrees = degrees


class AngleEncoder:
    def is_type(self, value: Any) -> bool:
        return isinstance(value, Angle)

    def serialize(self, value: Angle) -> int:
        return value.degrees


async def test_encoders_given_to_a_response_are_its_own_and_may_be_classes() -> None:
    for encoder in (AngleEncoder, AngleEncoder()):
        response = JSONResponse({"a": [Angle(90)]}, encoders=[encoder])
        assert response.body == b'{"a":[90]}'
        assert Response([Angle(45)], encoders=[encoder]).body == b"[45]"
        assert [type(each) for each in response.encoders] == [AngleEncoder]
    with pytest.raises(ValueError, match="Angle"):
        JSONResponse(Angle(90))


@pytest.mark.parametrize("status", [100, 101, 103, 199, 204, 304])
async def test_an_answer_that_has_no_content_sends_none_and_no_length_of_it(status: int) -> None:
    for response in (
        Response("content", status_code=status),
        PlainText("content", status_code=status, headers={"content-length": "7"}),
        JSONResponse({"a": 1}, status_code=status),
    ):
        wire = await send(response)
        assert headers_of(wire) == []
        assert wire.sent[1] == {"type": "http.response.body", "body": b""}


async def test_an_answer_without_content_keeps_the_headers_it_is_given() -> None:
    wire = await send(Response(status_code=304, headers={"ETag": '"x"', "Content-Length": "7", "Vary": "accept"}))
    assert headers_of(wire) == [(b"etag", b'"x"'), (b"vary", b"accept")]


async def test_205_and_empty_answers_say_that_they_are_empty() -> None:
    for status in (200, 205, 404):
        assert headers_of(await send(Response(status_code=status))) == [(b"content-length", b"0")]


async def test_head_is_answered_with_the_headers_of_get() -> None:
    wire = await send(PlainText("hello"), "HEAD")
    assert headers_of(wire) == headers_of(await send(PlainText("hello")))
    assert wire.sent[1] == {"type": "http.response.body", "body": b""}


async def test_options_is_answered_like_get() -> None:
    assert (await send(PlainText("hello"), "OPTIONS")).body == b"hello"


@given(st.integers(0, 10_000))
def test_the_length_is_right_whatever_it_is(length: int) -> None:
    assert Response(b"x" * length).raw_headers == [(b"content-length", str(length).encode())]


# -- content that is awaited --------------------------------------------------------------------------------------


async def soon(value: Any) -> Any:
    await anyio.sleep(1)
    return value


async def test_awaitable_content_is_awaited_when_it_is_sent() -> None:
    response = JSONResponse(soon({"a": 1}))
    assert response.body == b""
    wire = await send(response)
    assert wire.body == b'{"a":1}'
    assert dict(headers_of(wire))[b"content-length"] == b"7"


async def test_awaitable_content_may_be_awaited_before() -> None:
    response = PlainText(soon("text"), headers={"content-length": "99", "x": "y"})
    assert "content-length" in response.headers
    await response.resolve_async_content()
    assert response.body == b"text"
    assert response.headers["content-length"] == "4"
    await response.resolve_async_content()  # nothing more to await
    assert (await send(response)).body == b"text"


async def test_headers_looked_at_before_the_content_is_there_do_not_guess_its_length() -> None:
    response = PlainText(soon("text"))
    response.headers["x-a"] = "b"
    assert "content-length" not in response.headers
    assert sorted(headers_of(await send(response))) == [
        (b"content-length", b"4"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-a", b"b"),
    ]


async def test_a_failure_of_awaited_content_comes_before_the_start() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    wire = Wire(request())
    with pytest.raises(ZeroDivisionError):
        await Response(fails())(http_scope(), wire.receive, wire.send)
    assert wire.sent == []


# -- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "content_type"),
    [
        (Response("x"), None),
        (PlainText("x"), b"text/plain; charset=utf-8"),
        (HTMLResponse("x"), b"text/html; charset=utf-8"),
        (JSONResponse("x"), b"application/json"),
        (Ok("x"), b"application/json"),
        (Response("x", media_type="text/css"), b"text/css; charset=utf-8"),
        (Response("x", media_type="text/css; charset=ascii"), b"text/css; charset=ascii"),
        (Response("x", media_type="image/png"), b"image/png"),
        (PlainText("x", headers={"Content-Type": "text/x-mine"}), b"text/x-mine"),
        (RedirectResponse("/"), None),
    ],
)
async def test_the_content_type_comes_from_the_media_type_where_headers_do_not_say(
    response: Response, content_type: bytes | None
) -> None:
    pairs = headers_of(await send(response))
    assert [value for name, value in pairs if name == b"content-type"] == ([content_type] if content_type else [])


async def test_given_headers_go_out_in_lower_case_and_repeated_ones_stay_repeated() -> None:
    response = Response(b"ab", headers=[("X-A", "1"), ("x-b", "2"), ("x-a", "3")])
    assert headers_of(await send(response)) == [
        (b"content-length", b"2"),
        (b"x-a", b"1"),
        (b"x-b", b"2"),
        (b"x-a", b"3"),
    ]


async def test_a_given_length_is_believed() -> None:
    assert headers_of(await send(Response(b"ab", headers={"content-length": "99"}))) == [(b"content-length", b"99")]


def test_the_headers_of_the_caller_are_never_changed() -> None:
    given = {"x-a": "1"}
    header = Header(given)
    for headers in (given, header):
        response = PlainText("x", headers=headers)
        response.headers["x-b"] = "2"
        response.set_cookie("a", "b")
    assert given == {"x-a": "1"}
    assert header == Header({"x-a": "1"})


def test_headers_can_be_read_and_changed_until_the_response_is_sent() -> None:
    response = PlainText("hello")
    assert response.headers["content-length"] == "5"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    response.headers["content-type"] = "text/markdown"
    del response.headers["content-length"]
    response.headers.add("x-a", "1")
    assert response.headers is response.headers
    assert (b"content-type", b"text/markdown") in response.raw_headers
    assert response.encoded_headers == response.raw_headers
    assert response.message() == {"type": "http.response.start", "status": 200, "headers": response.raw_headers}
    assert response.message("websocket.")["type"] == "websocket.http.response.start"


@pytest.mark.parametrize("evil", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\x00b", "a\x7fb", "snow ☃"])
def test_nothing_can_be_smuggled_into_a_header(evil: str) -> None:
    response = PlainText("x")
    for smuggle in (
        lambda: Response(headers={"x-a": evil}),
        lambda: Response(headers=[("x-a", evil)]),
        lambda: Response(headers={f"x{evil}": "a"}),
        lambda: Response("x", media_type=f"text/{evil}"),
        lambda: Response("x", media_type=evil),
        lambda: response.headers.add("x-a", evil),
        lambda: response.headers.update({"x-a": evil}),
        lambda: response.set_cookie(evil, "a"),
        lambda: response.set_cookie("a", "b", path=evil),
        lambda: response.set_cookie("a", "b", domain=evil),
    ):
        with pytest.raises(ValueError, match=r"\S"):
            smuggle()
    response.set_cookie("a", evil)  # a value is escaped
    for url in (f"/{evil}", f"http://{evil}/"):
        (location,) = [value for name, value in RedirectResponse(url).raw_headers if name == b"location"]
        assert not {0x0D, 0x0A, 0x00, 0x7F} & set(location)
    assert not {0x0D, 0x0A, 0x00} & set(b"".join(name + value for name, value in response.raw_headers))


# -- cookies ------------------------------------------------------------------------------------------------------


def cookies_of(response: Response) -> list[bytes]:
    return [value for name, value in response.raw_headers if name == b"set-cookie"]


def test_cookies_are_appended_in_order() -> None:
    response = PlainText("x", cookies={"a": "1", "b": "2"})
    response.set_cookie("a", "3", path=None, samesite=None)
    assert cookies_of(response) == [b"a=1; Path=/; SameSite=lax", b"b=2; Path=/; SameSite=lax", b"a=3"]


def test_a_cookie_has_the_attributes_it_is_given() -> None:
    response = Response()
    response.set_cookie(
        "a",
        "x y",
        max_age=10,
        expires=datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC),
        path="/p",
        domain="example.org",
        secure=True,
        httponly=True,
        samesite="none",
        partitioned=True,
    )
    assert cookies_of(response) == [
        b'a="x y"; Domain=example.org; expires=Thu, 29 Feb 2024 12:00:00 GMT; HttpOnly; Max-Age=10; Partitioned; '
        b"Path=/p; SameSite=none; Secure"
    ]


def test_a_deleted_cookie_is_over() -> None:
    response = Response()
    response.delete_cookie("a", path="/p", domain="example.org", secure=True, httponly=True, samesite="strict")
    (cookie,) = cookies_of(response)
    assert cookie.startswith(b'a=""; ')
    assert b"Max-Age=0" in cookie
    for part in (b"expires=", b"Path=/p", b"Domain=example.org", b"Secure", b"HttpOnly", b"SameSite=strict"):
        assert part in cookie


def test_a_wrong_samesite_is_an_assertion_error_as_documented() -> None:
    with pytest.raises(AssertionError, match="samesite"):
        Response().set_cookie("a", samesite="weird")


# -- kinds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (Response(), 200),
        (Ok({}), 200),
        (Error("failed"), 500),
        (Error("failed", status_code=503), 503),
        (RedirectResponse("/"), 307),
        (RedirectResponse("/", status_code=303), 303),
        (PlainText("x", status_code=201), 201),
    ],
)
async def test_the_status_is_the_classs_own_unless_it_is_given(response: Response, status: int) -> None:
    assert response.status_code == status
    assert (await send(response)).status == status


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, b"null"),
        ({}, b"{}"),
        ("", b'""'),
        ({"ä": [1, 2.5, True, None]}, '{"ä":[1,2.5,true,null]}'.encode()),
        (Point(1, 2), b'{"x":1,"y":2}'),
    ],
)
def test_json_is_compact_and_keeps_what_is_not_ascii(content: Any, body: bytes) -> None:
    assert JSONResponse(content).body == body


@pytest.mark.parametrize("content", [math.nan, math.inf, [-math.inf], {"a": math.nan}, object(), {"a": {1, object()}}])
def test_what_json_cannot_say_is_a_value_error(content: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        JSONResponse(content)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/a/b", b"/a/b"),
        ("https://example.org/a?b=c&d=e#f", b"https://example.org/a?b=c&d=e#f"),
        (URL("https://example.org/a"), b"https://example.org/a"),
        ("/grüße heute", b"/gr%C3%BC%C3%9Fe%20heute"),
        ("/already%20quoted", b"/already%20quoted"),
        ("//[::1]:80/a;b,c", b"//[::1]:80/a;b,c"),
        ("/a\r\nset-cookie: x", b"/a%0D%0Aset-cookie:%20x"),
        ('/<script>"', b"/%3Cscript%3E%22"),
    ],
)
async def test_a_redirect_quotes_where_it_leads_and_has_no_body(url: Any, location: bytes) -> None:
    wire = await send(RedirectResponse(url, headers={"x-a": "b"}))
    assert dict(headers_of(wire)) == {b"content-length": b"0", b"location": location, b"x-a": b"b"}
    assert wire.body == b""


def test_a_response_says_what_it_is() -> None:
    assert repr(Response()) == "Response(media_type=None, status_code=200, charset=utf-8)"
    assert repr(Error("x")) == "Error(media_type=text/html, status_code=500, charset=utf-8)"


# -- sending ------------------------------------------------------------------------------------------------------


async def test_a_response_can_be_sent_again() -> None:
    response = PlainText("x", cookies={"a": "b"})
    assert (await send(response)).sent == (await send(response)).sent


async def test_a_client_that_is_known_to_be_gone_is_reported_to_who_sends() -> None:
    reported: list[str] = []

    class Raw:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            with pytest.raises(ClientDisconnect) as caught:
                await PlainText("x")(scope, receive, send)
            reported.append(str(caught.value))

    wire = Wire(request(), GONE)
    await Lilya(routes=[Path("/", Raw())])(http_scope(), wire.receive, wire.send)
    assert reported == ["the client left before the response was complete"]
    assert wire.sent == []


async def test_on_a_websocket_it_is_a_denial_response() -> None:
    log: list[str] = []

    async def work() -> None:
        log.append("ran")

    async def handler(websocket: WebSocket) -> None:
        denial = PlainText("not you", status_code=403, background=Task(work))
        await denial(websocket.scope, websocket.receive, websocket.send)

    wire = Wire(CONNECT)
    scope = websocket_scope(extensions={"websocket.http.response": {}})
    await Lilya(routes=[WebSocketPath("/", handler)])(scope, wire.receive, wire.send)
    expected: list[Message] = [
        {
            "type": "websocket.http.response.start",
            "status": 403,
            "headers": [(b"content-length", b"7"), (b"content-type", b"text/plain; charset=utf-8")],
        },
        {"type": "websocket.http.response.body", "body": b"not you"},
    ]
    assert wire.sent == expected
    assert log == ["ran"]


# -- answers about another content ----------------------------------------------------------------------------------

OF_A_CONTENT = {
    "content-type": "text/html",
    "content-language": "de",
    "content-encoding": "gzip",
    "content-length": "99",
    "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
}
OF_A_CACHE = {"content-location": "/x", "expires": "0", "cache-control": "no-cache", "etag": '"1"', "vary": "Accept"}


def test_a_304_says_nothing_of_the_content_it_does_not_carry_but_what_caches_need() -> None:
    response = Response(b"never sent", status_code=304, headers=OF_A_CONTENT | OF_A_CACHE)
    assert dict(response.raw_headers) == {name.encode(): value.encode() for name, value in OF_A_CACHE.items()}


def test_a_304_without_an_etag_tells_the_time() -> None:
    response = Response(status_code=304, headers=OF_A_CONTENT)
    assert [name for name, _ in response.raw_headers] == [b"last-modified"]


def test_a_412_describes_only_the_text_that_says_why() -> None:
    empty = Response(status_code=412, headers=OF_A_CONTENT | OF_A_CACHE)
    assert dict(empty.raw_headers) == {
        b"content-length": b"0",
        **{name.encode(): value.encode() for name, value in OF_A_CACHE.items()},
    }
    told = dict(PlainText("too late", status_code=412, headers={"content-language": "de"}).raw_headers)
    assert told == {b"content-length": b"8", b"content-type": b"text/plain; charset=utf-8"}
    own = dict(Response("<p>", status_code=412, headers={"content-type": "text/html"}).raw_headers)
    assert own == {b"content-length": b"3", b"content-type": b"text/html"}


# -- what the bytes say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", b"image/png"),
        (b"hello", b"text/plain; charset=utf-8"),
        (b"\0", b"application/octet-stream"),
    ],
)
def test_the_first_bytes_may_say_what_the_body_is(body: bytes, media_type: bytes) -> None:
    assert dict(Response(body, deduce_media_type_from_body=True).raw_headers)[b"content-type"] == media_type
    assert b"content-type" not in dict(Response(body).raw_headers)
    given = Response(body, media_type="a/b", deduce_media_type_from_body=True)
    assert dict(given.raw_headers)[b"content-type"] == b"a/b"


async def test_so_they_may_of_a_body_that_is_awaited() -> None:
    async def content() -> bytes:
        return b"\x89PNG\r\n\x1a\n"

    response = Response(content(), deduce_media_type_from_body=True)
    await response.resolve_async_content()
    assert response.headers["content-type"] == "image/png"
