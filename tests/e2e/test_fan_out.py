"""Hundreds of event streams and websockets on one topic, over sockets: each hears all, or is dropped and counted.

`LILYA_FULL_FAN_OUT=1` makes them 2,000 and 1,000.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.harness import PATIENCE, Process, serving
from tests.e2e.whole import QUIET, until
from tests.e2e.wire import HTTP, WebSocket

pytestmark = [pytest.mark.e2e]

FULL = "LILYA_FULL_FAN_OUT" in os.environ
STREAMS, SOCKETS = (2000, 1000) if FULL else (300, 200)
MESSAGES = 20
STUCK = 10

EVENTS = b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@dataclass
class Listener:
    """One connection, and all it heard."""

    sock: socket.socket
    heard: bytearray = field(default_factory=bytearray)


@pytest.fixture(params=["hypercorn-trio", "uvicorn"])
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    server = str(request.param)
    config: dict[str, Any] = {"backlog": 4096, **QUIET.get(server, {})}
    with serving("fanout.py:app", server, drain_timeout=5, config=config) as process:
        yield process
        process.end()
        assert "Traceback" not in process.log(), process.report()


def listen(process: Process, request: bytes, receive_buffer: int | None = None) -> Listener:
    listener = Listener(process.connect(receive_buffer=receive_buffer))
    listener.sock.sendall(request)
    while listener.heard.find(b"\r\n\r\n") < 0:
        piece = listener.sock.recv(65536)
        assert piece, process.report()
        listener.heard += piece
    assert bytes(listener.heard.split(b" ", 2)[1]) in (b"200", b"101"), listener.heard
    return listener


def hear(listeners: list[Listener], enough: Callable[[Listener], bool]) -> float:
    """Read from all until each has heard enough; returns the seconds that took."""
    began = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            listener.sock.setblocking(False)
            selector.register(listener.sock, selectors.EVENT_READ, listener)
        while selector.get_map():
            assert time.monotonic() - began < 2 * PATIENCE, f"{len(selector.get_map())} wait for the rest"
            for key, _ in selector.select(1):
                piece = key.data.sock.recv(65536)
                key.data.heard += piece
                if not piece or enough(key.data):
                    selector.unregister(key.data.sock)
    return time.monotonic() - began


def texts(count: int, text: str) -> list[bytes]:
    return [f"{number} {text}".encode() for number in range(count)]


def in_order(heard: bytearray, wanted: list[bytes]) -> bool:
    """Whether all of it was heard, each once, one after the other."""
    at = 0
    for each in wanted:
        at = heard.find(each, at) + 1
        if not at or heard.count(each) != 1:
            return False
    return True


def statistics(client: httpx.Client) -> dict[str, int]:
    found: dict[str, int] = client.get("/statistics").json()
    return found


@contextmanager
def crowd(process: Process, streams: int, sockets: int) -> Iterator[list[Listener]]:
    with ExitStack() as stack:
        listeners = []
        for request in [EVENTS] * streams + [UPGRADE] * sockets:
            listeners.append(listen(process, request))
            stack.callback(listeners[-1].sock.close)
        yield listeners


def test_everybody_hears_every_message_in_order_and_is_gone_when_they_leave(process: Process) -> None:
    with process.client() as client:
        with crowd(process, STREAMS, SOCKETS) as listeners:
            until(lambda: statistics(client)["subscribers"] == len(listeners), process)
            wanted: list[bytes] = []
            began = time.monotonic()
            for number in range(MESSAGES):
                client.post("/publish", content=f"message{number:04}")
                wanted.append(f"0 message{number:04}".encode())
                hear(listeners, lambda listener: wanted[-1] in listener.heard)
            seconds = time.monotonic() - began
            assert all(in_order(listener.heard, wanted) for listener in listeners)
            counted = statistics(client)
            assert (counted["closed"], counted["dropped"]) == (0, 0)
            left = time.monotonic()
        while (now := statistics(client))["subscribers"] or now["exchanges"]:
            time.sleep(0.1)  # asking takes the server's time, too
        gone = time.monotonic() - left
        assert gone < 2
        print(  # noqa: T201
            f"{len(listeners)} listeners, {MESSAGES} messages: {seconds / MESSAGES:.3f} s each; gone in {gone:.2f} s"
        )


def test_websockets_that_never_read_are_dropped_and_counted_and_hold_up_nobody(process: Process) -> None:
    text = "x" * 50_000
    with process.client() as client, crowd(process, 0, 20) as listeners, ExitStack() as stack:
        for _ in range(STUCK):
            stack.callback(listen(process, UPGRADE, receive_buffer=4096).sock.close)
        until(lambda: statistics(client)["subscribers"] == 20 + STUCK, process)
        for number in range(100):
            client.post("/publish", content=f"{number:03}{text}")
            last = f"0 {number:03}".encode()
            for listener in listeners:
                listener.heard.clear()
            hear(listeners, lambda listener: last in listener.heard)  # noqa: B023
        until(lambda: statistics(client)["subscribers"] == 20, process)
        if "hypercorn" in process.log():
            stack.close()  # it shields what it writes: its task ends when the connection does
        until(lambda: statistics(client)["exchanges"] == 20, process)
        assert statistics(client)["dropped"] == 0


def test_who_comes_back_hears_what_it_missed_by_stream_and_by_poll(process: Process) -> None:
    with process.client() as client:
        first = client.post("/publish", content="one").json()["id"]
        client.post("/publish", params={"times": 3}, content="more")
        listener = listen(process, EVENTS.replace(b"\r\n\r\n", f"\r\nlast-event-id: {first}\r\n\r\n".encode()))
        with listener.sock:
            hear([listener], lambda listener: b"2 more" in listener.heard)
            assert in_order(listener.heard, texts(3, "more"))
            assert b"0 one" not in listener.heard
        answer = client.get("/poll", params={"after": first}).json()
        assert [event["data"] for event in answer["events"]] == ["0 more", "1 more", "2 more"]
        with HTTP(process.connect()) as waiting:
            waiting.ask(f"/poll?after={answer['after']}")
            until(lambda: statistics(client)["subscribers"] == 1, process)
            client.post("/publish", content="news")
            polled = waiting.answer()
            assert polled is not None
            assert b"0 news" in polled.body


def test_a_websocket_is_spoken_to_by_frames_a_client_understands(process: Process) -> None:
    with process.client() as client, WebSocket(process.connect(), "/socket") as websocket:
        until(lambda: statistics(client)["subscribers"] == 1, process)
        client.post("/publish", content="ä")
        assert websocket.text() == "0 ä"
