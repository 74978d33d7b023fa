"""`examples/proxy`, run between a client and an upstream of ours."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.harness import Process, free_port, program
from tests.e2e.watching import new_log
from tests.e2e.whole import reset, until
from tests.e2e.wire import HTTP
from tests.examples.docstring import EXAMPLES

pytestmark = [pytest.mark.e2e]

APP = EXAMPLES / "proxy" / "app.py"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Process]:
    with program(Path(__file__).with_name("upstream.py"), "127.0.0.1:0") as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()


@pytest.fixture(scope="module")
def proxy(upstream: Process) -> Iterator[Process]:
    with program(APP, "127.0.0.1:0", upstream.url) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        # httpx leaves its inner generators to the collector where an answer is not read to its end; sockets it closes.
        assert "unclosed" not in process.log(), process.report()


def echoed(proxy: Process, method: str, target: str, **options: Any) -> tuple[httpx.Response, dict[str, list[str]]]:
    """The answer, and the headers the upstream was sent, each with all its values."""
    with proxy.client() as client:
        answer = client.request(method, target, **options)
    headers: dict[str, list[str]] = {}
    for name, value in answer.json()["headers"]:
        headers.setdefault(name, []).append(value)
    return answer, headers


def test_method_target_and_body_arrive_as_they_were_sent(proxy: Process) -> None:
    answer, _ = echoed(proxy, "PUT", "/a%2Fb/%C3%BC//c?x=1&x=%20&y", content="some text")
    told = answer.json()
    assert (told["method"], told["target"], told["body"]) == ("PUT", "/a%2Fb/%C3%BC//c?x=1&x=%20&y", "some text")


def test_headers_of_one_hop_stay_there_and_forged_ones_are_replaced(proxy: Process, upstream: Process) -> None:
    sent = {
        "connection": "x-mine, close",
        "x-mine": "1",
        "te": "trailers",
        "proxy-authorization": "secret",
        "x-forwarded-for": "6.6.6.6",
        "forwarded": "for=6.6.6.6",
        "x-other": "2",
    }
    answer, headers = echoed(proxy, "GET", "/", headers=sent)
    assert headers["x-other"] == ["2"]
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-host"] == [f"127.0.0.1:{proxy.port}"]
    assert headers["host"] == [f"127.0.0.1:{upstream.port}"]
    assert headers["via"] == ["1.1 lilya"]
    assert not headers.keys() & {"x-mine", "te", "proxy-authorization", "forwarded", "connection", "content-length"}
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert len(answer.headers.get_list("date")) == 1
    assert not answer.headers.keys() & {"x-secret", "keep-alive"}


def test_nobody_gets_the_cookies_of_somebody_else(proxy: Process) -> None:
    echoed(proxy, "GET", "/")
    assert "cookie" not in echoed(proxy, "GET", "/")[1]


def test_a_body_passes_piece_by_piece_in_both_directions(proxy: Process, upstream: Process) -> None:
    log = new_log(upstream)

    def pieces() -> Iterator[bytes]:
        yield b"first"
        log.wait_for("count begun")  # before the rest is sent
        for _ in range(32):
            yield bytes(1 << 20)

    with proxy.client() as client:
        assert client.post("/count", content=pieces()).json() == {"size": 5 + (32 << 20)}
        with client.stream("GET", "/stream") as answer:
            assert next(answer.iter_lines()) == "piece 0"
        assert len(client.get("/large").content) == 32 << 20


def test_a_compressed_answer_passes_as_it_is_and_head_has_its_headers(proxy: Process) -> None:
    with proxy.client() as client:
        answer = client.get("/compressed")
        assert (answer.headers["content-encoding"], answer.text) == ("gzip", "small")
        head = client.head("/large")
        assert (head.headers["content-length"], head.content) == (str(32 << 20), b"")
        assert client.get("/compressed").status_code == 200  # the connection was given back


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_leaves_cancels_the_request_to_the_upstream(
    proxy: Process, upstream: Process, method: str
) -> None:
    log = new_log(upstream)
    with HTTP(proxy.connect()) as client:
        client.ask("/wait", method, b"body" if method == "POST" else b"")
        log.wait_for("wait begun")
        reset(client.sock)
        log.wait_for("wait left")


def test_clients_that_leave_in_the_middle_of_an_answer_or_an_upload_are_not_kept(
    proxy: Process, upstream: Process
) -> None:
    log = new_log(upstream)
    with ExitStack() as stack:
        clients = [stack.enter_context(HTTP(proxy.connect())) for _ in range(10)]
        for client in clients:
            client.ask("/stream")
            assert client.begun()
        for client in clients:
            reset(client.sock)
        until(lambda: log().count("stream left") == 10, upstream)
    sock = proxy.connect()
    sock.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nfirst")
    log.wait_for("count begun")
    reset(sock)
    log.wait_for("count left")


def test_an_answer_that_breaks_off_breaks_off_here_too(proxy: Process) -> None:
    with proxy.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/broken")


def test_an_upstream_that_is_silent_is_504_and_one_that_is_not_there_502(upstream: Process) -> None:
    with program(APP, "127.0.0.1:0", upstream.url, "0.3") as proxy, proxy.client() as client:
        assert client.get("/wait").status_code == 504
        assert client.post("/wait", content=b"body").status_code == 504
        assert client.get("/compressed").status_code == 200
    with program(APP, "127.0.0.1:0", f"http://127.0.0.1:{free_port()}") as proxy, proxy.client() as client:
        answer = client.get("/")
        assert (answer.status_code, answer.text) == (502, "The upstream cannot be asked: ConnectError.")
        assert client.post("/", content=b"body").status_code == 502
