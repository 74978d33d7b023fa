"""Websockets that talk, close, fail, are refused, and whose clients leave."""

from __future__ import annotations

import time

import pytest
from wsproto.events import CloseConnection

from tests.e2e.whole import Whole, reset, until
from tests.e2e.wire import WebSocket

pytestmark = [pytest.mark.e2e]

SOON = 1.0  # seconds, after a disconnect the server can see


def open_websocket(whole: Whole, path: str) -> WebSocket:
    return WebSocket(whole.process.connect(), path)


def test_messages_are_echoed_whole_and_in_order(whole: Whole) -> None:
    with open_websocket(whole, "/echo") as websocket:
        texts = ["é", "", "x" * 100_000, *map(str, range(100))]
        for text in texts:
            websocket.send(text)
        assert [websocket.text() for _ in texts] == texts


def test_the_clients_close_code_reaches_the_handler(whole: Whole) -> None:
    id = whole.new_id()
    with open_websocket(whole, f"/echo?id={id}") as websocket:
        websocket.close(4002, "bye")
        # Hypercorn takes every end that the client begins for a lost connection.
        assert whole.said("code", id)[2] == ("1006" if whole.server.startswith("hypercorn") else "4002")
        assert websocket.closed()[0] == 4002  # the answer of the protocol
    assert whole.said("left", id)[2] == "returned"


def test_the_handlers_close_code_reaches_the_client(whole: Whole) -> None:
    with open_websocket(whole, "/farewell") as websocket:
        assert websocket.closed() == (4001, "the server says so")
    with open_websocket(whole, "/brief") as websocket:
        assert websocket.closed() == (1000, "")


def test_a_handler_that_fails_closes_with_1011_and_keeps_its_secret(whole: Whole) -> None:
    whole.new_log()
    with open_websocket(whole, "/boom") as websocket:
        code, reason = websocket.closed()
        assert code == 1011
        assert "secret" not in reason
    until(lambda: "a secret" in whole.process.log(), whole.process)
    assert whole.new_log().count("RuntimeError: a secret") == 1


def test_an_unknown_path_is_denied_with_404(whole: Whole) -> None:
    with open_websocket(whole, "/nowhere") as websocket:
        assert websocket.rejected == 404


def test_a_close_before_accept_is_denied_with_403(whole: Whole) -> None:
    with open_websocket(whole, "/refuse") as websocket:
        assert websocket.rejected == 403


@pytest.mark.parametrize("path", ["/echo", "/feed", "/mute"])
def test_a_handler_whose_client_vanishes_ends_whatever_it_does(whole: Whole, path: str) -> None:
    whole.new_log()
    id = whole.new_id()
    with open_websocket(whole, f"{path}?id={id}") as websocket:
        whole.said("began", id)
        if path == "/feed":
            assert websocket.text() == "news"
        since = time.monotonic()
        reset(websocket.sock)
    assert whole.seconds_until("left", id, since) < SOON
    whole.until_idle()
    log = whole.new_log()
    assert "ERROR" not in log
    assert "Traceback" not in log


def test_a_feed_whose_client_says_goodbye_ends_too(whole: Whole) -> None:
    id = whole.new_id()
    with open_websocket(whole, f"/feed?id={id}") as websocket:
        assert websocket.text() == "news"
        since = time.monotonic()
        websocket.close(1000)
        assert whole.seconds_until("left", id, since) < SOON
        while not isinstance(event := websocket.event(), CloseConnection):
            pass
        assert event.code == 1000
