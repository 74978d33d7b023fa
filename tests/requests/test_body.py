"""The body of a request: read whole, in pieces, as text, as JSON, by several, and when it is wrong."""

from __future__ import annotations

import encodings.aliases
import json
import sys
from contextlib import suppress
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.apps import Lilya
from lilya.exceptions import BadRequest, ClientDisconnect, ContinueRouting
from lilya.requests import Request
from lilya.responses import JSONResponse, PlainText
from lilya.routing import Include, Path
from lilya.types import ASGIApp, Message, Receive, Scope, Send
from tests.support.wire import GONE, Wire, http_scope, request


def request_of(*messages: Message, content_type: str = "", **scope: Any) -> Request:
    headers = [(b"content-type", content_type.encode("latin-1"))] if content_type else []
    return Request(http_scope(method="POST", headers=headers, **scope), Wire(*messages).receive)


# -- whole and in pieces ------------------------------------------------------------------------------------------


async def test_body_joins_the_pieces_and_is_kept() -> None:
    asked = request_of(request(b"a", True), request(b"", True), request(b"b"))
    assert await asked.body() == b"ab"
    assert await asked.body() == b"ab"
    assert await asked.text() == "ab"
    assert [piece async for piece in asked.stream()] == [b"ab", b""]


async def test_stream_gives_the_pieces_as_they_come_then_an_empty_one() -> None:
    asked = request_of(request(b"a", True), request(b"", True), request(b"b"))
    assert [piece async for piece in asked.stream()] == [b"a", b"b", b""]
    for read in (asked.body, asked.text, asked.json):
        with pytest.raises(RuntimeError, match="Stream consumed"):
            await read()
    with pytest.raises(RuntimeError, match="Stream consumed"):
        asked.stream()


async def test_a_stream_left_half_way_leaves_the_rest_unread() -> None:
    wire = Wire(request(b"a", True), request(b"b"))
    async for piece in Request(http_scope(), wire.receive).stream():
        assert piece == b"a"
        break
    assert wire.received == 1


async def test_a_client_that_leaves_is_reported_by_every_way_to_read() -> None:
    for read in (Request.body, Request.text, Request.json):
        with pytest.raises(ClientDisconnect, match="before the request body was complete"):
            await read(request_of(request(b"a", True), GONE))
    stream = request_of(request(b"a", True), GONE).stream()
    assert await anext(stream) == b"a"
    with pytest.raises(ClientDisconnect):
        await anext(stream)


async def test_two_tasks_that_read_the_body_at_once_both_get_it() -> None:
    wire = Wire()
    asked = Request(http_scope(), wire.receive)
    got: list[bytes] = []

    async def read() -> None:
        got.append(await asked.body())

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(read)
        await anyio.sleep(1)
        wire.put(request(b"1", True), request(b"2"))
    assert got == [b"12"] * 3
    assert wire.most_readers == 1


async def test_a_request_without_receive_or_send_says_so() -> None:
    asked = Request(http_scope())
    with pytest.raises(RuntimeError, match="made without `receive`"):
        await asked.body()
    with pytest.raises(RuntimeError, match="made without `send`"):
        await asked.send({"type": "http.response.start"})


def test_a_request_is_made_of_http_only() -> None:
    for kind in ("websocket", "lifespan"):
        with pytest.raises(AssertionError, match=f"'http', not '{kind}'"):
            Request({"type": kind})


async def test_receive_and_send_are_those_of_the_connection() -> None:
    wire = Wire(request(b"a", True), request(b"b"), GONE)
    asked = Request(http_scope(), wire.receive, wire.send)
    assert [await asked.receive() for _ in range(3)] == [request(b"a", True), request(b"b"), GONE]
    await asked.send({"type": "http.response.start", "status": 200, "headers": []})
    assert wire.types == ["http.response.start"]


async def test_receive_gives_the_kept_body_once_more() -> None:
    asked = request_of(request(b"a", True), request(b"b"), GONE)
    await asked.body()
    assert await asked.receive() == request(b"ab")
    assert await asked.receive() == GONE


# -- text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", "grüße".encode(), "grüße"),
        ("text/plain", "grüße".encode(), "grüße"),
        ("text/plain; charset=latin-1", "grüße".encode("latin-1"), "grüße"),
        ('text/plain; charset="UTF-16"', "grüße".encode("utf-16"), "grüße"),
        ("text/plain; charset=", "grüße".encode(), "grüße"),
        ("text/plain; charset=utf-8; charset=latin-1", "grüße".encode(), "grüße"),
        ("; charset=latin-1", "grüße".encode("latin-1"), "grüße"),
    ],
)
async def test_text_is_read_in_the_charset_the_request_declares(content_type: str, body: bytes, text: str) -> None:
    assert await request_of(request(body), content_type=content_type).text() == text


async def test_text_that_is_none_in_its_charset_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="not valid utf-8: invalid start byte at byte 3"):
        await request_of(request(b"abc\xff")).text()
    with pytest.raises(BadRequest, match="not valid ascii: ordinal not in range"):
        await request_of(request(b"\xe9"), content_type="text/plain; charset=ascii").text()


@pytest.mark.parametrize(
    "charset", ["nope", "hex", "rot13", "base64", "undefined", "unicode_escape", "utf\x00", "a" * 10_000, "../x", "ü"]
)
async def test_an_unknown_charset_is_a_bad_request_whatever_it_is(charset: str) -> None:
    asked = request_of(request(b"a..b\xff"), content_type=f"text/plain; charset={charset}")
    with pytest.raises(BadRequest):
        await asked.text()
    assert await asked.body() == b"a..b\xff"  # and nothing is lost


CODECS = sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values(), "undefined", "idna", "punycode"})


@given(
    charset=st.sampled_from(CODECS) | st.text(st.characters(max_codepoint=255), max_size=20),
    body=st.binary(max_size=20) | st.text("a.-\\u+&", max_size=20).map(str.encode),
)
async def test_no_charset_and_no_body_is_more_than_a_bad_request(charset: str, body: bytes) -> None:
    with suppress(BadRequest):
        assert isinstance(await request_of(request(body), content_type=f"text/plain; charset={charset}").text(), str)


# -- JSON ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", None),
        (b"null", None),
        (b' {"a": [1, 2.5, "\xc3\xa4", true]} ', {"a": [1, 2.5, "ä", True]}),
        (b"\xef\xbb\xbf[1]", [1]),  # a byte order mark may be passed over (RFC 8259, section 8.1)
        (b'"\\ud83d\\ude00"', "😀"),
        (b"0", 0),
        (b"9" * 4000, int("9" * 4000)),
    ],
)
async def test_json_is_read_whatever_the_content_type_and_an_empty_body_is_none(body: bytes, value: Any) -> None:
    assert await request_of(request(body)).json() == value
    assert await request_of(request(body), content_type="text/plain; charset=latin-1").json() == value


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{", "not JSON: Expecting property name"),
        (b"[1,]", "not JSON: "),
        (b"[1] x", "not JSON: Extra data"),
        (b" ", "not JSON: Expecting value"),
        (b"'a'", "not JSON: Expecting value"),
        (b'"\x00"', "not JSON: Invalid control character"),
        (b'"\xff"', "not JSON: invalid start byte at byte 1"),
        (b'"\xed\xa0\x80"', "not JSON: invalid continuation byte at byte 1"),  # a surrogate is no character
        (json.dumps("a").encode("utf-16"), "not JSON: "),
        (b"[" * 100_000, "too deeply nested"),
        (b'{"a":' * 100_000, "too deeply nested"),
        (b"9" * 5000, "a number is too long"),
        (b"-" + b"9" * 5000, "a number is too long"),
        (b"NaN", "NaN is no number"),
        (b'{"a": [Infinity]}', "Infinity is no number"),
        (b"-Infinity", "-Infinity is no number"),
    ],
    ids=repr if sys.flags.verbose else None,
)
async def test_what_is_no_json_is_a_bad_request_that_says_why(body: bytes, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        await request_of(request(body)).json()


@given(st.binary(max_size=50) | st.text("[]{}\"'\\,:0123456789eE+-.truefalsn NI", max_size=50).map(str.encode))
async def test_no_body_is_more_than_a_bad_request_as_json(body: bytes) -> None:
    with suppress(BadRequest):
        json.dumps(await request_of(request(body)).json())


async def test_a_malformed_body_is_answered_with_400_and_text() -> None:
    async def handler(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    app = Lilya(routes=[Path("/", handler, methods=["POST"])])
    for body in (b"{", b"\xff", b"[" * 100_000, b"9" * 5000, b"NaN"):
        wire = Wire(request(body))
        await app(http_scope(method="POST"), wire.receive, wire.send)
        assert wire.status == 400
        assert b"The body is not JSON" in wire.body


# -- what the headers say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "content_type", "charset", "is_json", "is_form"),
    [
        ("", "", "utf-8", False, False),
        ("application/json", "application/json", "utf-8", True, False),
        ("Application/JSON; Charset=Latin-1", "application/json", "Latin-1", True, False),
        ("application/problem+json", "application/problem+json", "utf-8", False, False),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded", "utf-8", False, True),
        ("multipart/form-data; boundary=x", "multipart/form-data", "utf-8", False, True),
        (";;;", "", "utf-8", False, False),
        ('text/plain; charset="', "text/plain", "utf-8", False, False),
        ("\xff\xfe; \xfd=\xfc", "\xff\xfe", "utf-8", False, False),
    ],
)
def test_content_type_charset_and_kind_are_read_from_any_header(
    field: str, content_type: str, charset: str, is_json: bool, is_form: bool
) -> None:
    asked = request_of(content_type=field)
    assert (asked.content_type, asked.charset, asked.is_json, asked.is_form) == (
        content_type,
        charset,
        is_json,
        is_form,
    )


# -- looking ahead ------------------------------------------------------------------------------------------------


async def test_sniff_shows_the_first_message_and_leaves_it_in_place() -> None:
    asked = request_of(request(b"a", True), request(b"b"))
    assert await asked.sniff() == (request(b"a", True), False)
    assert await asked.sniff() == (request(b"a", True), False)
    assert await asked.body() == b"ab"
    assert await asked.sniff() == (request(b"ab"), True)


@pytest.mark.parametrize(
    ("message", "whole"), [(request(b"a"), True), (request(b""), False), (request(b"", True), False), (GONE, False)]
)
async def test_sniff_tells_whether_it_is_the_whole_body_and_not_empty(message: Message, whole: bool) -> None:
    assert await request_of(message).sniff() == (message, whole)


async def test_a_route_that_sniffs_and_declines_hands_the_whole_body_on() -> None:
    async def picky(request: Request) -> None:
        _, whole = await request.sniff()
        assert whole
        raise ContinueRouting

    async def reads(request: Request) -> None:
        await request.body()
        raise ContinueRouting

    async def last(request: Request) -> PlainText:
        return PlainText(await request.body())

    app = Lilya(routes=[Path("/", each, methods=["POST"]) for each in (picky, reads, last)])
    wire = Wire(request(b"body"))
    await app(http_scope(method="POST"), wire.receive, wire.send)
    assert wire.body == b"body"


# -- shared by all who are handed it ------------------------------------------------------------------------------


def layer(look: Any) -> Any:
    """A middleware that looks at the request before, and after, the app further in."""

    class Layer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await look(self.app, scope, receive, send)

    return Layer


async def echo(request: Request) -> PlainText:
    return PlainText(await request.body())


async def serve(*layers: Any, messages: tuple[Message, ...] = (request(b"bo", True), request(b"dy"))) -> Wire:
    app = Lilya(routes=[Include("/", routes=[Path("/", echo, methods=["POST"])])], middleware=layers)
    wire = Wire(*messages)
    await app(http_scope(method="POST"), wire.receive, wire.send)
    return wire


async def test_a_middleware_and_the_handler_share_the_body() -> None:
    async def before(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        assert await Request(scope, receive).body() == b"body"
        await app(scope, receive, send)
        assert await Request(scope).body() == b"body"  # found by the scope alone

    assert (await serve(layer(before))).body == b"body"


async def test_a_middleware_may_read_the_body_after_the_handler_has() -> None:
    async def after(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        assert await Request(scope, receive).body() == b"body"

    assert (await serve(layer(after))).body == b"body"


async def test_a_raw_asgi_app_gets_the_body_a_middleware_has_read() -> None:
    async def raw(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await PlainText(message["body"])(scope, receive, send)

    class Raw:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await raw(scope, receive, send)

    async def before(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await app(scope, receive, send)

    app = Lilya(routes=[Path("/", Raw())], middleware=[layer(before)])
    wire = Wire(request(b"bo", True), request(b"dy"))
    await app(http_scope(method="POST"), wire.receive, wire.send)
    assert wire.body == b"body"


async def test_a_receive_that_a_middleware_has_wrapped_is_respected_and_shared_by_all_who_are_handed_it() -> None:
    async def shouting(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def shout() -> Message:
            message = await receive()
            return {**message, "body": message["body"].upper()}

        await app(scope, shout, send)
        assert await Request(scope, shout).body() == b"BODY"  # what the handler has read is not read once more

    async def looking(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        assert await Request(scope, receive).body() == b"BODY"
        await app(scope, receive, send)

    assert (await serve(layer(shouting))).body == b"BODY"
    assert (await serve(layer(shouting), layer(looking))).body == b"BODY"


async def test_a_body_that_a_middleware_has_read_can_be_given_on_changed() -> None:
    async def changing(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        messages = iter([request(body[::-1])])

        async def changed() -> Message:
            return next(messages, None) or await receive()

        await app(scope, changed, send)

    assert (await serve(layer(changing))).body == b"ydob"


async def test_a_wrapped_receive_hides_no_disconnect() -> None:
    told: list[float] = []

    async def wrapping(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped() -> Message:
            return await receive()

        await app(scope, wrapped, send)

    async def handler(request: Request) -> None:
        assert await request.body() == b"body"
        try:
            await anyio.sleep(10)
        finally:
            told.append(anyio.current_time())

    app = Lilya(routes=[Path("/", handler)], middleware=[layer(wrapping)])
    wire = Wire(request(b"body"), GONE)
    await app(http_scope(), wire.receive, wire.send)
    assert told == [0]


async def test_outside_an_application_all_requests_of_one_scope_and_receive_share_the_body() -> None:
    scope, wire = http_scope(), Wire(request(b"body"))
    assert await Request(scope, wire.receive).body() == b"body"
    assert await Request(scope, wire.receive).text() == "body"
