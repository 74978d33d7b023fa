"""HTTP/2 (RFC 9113): many streams on one connection, and each is an exchange of its own. Only hypercorn speaks it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import whole_under
from tests.e2e.harness import SERVERS, Process
from tests.e2e.http2 import HTTP2, WINDOW
from tests.e2e.whole import Whole
from tests.support.tls import Certificate

pytestmark = [pytest.mark.e2e]

SOON = 1.0  # seconds, after a disconnect the server can see
# What the server may hold of a stream besides what the client allowed it to send: its buffer, and one piece of ours.
HELD = 256 * 1024
# RFC 9113, section 8.2.2.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


SPEAKERS = [server for server in SERVERS if server.startswith("hypercorn")]


@pytest.fixture(scope="module", params=SPEAKERS)
def secured(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[Whole]:
    """A server that speaks HTTP/2."""
    with whole_under(str(request.param), certificate) as shared:
        yield shared


def connected(process: Process, certificate: Certificate) -> HTTP2:
    """A connection that has agreed upon HTTP/2 (RFC 7301)."""
    sock = certificate.trusted("h2").wrap_socket(process.connect(), server_hostname="localhost")
    assert sock.selected_alpn_protocol() == "h2"
    return HTTP2(sock)


@pytest.fixture
def connection(secured: Whole, certificate: Certificate) -> Iterator[HTTP2]:
    """A connection to the server the tests of this module share."""
    with connected(secured.process, certificate) as made:
        yield made


def event(connection: HTTP2, stream: int) -> str:
    """Read the next event of an event stream."""
    seen = b""
    while not seen.endswith(b"\n\n"):
        seen += connection.data(stream)
    return seen.decode().strip()


def test_events_arrive_one_by_one_without_headers_of_the_connection(secured: Whole, connection: HTTP2) -> None:
    id = secured.new_id()
    stream = connection.ask(f"/guarded/events?id={id}")
    headers = connection.headers(stream)
    assert headers[":status"] == "200"
    assert headers["content-type"].startswith("text/event-stream")
    assert not HOP_BY_HOP & headers.keys()
    assert event(connection, stream) == "data: one"
    secured.release()
    assert event(connection, stream) == "data: two"
    connection.reset(stream)
    secured.said("left", id)


def test_a_stream_that_is_reset_ends_its_handler_and_no_other(secured: Whole, connection: HTTP2) -> None:
    ids = [secured.new_id(), secured.new_id()]
    first, second = (connection.ask(f"/guarded/events?id={id}") for id in ids)
    for stream in (first, second):
        assert connection.headers(stream)[":status"] == "200"
        assert event(connection, stream) == "data: one"
    sleeping = secured.new_id()
    third = connection.ask(f"/sleep?id={sleeping}")
    secured.said("began", sleeping)
    since = time.monotonic()
    connection.reset(first)
    connection.reset(third)
    assert secured.seconds_until("left", ids[0], since) < SOON
    assert secured.seconds_until("left", sleeping, since) < SOON
    secured.release()
    assert event(connection, second) == "data: two"  # it was not touched, nor was the connection
    fourth = connection.ask("/items/4")
    assert connection.headers(fourth)[":status"] == "200"
    assert connection.text(fourth) == '{"id":4}'
    since = time.monotonic()
    connection.sock.close()
    assert secured.seconds_until("left", ids[1], since) < SOON


def test_a_body_waits_at_its_own_window_and_goes_on_when_it_is_read(secured: Whole, connection: HTTP2) -> None:
    stream = connection.ask("/large")
    assert connection.headers(stream)[":status"] == "200"
    for number in range(3):  # the connection itself is not held
        other = connection.ask(f"/items/{number}")
        assert connection.headers(other)[":status"] == "200"
        assert connection.text(other) == f'{{"id":{number}}}'
    assert connection.unread(stream) == WINDOW
    assert connection.text(stream) == "x" * 1_000_000


def test_a_generator_is_held_by_the_window_of_its_stream(secured: Whole, connection: HTTP2) -> None:
    began = secured.statistics()["produced"]
    stream = connection.ask("/flood")
    assert connection.headers(stream)[":status"] == "200"
    before = -1
    while before != (before := secured.statistics()["produced"]) or before == began:
        assert before - began <= WINDOW + HELD
        time.sleep(0.01)


def test_a_generator_that_floods_is_ended_when_its_stream_is_reset(secured: Whole, connection: HTTP2) -> None:
    id = secured.new_id()
    stream = connection.ask(f"/flood?id={id}")
    assert connection.headers(stream)[":status"] == "200"
    since = time.monotonic()
    connection.reset(stream)
    assert secured.seconds_until("left", id, since) < SOON


def test_a_body_reaches_its_handler(secured: Whole, connection: HTTP2) -> None:
    stream = connection.ask("/length", "POST")
    connection.send(stream, b"x" * 16_000)
    assert connection.headers(stream)[":status"] == "200"
    assert connection.text(stream) == '{"length":16000}'


def test_a_body_that_comes_after_its_answer_harms_nobody(secured: Whole, connection: HTTP2) -> None:
    id = secured.new_id()
    events = connection.ask(f"/guarded/events?id={id}")
    connection.headers(events)
    assert event(connection, events) == "data: one"
    for _ in range(20):  # more than the window of the connection holds: it is given back
        early = connection.ask("/nowhere", "POST")
        assert connection.headers(early)[":status"] == "404"
        assert connection.text(early) == "Not Found"
        connection.send(early, b"x" * 16_000)
    secured.release()
    assert event(connection, events) == "data: two"
    connection.reset(events)
    secured.said("left", id)
    secured.is_well()


def test_an_upload_that_is_answered_early_is_told_to_stop(secured: Whole, connection: HTTP2) -> None:
    early = connection.ask("/nowhere", "POST")
    assert connection.headers(early)[":status"] == "404"
    assert connection.text(early) == "Not Found"
    connection.send(early, b"x" * 16_000, more=True)
    assert connection.reset_by_server(early) == 0  # NO_ERROR (RFC 9113, section 8.1)
