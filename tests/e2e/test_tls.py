"""HTTP/1.1 and websockets behind TLS."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.whole import Whole, reset
from tests.e2e.wire import WebSocket

pytestmark = [pytest.mark.e2e]

SOON = 1.0  # seconds, after a disconnect the server can see


def test_a_request_is_answered_and_told_that_it_came_by_https(secured: Whole) -> None:
    assert secured.process.url.startswith("https://")
    assert secured.http.get("/items/1").json() == {"id": 1}
    assert secured.http.get("/under/x").json()["url"].startswith("https://")
    assert secured.http.post("/length", content=b"x" * 1_000_000).json() == {"length": 1_000_000}


@pytest.mark.parametrize("leave", [reset, lambda sock: sock.close()], ids=["reset", "close"])
def test_a_stream_arrives_piece_by_piece_and_ends_when_its_client_leaves(secured: Whole, leave: Any) -> None:
    id = secured.new_id()
    with secured.connect() as connection:
        connection.ask(f"/idle?id={id}")
        secured.said("idle", id)
        since = time.monotonic()
        leave(connection.sock)
    assert secured.seconds_until("left", id, since) < SOON


def test_a_websocket_echoes_and_hears_of_its_end(secured: Whole) -> None:
    id = secured.new_id()
    with WebSocket(secured.socket(), f"/echo?id={id}") as websocket:
        texts = ["é", "x" * 100_000, "last"]
        for text in texts:
            websocket.send(text)
        assert [websocket.text() for _ in texts] == texts
        since = time.monotonic()
        reset(websocket.sock)
    assert secured.seconds_until("left", id, since) < SOON
