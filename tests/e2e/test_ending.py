"""The end of an application: asked for, in good order; or by a failure, which is told once and by the exit code."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from tests.e2e.harness import Process, foreign, serving
from tests.e2e.whole import until
from tests.e2e.wire import HTTP, WebSocket

pytestmark = [pytest.mark.e2e]

APP = "living.py:app"
REQUESTS = 30


def assert_in_order(process: Process, *lines: str) -> None:
    log = process.log()
    places = [log.find(line + "\n") for line in lines]
    assert -1 not in places, (lines, log)
    assert places == sorted(places), (lines, log)


def assert_clean(process: Process) -> None:
    log = process.log()
    for sign in ("Traceback", "cancelled", "WARNING", "ResourceWarning", "never awaited"):
        assert sign not in log, log


def begin(process: Process, stack: ExitStack) -> list[HTTP]:
    """Many slow requests, all of them with their handlers at work."""
    connections = [stack.enter_context(HTTP(process.connect())) for _ in range(REQUESTS)]
    for each in connections:
        each.ask("/slow")
    with process.client() as client:
        until(lambda: bool(client.get("/asked").json() == REQUESTS), process)
        assert client.post("/start").text == "started"
    return connections


def test_everything_under_way_ends_well_before_the_process_does(server: str) -> None:
    with serving(APP, server) as process, ExitStack() as stack:
        stream = stack.enter_context(HTTP(process.connect()))
        stream.ask("/stream")
        assert stream.begun()
        polling = stack.enter_context(HTTP(process.connect()))
        polling.ask("/wait")
        websocket = stack.enter_context(WebSocket(process.connect(), "/chat"))
        connections = begin(process, stack)

        process.signal(signal.SIGTERM)
        answers = [each.answer() for each in connections]
        assert [answer and (answer.status, answer.body) for answer in answers] == [(200, b"at last")] * REQUESTS
        streamed, polled = stream.answer(), polling.answer()
        assert streamed is not None
        assert (streamed.body, streamed.complete) == (b"first last", True)
        assert polled is not None
        assert polled.status == 204
        assert websocket.text() == "goodbye"
        assert websocket.closed() == (1012, "restarting")

        assert process.exit_code() == 0, process.report()
        assert_in_order(process, "database starts", "worker starts", "worker stops", "database stops", "lifespan ends")
        assert_in_order(process, "background begins", "background ends", "worker stops")
        assert_in_order(process, "task begins", "task ends", "lifespan ends")
        assert_clean(process)


def test_the_servers_own_command_ends_it_as_well(server: str) -> None:
    with foreign(APP, server) as process, ExitStack() as stack:
        connections = begin(process, stack)
        process.signal(signal.SIGTERM)
        answers = [each.answer() for each in connections]
        assert [answer and (answer.status, answer.body) for answer in answers] == [(200, b"at last")] * REQUESTS
        for each in connections:  # hypercorn on asyncio waits for those who stay
            each.sock.close()
        assert process.exit_code() in (0, -signal.SIGTERM), process.report()
        assert_in_order(process, "task ends", "lifespan ends")
        assert_in_order(process, "background ends", "worker stops", "database stops", "lifespan ends")
        assert "Traceback" not in process.log(), process.report()


def test_a_steady_load_loses_no_request(server: str) -> None:
    """Clients that send one request after the other, until they are told that the connection closes."""
    lost: list[object] = []
    answered: list[int] = []

    def load(process: Process) -> None:
        with HTTP(process.connect()) as connection:
            while True:
                answer = connection.get("/quick")
                if answer is None or (answer.status, answer.body) != (200, b'"quick"'):
                    lost.append(answer)
                    return
                answered.append(1)
                if answer.headers.get("connection") == "close":
                    return

    with serving(APP, server) as process:
        clients = [threading.Thread(target=load, args=(process,)) for _ in range(8)]
        for each in clients:
            each.start()
        until(lambda: len(answered) > 80, process)
        process.signal(signal.SIGTERM)
        for each in clients:
            each.join()
        assert process.exit_code() == 0, process.report()
        assert not lost, process.report()
        assert_clean(process)


@pytest.mark.parametrize("thing", ["service", "nursery"])
def test_what_fails_for_good_ends_the_process_and_is_told_once(server: str, thing: str) -> None:
    with serving(APP, server, drain_timeout=5) as process, HTTP(process.connect()) as poll:
        poll.ask("/wait")
        with process.client() as client:
            assert client.post(f"/crash/{thing}").text == "as you wish"
        answer = poll.answer()  # it notices the end, as at any other
        assert answer is not None
        assert answer.status in (204, 503)
        assert process.exit_code() == 1, process.report()
        log = process.log()
        assert log.count("Traceback") == 1, log
        assert "the application failed (serving)" in log
        assert "crashed while it was served" in log
        assert_in_order(process, "database stops", "lifespan ends")


@pytest.mark.parametrize(
    ("what", "code", "stage"), [("startup", 3, "startup"), ("service start", 3, "startup"), ("shutdown", 1, "shutdown")]
)
def test_a_failed_start_or_stop_is_told_once_and_is_the_exit_code(
    server: str, what: str, code: int, stage: str
) -> None:
    with serving(APP, server, environment={"FAIL": what}) as process:
        if stage == "shutdown":
            process.urls()
            process.signal(signal.SIGTERM)
        assert process.exit_code() == code, process.report()
        log = process.log()
        assert log.count("Traceback") == 1, log
        assert f"the application failed ({stage}): RuntimeError: on purpose" in log
        assert ("serving on" in log) == (stage == "shutdown")


def test_a_task_that_fails_is_logged_once_and_ends_nothing(server: str) -> None:
    with serving(APP, server) as process:
        with process.client() as client:
            assert client.post("/crash/task").text == "as you wish"
            process.wait_for("task 'fail' failed")
            assert client.get("/quick").json() == "quick"
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0
        assert process.log().count("Traceback") == 1


def test_under_the_servers_own_command_a_failed_application_does_not_serve_on(server: str) -> None:
    with foreign(APP, server) as process:
        with process.client() as client:
            assert client.post("/crash/service").text == "as you wish"
            process.wait_for(r"the application failed \(serving\)")
            end = time.monotonic() + 5
            while process.running() and time.monotonic() < end:
                try:
                    status = client.get("/quick").status_code
                except httpx.TransportError:
                    continue  # it is on its way out
                assert status == 503
                break
        if process.running():
            process.signal(signal.SIGTERM)
        process.exit_code()
