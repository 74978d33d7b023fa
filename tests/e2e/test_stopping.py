"""A server that is told to stop: what becomes of those who are connected, and how long it takes."""

from __future__ import annotations

import signal
import time

import pytest

from tests.e2e.harness import Process, free_port, serving
from tests.e2e.wire import HTTP, WebSocket

pytestmark = [pytest.mark.e2e]


def until_called(server: Process, calls: int) -> None:
    """Wait until `slowly` has been called so often."""
    with server.client() as client:
        while int(client.get("/count").text) < calls:
            time.sleep(0.01)


def test_no_accepted_request_is_lost_when_sigterm_comes_under_load(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=10) as process:
        connections = [HTTP(process.connect()) for _ in range(50)]
        for each in connections:
            first = each.get("/ping")
            assert first is not None
            assert first.body == b"hello from the lifespan"
            assert first.headers.get("connection") != "close"
        for each in connections:
            each.ask("/slowly")
        until_called(process, 50)
        process.signal(signal.SIGTERM)
        answers = [each.answer() for each in connections]
        assert [answer and (answer.status, answer.body) for answer in answers] == [(200, b"at last")] * 50
        assert {answer.headers["connection"] for answer in answers if answer} == {"close"}
        assert all(each.ended() for each in connections)
        assert process.exit_code() == 0
        for each in connections:
            each.sock.close()
        log = process.log()
        assert log.index("lifespan.shutdown") > log.rindex("end of /slowly")
        assert "Traceback" not in log
        assert "ResourceWarning" not in log


def test_no_new_connection_is_taken_while_old_requests_finish(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=10) as process:
        with HTTP(process.connect()) as old:
            old.ask("/hang")
            process.wait_for("hanging")
            process.signal(signal.SIGTERM)
            process.wait_for("^drain$")
            time.sleep(0.5)
            with pytest.raises(ConnectionError):
                process.connect()
            assert process.running()
            process.signal(signal.SIGTERM)
        process.exit_code()


def test_an_idle_connection_does_not_hold_the_server_up(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=30) as process:
        with HTTP(process.connect()) as idle, process.connect() as silent:
            assert idle.get("/ping") is not None
            asked = time.monotonic()
            process.signal(signal.SIGTERM)
            assert process.exit_code() == 0
            assert time.monotonic() - asked < 5
            assert idle.ended()
            assert silent.recv(1) == b""


def test_the_application_is_drained_before_the_listeners_close(server: str) -> None:
    port = free_port()
    environment = {"KNOCK_ON": str(port)}
    with serving("bare.py:app", server, bind=f"127.0.0.1:{port}", environment=environment) as process:
        process.urls()
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0
        log = process.log()
        assert log.index("drain") < log.index("lifespan.shutdown")
        assert "going on without" not in log


def test_a_stream_and_a_websocket_that_watch_draining_finish_politely(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=30) as process:
        with HTTP(process.connect()) as stream, WebSocket(process.connect(), "/courteous") as websocket:
            stream.ask("/polite")
            assert stream.begun()
            process.signal(signal.SIGTERM)
            answer = stream.answer()
            assert answer is not None
            assert (answer.body, answer.complete) == (b"first last", True)
            assert websocket.text() == "goodbye"
            assert websocket.closed() == (4000, "closing time")
            assert process.exit_code() == 0


def test_what_still_runs_at_the_deadline_is_cancelled_answered_and_named(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=0.3) as process:
        with HTTP(process.connect()) as waiting, WebSocket(process.connect(), "/echo") as websocket:
            waiting.ask("/hang")
            process.wait_for("hanging")
            websocket.send("ping")
            assert websocket.text() == "ping"
            process.signal(signal.SIGTERM)
            answer = waiting.answer()
            assert answer is not None
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert websocket.closed() == (1012, "server is shutting down")
        assert process.exit_code() == 0
        log = process.log()
        assert "GET /hang" in log
        assert "WEBSOCKET /echo" in log
        assert log.index("end of /hang") < log.index("lifespan.shutdown")
        assert "Traceback" not in log


def test_a_stream_cut_at_the_deadline_is_seen_to_be_cut(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=0.3) as process:
        with HTTP(process.connect()) as stream:
            stream.ask("/endless")
            assert stream.begun()
            process.signal(signal.SIGTERM)
            answer = stream.answer()
            assert answer is not None
            assert answer.body.startswith(b"more more")
            assert not answer.complete
        assert process.exit_code() == 0


def test_a_client_that_stopped_reading_does_not_keep_the_server(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=0.3) as process:
        with process.connect(receive_buffer=4096) as deaf:
            deaf.sendall(b"GET /flood HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert deaf.recv(1) == b"H"
            asked = time.monotonic()
            process.signal(signal.SIGTERM)
            assert process.exit_code() == 0
            assert time.monotonic() - asked < 10
        assert "whose clients do not read" in process.log()


def test_the_second_signal_cancels_at_once_and_is_the_exit_code(server: str) -> None:
    with serving("bare.py:app", server, drain_timeout=60) as process:
        with HTTP(process.connect()) as waiting:
            waiting.ask("/hang")
            process.wait_for("hanging")
            process.signal(signal.SIGTERM)
            process.wait_for("SIGTERM: stopping")
            time.sleep(0.3)
            assert process.running()
            process.signal(signal.SIGTERM)
            assert process.exit_code(5) == 128 + signal.SIGTERM
        assert "end of /hang" in process.log()


def test_ctrl_c_is_an_orderly_stop(server: str) -> None:
    with serving("bare.py:app", server) as process:
        process.urls()
        process.signal(signal.SIGINT)
        assert process.exit_code() == 0
        assert "lifespan.shutdown" in process.log()
        assert "Traceback" not in process.log()
