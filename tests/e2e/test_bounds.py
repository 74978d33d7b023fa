"""Deadlines, limits and nurseries over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.harness import SERVERS, Process, serving
from tests.e2e.wire import HTTP

pytestmark = [pytest.mark.e2e]


@pytest.fixture(scope="module", params=SERVERS)
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    with serving("bounded.py:app", str(request.param), drain_timeout=5) as process:
        yield process


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_takes_too_long_is_answered_with_504_on_a_connection_that_stays_open(
    process: Process, method: str
) -> None:
    with HTTP(process.connect()) as http:
        for _ in range(2):
            began = time.monotonic()
            http.ask("/slow", method)
            answer = http.answer()
            assert answer is not None
            assert answer.status == 504
            assert time.monotonic() - began < 5


def test_a_stream_whose_time_is_up_is_broken_off(process: Process) -> None:
    with HTTP(process.connect()) as http:
        answer = http.get("/ticks")
        assert answer is not None
        assert (answer.status, answer.complete) == (200, False)
        assert answer.body.startswith(b"tick tick ")
    process.wait_for("ticks ended")
    process.wait_for("GatewayTimeout")


def test_a_client_shortens_the_deadline_and_sees_what_is_left(process: Process) -> None:
    with process.client() as client:
        assert 50 < client.get("/left").json() <= 60
        assert 0 < client.get("/left", headers={"Request-Timeout": "2.5"}).json() <= 2.5
        assert client.get("/slow", headers={"Request-Timeout": "0"}).status_code == 504


def test_those_who_find_no_place_wait_for_their_turn(process: Process) -> None:
    def ask(number: int) -> httpx.Response:
        return client.get("/few")

    with process.client() as client, ThreadPoolExecutor(8) as pool:
        began = time.monotonic()
        assert [answer.status_code for answer in pool.map(ask, range(8))] == [200] * 8
        assert time.monotonic() - began > 0.8 - 0.05


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_leaves_ends_the_feeder_of_its_body_without_a_word(process: Process, method: str) -> None:
    ends = process.log().count("feeder ended")
    with HTTP(process.connect()) as http:
        http.ask("/fed", method)
        assert http.begun()
    process.wait_for("(?s)" + "feeder ended.*" * (ends + 1))
    assert "BrokenResourceError" not in process.log(), process.report()
