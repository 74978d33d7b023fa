"""An answer that is sent before the body of its request has come (RFC 9112, section 9.3)."""

from __future__ import annotations

import socket

import pytest

from tests.e2e.whole import Whole

pytestmark = [pytest.mark.e2e]

LARGE = 50_000_000
PIECE = b"x" * 65536


def upload(sock: socket.socket, path: str, size: int) -> int:
    """Send a request and as much of its body as the server takes; how many bytes that were."""
    sock.sendall(f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n".encode())
    sent = 0
    try:
        while sent < size:
            sent += sock.send(PIECE[: size - sent])
    except ConnectionError:
        pass  # it is closed: what it said before is still to be read
    return sent


def answer(sock: socket.socket) -> bytes:
    """Read what the server says until it has said it, or closed."""
    said = b""
    sock.settimeout(0.5)
    try:
        while piece := sock.recv(65536):
            said += piece
    except TimeoutError:
        pass
    return said


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/text", 413)])
def test_it_arrives_whole_though_the_client_is_still_sending(whole: Whole, path: str, status: int) -> None:
    with whole.connect() as connection:
        sent = upload(connection.sock, path, LARGE)
        said = answer(connection.sock)
    assert said.startswith(f"HTTP/1.1 {status} ".encode()), (sent, said)
    head, _, body = said.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    if whole.server.startswith("hypercorn"):
        assert sent < LARGE, "hypercorn reads no more of it, and closes"
    else:
        assert sent == LARGE, "uvicorn reads it to its end, and drops it"
    whole.is_well()


def test_afterwards_the_connection_is_used_again_or_ended_but_never_out_of_step(whole: Whole) -> None:
    with whole.connect() as connection:
        connection.ask("/nowhere", "POST", PIECE * 4)
        first = connection.answer()
        assert first is not None
        assert (first.status, first.complete) == (404, True)
        try:
            second = connection.get("/items/1")
        except ConnectionError:
            second = None
        assert second is None or second.body == b'{"id":1}'
        assert second is not None or whole.server.startswith("hypercorn")


def test_a_body_that_has_come_but_was_not_read_does_not_cost_the_connection(whole: Whole) -> None:
    with whole.connect() as connection:
        for _ in range(3):
            connection.ask("/nowhere", "POST", b"x" * 100)
            said = connection.answer()
            assert said is not None
            assert said.status == 404
