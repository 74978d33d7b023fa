"""What no decent client sends: refused with a 4xx or by the end of the connection, never by 500, never by silence."""

from __future__ import annotations

import contextlib
import socket

import pytest
from wsproto.events import CloseConnection

from tests.e2e.whole import Whole
from tests.e2e.wire import HTTP, WebSocket

pytestmark = [pytest.mark.e2e]

HANG = 5.0  # seconds without an answer

REFUSED = range(400, 500)
ACCEPTABLE = range(200, 500)
CLOSED = "closed"


def sent(whole: Whole, data: bytes, *, then_close: bool = False) -> int | str:
    """The status of the answer to what was sent, or `CLOSED`."""
    with whole.process.connect() as sock:
        sock.settimeout(HANG)
        try:
            sock.sendall(data)
            if then_close:
                sock.shutdown(socket.SHUT_WR)
        except ConnectionError:
            return CLOSED
        answer = HTTP(sock).answer()
        return CLOSED if answer is None else answer.status


def request(target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = [method + b" " + target + b" HTTP/1.1", b"host: localhost", *lines]
    if body:
        head.append(b"content-length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def assert_unshaken(whole: Whole) -> None:
    """None of it was an error of ours. (A server may log one of its own: uvicorn does for text that is not UTF-8.)"""
    whole.is_well()
    log = whole.new_log()
    assert "/lilya/" not in log  # the files of a traceback
    assert "ERROR lilya" not in log


@pytest.mark.parametrize(
    "target",
    [
        b"/files/%",
        b"/files/%zz",
        b"/files/%ff%fe",
        b"/files/%00",
        b"/files/%c3%28",
        b"/files/a%2fb",
        b"/files/..%2f..%2f",
        b"/files/%0d%0ax-injected:%20yes",
        b"/under/%ff?q=%ff&=&&%=%zz;&q",
        b"//under//x//",
        b"/%5c..%5c",
        b"/items/99999999999999999999999999999999",
        b"/items/-0",
        b"/items/%D9%A3",
        b"/files/" + b"a" * 8000,
        b"/everything?" + b"a=1&" * 3000,
        b"/files/\xe9",
        b"*",
    ],
)
def test_a_strange_target_is_no_error(whole: Whole, target: bytes) -> None:
    whole.new_log()
    status = sent(whole, request(target))
    assert status == CLOSED or status in ACCEPTABLE
    assert_unshaken(whole)


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        (b"/items", b"application/json", b"{nope"),
        (b"/items", b"application/json", b'{"a": "\xff\xfe"}'),
        (b"/items", b"application/json", b"[" * 100_000),
        (b"/items", b"application/json", b"9" * 6000),
        (b"/items", b"application/json", b"\xff\xfe{\x00"),
        (b"/text", b"text/plain", b"\xff\xfe"),
        (b"/text", b"text/plain; charset=bogus", b"text"),
        (b"/text", b"text/plain; charset=base64", b"text"),
        (b"/form", b"multipart/form-data", b"--B--\r\n"),
        (b"/form", b"multipart/form-data; boundary=B", b"\x00\x01" * 100),
        (b"/form", b"multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-da"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(
    whole: Whole, path: bytes, content_type: bytes, body: bytes
) -> None:
    whole.new_log()
    assert sent(whole, request(path, b"content-type: " + content_type, method=b"POST", body=body)) in REFUSED
    assert_unshaken(whole)


@pytest.mark.parametrize(
    "line",
    [
        b"cookie: a=\xff\xfe; b; =c; d=1",
        b"content-type: \xff\xfe",
        b"content-type: text/plain; charset=\xff",
        b"accept: \xe9/\xff;q=x",
        b"x-latin: \xe9",
        b"host: \xff",
        b"host: a:b:c",
        b"authorization: Basic \xff\xff",
    ],
)
def test_header_bytes_that_are_not_ascii_are_no_error(whole: Whole, line: bytes) -> None:
    whole.new_log()
    status = sent(whole, request(b"/everything", line))
    assert status == CLOSED or status in ACCEPTABLE
    assert_unshaken(whole)


@pytest.mark.parametrize(
    "data",
    [
        b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: ten\r\n\r\n0123456789",
        b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n0123456789",
        b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n01234",
        b"POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
        b"POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
        b"POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nabc",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(whole: Whole, data: bytes) -> None:
    whole.new_log()
    status = sent(whole, data, then_close=True)
    assert status == CLOSED or status in REFUSED
    assert_unshaken(whole)


def test_a_body_shorter_than_it_says_never_counts_as_whole(whole: Whole) -> None:
    whole.new_log()
    id = whole.new_id()
    target = f"/length?id={id}".encode()
    short = request(target, b"content-length: 10", method=b"POST") + b"short"
    assert sent(whole, short, then_close=True) in (CLOSED, 400)
    assert whole.said("left", id)[2] == "ClientDisconnect"
    assert_unshaken(whole)


def test_a_body_longer_than_it_says_is_cut_and_the_rest_is_no_request(whole: Whole) -> None:
    whole.new_log()
    with whole.connect() as connection:
        connection.sock.settimeout(HANG)
        connection.sock.sendall(request(b"/length", b"content-length: 4", method=b"POST") + b"long and garbage\r\n\r\n")
        answer = connection.answer()
        assert answer is not None
        # A server may read on before the application answers, and then answer for it.
        assert (answer.status, answer.body) == (200, b'{"length":4}') or answer.status == 400
        try:
            rest = connection.sock.recv(65536)
        except ConnectionError:
            rest = b""
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400")
    assert_unshaken(whole)


def test_a_mountain_of_headers_is_refused(whole: Whole) -> None:
    whole.new_log()
    lines = [b"x-%d: %s" % (number, b"v" * 100) for number in range(2000)]
    status = sent(whole, request(b"/", *lines))
    # httptools, uvicorn's parser, has no bound of its own.
    assert status == CLOSED or status in REFUSED or (whole.server == "uvicorn" and status == 200)
    assert_unshaken(whole)


def test_a_header_without_an_end_is_given_up_with_its_client(whole: Whole) -> None:
    whole.new_log()
    with whole.process.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nx-endless: " + b"v" * 1000)
    assert_unshaken(whole)


# -- websockets -------------------------------------------------------------------------------------------------------

HANDSHAKE = (b"upgrade: websocket", b"connection: upgrade", b"sec-websocket-version: 13")
LARGE = 17 * 1024 * 1024
KEY = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="


def test_a_handshake_where_http_is_due_and_the_reverse_are_refused(whole: Whole) -> None:
    whole.new_log()
    assert sent(whole, request(b"/items/1", *HANDSHAKE, KEY)) == 404
    assert sent(whole, request(b"/echo")) == 404
    assert_unshaken(whole)


def test_a_malformed_handshake_is_refused(whole: Whole) -> None:
    whole.new_log()
    for lines in (HANDSHAKE, (*HANDSHAKE[:2], b"sec-websocket-version: 1", KEY), (*HANDSHAKE, KEY + b"\xff")):
        status = sent(whole, request(b"/echo", *lines))
        assert status == CLOSED or status in REFUSED
    assert_unshaken(whole)


def test_bytes_where_text_is_due_close_with_1003(whole: Whole) -> None:
    whole.new_log()
    id = whole.new_id()
    with WebSocket(whole.process.connect(), f"/echo?id={id}") as websocket:
        websocket.send(b"bytes")
        code, reason = websocket.closed()
        assert (code, reason) == (1003, "text message expected")
    assert whole.said("left", id)[2] == "returned"
    assert_unshaken(whole)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\x83\x80\x00\x00\x00\x00", 1002, id="reserved opcode"),
        pytest.param(b"\x81\x01x", 1002, id="unmasked"),
        pytest.param(b"\x81\x81\x00\x00\x00\x00\xff", 1007, id="text that is not UTF-8"),
        pytest.param(b"\x81\xff" + LARGE.to_bytes(8, "big") + bytes(4 + LARGE), 1009, id="larger than 16 MiB"),
        pytest.param(b"\x88\x81\x00\x00\x00\x00\x00", 1002, id="half a close code"),
    ],
)
def test_a_broken_frame_ends_the_websocket_and_its_handler(whole: Whole, frame: bytes, code: int) -> None:
    whole.new_log()
    id = whole.new_id()
    with WebSocket(whole.process.connect(), f"/echo?id={id}") as websocket:
        websocket.sock.settimeout(HANG)
        whole.said("began", id)
        with contextlib.suppress(ConnectionError):  # a large one may be refused before it is there
            websocket.sock.sendall(frame)
        event = websocket.event()
        assert isinstance(event, CloseConnection)
        # Hypercorn drops the connection without a word where the protocol is broken; a reset may overtake any word.
        may_drop = whole.server.startswith("hypercorn") or len(frame) > LARGE
        assert event.code == code or (may_drop and event.code == 1006)
    whole.said("left", id)
    assert_unshaken(whole)
