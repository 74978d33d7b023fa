"""Streams to clients that read, that stop reading and that leave."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.e2e.whole import Whole, reset, until
from tests.e2e.wire import HTTP

pytestmark = [pytest.mark.e2e]

# What a server and the system may hold for a client that does not read, in bytes.
BUFFERED = 24 * 1024 * 1024
SOON = 1.0  # seconds, after a disconnect the server can see


def watch(connection: HTTP, path: str) -> None:
    """Ask for a stream and read until its first piece is here."""
    connection.ask(path)
    seen = b""
    while b"\r\n\r\n" not in seen or seen.endswith(b"\r\n\r\n"):
        seen += connection.sock.recv(65536)
        assert seen


def test_a_piece_arrives_before_the_next_one_is_made(whole: Whole) -> None:
    with whole.http.stream("GET", "/two") as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"one\n"
        whole.release()
        assert list(pieces) == [b"two\n"]


@pytest.mark.parametrize("leave", [reset, lambda sock: sock.close()], ids=["reset", "close"])
def test_the_generator_of_a_client_that_left_is_ended(whole: Whole, leave: Any) -> None:
    id = whole.new_id()
    with whole.connect() as connection:
        watch(connection, f"/endless?id={id}")
        since = time.monotonic()
        leave(connection.sock)
    assert whole.seconds_until("left", id, since) < SOON
    assert whole.said("left", id)[2] in ("Cancelled", "CancelledError", "GeneratorExit")


def test_a_generator_that_waits_is_cancelled_where_it_waits(whole: Whole) -> None:
    id = whole.new_id()
    with whole.connect() as connection:
        watch(connection, f"/idle?id={id}")
        whole.said("idle", id)
        since = time.monotonic()
    assert whole.seconds_until("left", id, since) < SOON
    assert whole.said("left", id)[2] in ("Cancelled", "CancelledError")


def test_behind_all_guards_events_arrive_one_by_one_and_a_disconnect_is_heard_of(whole: Whole) -> None:
    id = whole.new_id()
    headers = {"accept-encoding": "gzip", "origin": "https://a.test", "authorization": "Basic YWRhOmxvdmVsYWNl"}
    with whole.http.stream("GET", f"/guarded/events?id={id}", headers=headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["ratelimit-policy"] == '"default";q=1000;w=60'
        assert {each.split("=")[0] for each in answer.headers.get_list("set-cookie")} == {"session", "csrftoken"}
        lines = answer.iter_lines()
        assert next(lines) == "data: one"
        whole.release()
        assert [next(lines), next(lines)] == ["", "data: two"]
        whole.said("idle", id)
        since = time.monotonic()
    assert whole.seconds_until("left", id, since) < SOON


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"host": "evil.test"}, 400),
        ("GET", {"authorization": "Basic YTpi"}, 401),
        ("POST", {}, 403),
        ("POST", {"origin": "https://evil.test"}, 403),
    ],
)
def test_behind_all_guards_who_may_not_is_refused(
    whole: Whole, method: str, headers: dict[str, str], status: int
) -> None:
    assert whole.http.request(method, "/guarded/events", headers=headers).status_code == status


def test_a_client_that_does_not_read_holds_the_generator_and_nobody_else(whole: Whole) -> None:
    id = whole.new_id()
    with whole.connect(receive_buffer=4096) as connection:
        connection.ask(f"/flood?id={id}")
        before = -1
        while before != (before := whole.statistics()["produced"]) or before == 0:
            time.sleep(0.1)
        assert before <= BUFFERED
        whole.is_well()
        since = time.monotonic()
        reset(connection.sock)
    assert whole.seconds_until("left", id, since) < SOON


def test_a_nursery_held_across_yield_is_left_in_its_own_task_with_what_runs_in_it(whole: Whole) -> None:
    whole.new_log()
    id = whole.new_id()
    with whole.connect() as connection:
        watch(connection, f"/nursery?id={id}")
        since = time.monotonic()
        reset(connection.sock)
    assert whole.seconds_until("left", id, since) < SOON
    assert whole.seconds_until("producer", id, since) < SOON
    assert whole.said("in", id)[2] == "the same task"
    log = whole.new_log()
    assert "ERROR" not in log
    assert "Traceback" not in log


def test_a_body_that_fails_is_seen_to_be_cut_and_logged(whole: Whole) -> None:
    whole.new_log()
    with whole.connect() as connection:
        answer = connection.get("/broken")
        assert answer is not None
        assert (answer.status, answer.complete) == (200, False)
    until(lambda: "in the middle" in whole.process.log(), whole.process)
    assert whole.new_log().count("RuntimeError: in the middle") == 1
    whole.is_well()


def test_a_stream_that_nobody_reads_any_more_frees_its_connection(whole: Whole) -> None:
    with httpx.Client(base_url=whole.process.url, trust_env=False) as client:
        for _ in range(20):
            with client.stream("GET", "/endless") as answer:
                assert next(answer.iter_bytes()) == b"more\n"
    whole.until_idle()
