"""Plain requests and their answers, under `lilya.servers` and under the server's own command."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import product

import httpx
import pytest

from tests.e2e.harness import SERVERS, Process, foreign, serving
from tests.e2e.wire import HTTP

pytestmark = [pytest.mark.e2e]


@pytest.fixture(scope="module", params=list(product(SERVERS, ("ours", "its own"))), ids=", ".join)
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    """The application under each server, started by us and by the server's own command."""
    server, start = request.param
    with (serving if start == "ours" else foreign)("whole.py:app", server) as process:
        yield process
        process.signal(signal.SIGTERM)
        code = process.exit_code()
        assert code == 0 or (start == "its own" and code == -signal.SIGTERM), process.report()
        assert "Traceback" not in process.log(), process.report()


@pytest.fixture
def client(process: Process) -> Iterator[httpx.Client]:
    with process.client() as client:
        yield client


def test_what_a_handler_returns_is_json(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == '{"hello":"world","é":[1,2.5,null,true]}'.encode()


def test_a_path_parameter_is_transformed_and_injected(client: httpx.Client) -> None:
    assert client.get("/items/42").json() == {"id": 42}
    assert client.get("/items/forty").status_code == 404
    assert client.get("/files/a/b%20c/%C3%A9").text == "a/b c/é"
    assert client.get("/under/x%20y?a=1&a=2").json()["query"] == [["a", "1"], ["a", "2"]]


def test_a_body_is_read(client: httpx.Client) -> None:
    answer = client.post("/items", json={"name": "é" * 40_000})
    assert answer.status_code == 201
    assert answer.json() == {"got": {"name": "é" * 40_000}}


def test_an_unknown_path_is_404_and_a_wrong_method_405_with_what_is_allowed(client: httpx.Client) -> None:
    assert client.get("/nowhere").status_code == 404
    answer = client.delete("/sleep")
    assert answer.status_code == 405
    assert {each.strip() for each in answer.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert client.patch("/items").status_code == 405


def test_head_is_get_without_its_body_and_the_connection_goes_on(process: Process) -> None:
    with HTTP(process.connect()) as connection:
        connection.ask("/", "HEAD")
        head = connection.answer()
        get = connection.get("/")
        assert head is not None
        assert get is not None
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))
        connection.ask("/endless", "HEAD")  # the body is not run
        stream = connection.answer()
        assert stream is not None
        assert (stream.status, stream.body) == (200, b"")
        assert connection.get("/items/1") is not None


def test_redirects_keep_the_method_and_the_query(client: httpx.Client) -> None:
    answer = client.get("/items/7/?q=1")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{client.base_url}/items/7?q=1".replace("//items", "/items")
    assert client.get("/old").headers["location"] == "/items/7"
    # On a new connection: hypercorn ends one whose answer was complete before the body had come, and does not say so.
    followed = client.post("/items/", json=[1], follow_redirects=True, headers={"connection": "close"})
    assert (followed.status_code, followed.json()) == (201, {"got": [1]})


def test_a_sync_handler_does_not_hold_the_others_up(process: Process) -> None:
    with HTTP(process.connect()) as blocked, HTTP(process.connect()) as other:
        blocked.ask("/blocking")
        assert other.get("/items/1") is not None
        answer = blocked.answer()
        assert answer is not None
        assert answer.body == b"done"


def test_requests_sent_at_once_are_answered_in_order(process: Process) -> None:
    with HTTP(process.connect()) as connection:
        request = b"GET /items/%d HTTP/1.1\r\nhost: localhost\r\n\r\n"
        connection.sock.sendall(b"".join(request % number for number in range(5)))
        answered = b""
        while answered.count(b'{"id":') < 5:
            answered += connection.sock.recv(65536)
        places = [answered.index(b'{"id":%d}' % number) for number in range(5)]
        assert places == sorted(places)
