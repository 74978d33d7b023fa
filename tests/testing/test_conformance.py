from __future__ import annotations

import re
from typing import Any

import pytest

from lilya.testing.conformance import HTTPJudge, LifespanJudge, WebSocketJudge
from lilya.testing.exceptions import ASGISpecViolation

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body", "body": b""}
ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
DENIAL: dict[str, Any] = {"type": "websocket.http.response.start", "status": 403, "headers": []}
ALL = ("http.response.debug", "http.response.push", "http.response.trailers", "http.response.pathsend")


def start(**changes: Any) -> dict[str, Any]:
    return {**START, **changes}


@pytest.mark.parametrize(
    "messages",
    [
        [START, BODY],
        [start(headers=[(b"content-length", b"2")]), {**BODY, "body": b"o", "more_body": True}, {**BODY, "body": b"k"}],
        [start(headers=((b"a", b"b"),)), {**BODY, "more_body": True}, BODY],
        [{"type": "http.response.debug", "info": {}}, START, BODY],
        [{"type": "http.response.push", "path": "/", "headers": []}, START, BODY],
        [START, {"type": "http.response.pathsend", "path": "/x"}],
        [start(trailers=True), BODY, {"type": "http.response.trailers", "headers": [(b"a", b"b")]}],
    ],
)
def test_a_good_response_passes(messages: list[dict[str, Any]]) -> None:
    judge = HTTPJudge(ALL)
    for message in messages:
        judge.sent(message)
    judge.returned()
    assert judge.done


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (["text"], "wants a dict"),
        ([{}], "wants a dict"),
        ([{"type": 1}], "wants a dict"),
        ([{"type": "http.response.nonsense"}], "cannot be sent now; expected 'http.response.start'"),
        ([BODY], "expected 'http.response.start'"),
        ([START, START], "expected 'http.response.body'"),
        ([START, BODY, BODY], "expected nothing more"),
        ([start(status="200")], "int from 200 to 599, got '200'"),
        ([start(status=True)], "got True"),
        ([start(status=100)], "got 100"),
        ([{"type": "http.response.start"}], "got None"),
        ([start(headers=None)], "pairs"),
        ([start(headers=[b"a"])], "pairs"),
        ([start(headers=[("a", b"b")])], "bytes"),
        ([start(headers=[(b"a", "b")])], "bytes"),
        ([start(headers=[(b"a b", b"c")])], "no header name"),
        ([start(headers=[(b"", b"c")])], "no header name"),
        ([start(headers=[(b"a", b"b\r\nc: d")])], "line break"),
        ([start(headers=[(b"a", b"b\x00")])], "line break"),
        ([start(headers=[(b"content-length", b"two")])], "digits"),
        ([start(headers=[(b"Content-Length", b"2")])], "in lower case, got b'Content-Length'"),
        ([START, {**BODY, "body": "text"}], "'body' wants bytes, got str 'text': encode it first"),
        ([START, {**BODY, "body": None}], "'body' wants bytes, got NoneType"),
        ([start(headers=[(b"content-length", b"1")]), {**BODY, "body": b"ab"}], "announced 1 bytes, the body has 2"),
        ([start(headers=[(b"content-length", b"3")]), {**BODY, "body": b"ab"}], "announced 3 bytes, the body has 2"),
        ([START, {"type": "http.response.pathsend"}], "'path' wants str"),
        ([start(trailers=True), BODY, {"type": "http.response.trailers", "headers": [(b"a", 1)]}], "bytes"),
    ],
)
def test_a_faulty_response_is_named(messages: list[Any], complaint: str) -> None:
    judge = HTTPJudge(ALL)
    for message in messages[:-1]:
        judge.sent(message)
    with pytest.raises(ASGISpecViolation, match=re.escape(complaint)):
        judge.sent(messages[-1])


def test_a_response_to_head_need_not_have_the_length_it_announces() -> None:
    judge = HTTPJudge(bodiless=True)
    judge.sent(start(headers=[(b"content-length", b"2")]))
    judge.sent(BODY)
    assert judge.done


@pytest.mark.parametrize(
    "message", [{"type": "http.response.push", "path": "/"}, start(trailers=True)], ids=["push", "trailers"]
)
def test_an_extension_that_is_not_offered_may_not_be_used(message: dict[str, Any]) -> None:
    with pytest.raises(ASGISpecViolation, match="offer"):
        HTTPJudge().sent(message)


@pytest.mark.parametrize("sent", [[], [START], [START, {**BODY, "more_body": True}]])
def test_returning_without_a_whole_response_is_named(sent: list[dict[str, Any]]) -> None:
    judge = HTTPJudge()
    for message in sent:
        judge.sent(message)
    with pytest.raises(ASGISpecViolation, match="still owes"):
        judge.returned()


def test_without_strictness_only_the_order_is_judged() -> None:
    judge = HTTPJudge(strict=False)
    judge.sent(start(status="200", headers=[("a", "b\n")]))
    with pytest.raises(ASGISpecViolation):
        judge.sent(START)
    judge.returned()


@pytest.mark.parametrize(
    "messages",
    [
        [ACCEPT, {"type": "websocket.send", "text": ""}, {"type": "websocket.send", "bytes": b"a", "text": None}],
        [{**ACCEPT, "subprotocol": "chat", "headers": [(b"a", b"b")]}, {"type": "websocket.close", "code": 4999}],
        [{"type": "websocket.close", "code": 403}],
        [DENIAL, {"type": "websocket.http.response.body", "body": b"no"}],
    ],
)
def test_a_good_websocket_passes(messages: list[dict[str, Any]]) -> None:
    judge = WebSocketJudge({"websocket.http.response"}, subprotocols=["chat"])
    for message in messages:
        judge.sent(message)
    judge.returned()


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([{"type": "websocket.send", "text": "a"}], "expected 'websocket.accept'"),
        ([ACCEPT, ACCEPT], "cannot be sent now"),
        ([{**ACCEPT, "subprotocol": "x"}], "'x' was accepted, the client offered ['chat']"),
        ([{**ACCEPT, "headers": [(b"sec-websocket-protocol", b"chat")]}], "'subprotocol'"),
        ([ACCEPT, {"type": "websocket.send"}], "got neither"),
        ([ACCEPT, {"type": "websocket.send", "text": b"a"}], "'text' wants str"),
        ([ACCEPT, {"type": "websocket.send", "bytes": "a"}], "'bytes' wants bytes"),
        ([ACCEPT, {"type": "websocket.close", "code": 500}], "500 is no close code"),
        ([ACCEPT, {"type": "websocket.close", "code": "1000"}], "'1000' is no close code"),
        ([ACCEPT, {"type": "websocket.close", "code": 1006}], "1006 is no close code"),
        ([ACCEPT, {"type": "websocket.close", "reason": "é" * 62}], "124 bytes of UTF-8"),
        ([ACCEPT, {"type": "websocket.close", "reason": b"no"}], "'reason' wants str"),
        ([ACCEPT, {"type": "websocket.close"}, {"type": "websocket.close"}], "expected nothing more"),
        ([{**DENIAL, "status": 0}], "from 200 to 599"),
        ([DENIAL, {"type": "websocket.http.response.body", "body": "no"}], "'body' wants bytes"),
    ],
)
def test_a_faulty_websocket_is_named(messages: list[Any], complaint: str) -> None:
    judge = WebSocketJudge({"websocket.http.response"}, subprotocols=["chat"])
    for message in messages[:-1]:
        judge.sent(message)
    with pytest.raises(ASGISpecViolation, match=re.escape(complaint)):
        judge.sent(messages[-1])


def test_returning_from_an_unanswered_handshake_is_named() -> None:
    with pytest.raises(ASGISpecViolation, match=r"still owes 'websocket\.accept'"):
        WebSocketJudge().returned()


def test_a_faulty_lifespan_is_named() -> None:
    judge = LifespanJudge()
    with pytest.raises(ASGISpecViolation, match="'message' wants str"):
        judge.sent({"type": "lifespan.startup.failed", "message": ValueError("x")})
    with pytest.raises(ASGISpecViolation, match="cannot be sent now"):
        judge.sent({"type": "lifespan.shutdown.complete"})
