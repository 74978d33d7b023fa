"""An application that fails: the server tells the truth about it, once, and by its exit code."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.harness import serving

pytestmark = [pytest.mark.e2e]


@pytest.mark.parametrize(
    ("when", "code", "says"),
    [
        ("start", 3, "did not start: RuntimeError('no database')"),
        ("start-told", 3, "did not start: told: no database"),
        ("stop", 1, "did not stop in good order: RuntimeError('cannot flush')"),
        ("stop-told", 1, "did not stop in good order: told: cannot flush"),
    ],
)
def test_a_failed_start_or_stop_is_the_exit_code(server: str, when: str, code: int, says: str) -> None:
    with serving("bare.py:app", server, environment={"FAIL": when}) as process:
        if when.startswith("stop"):
            process.urls()
            process.signal(signal.SIGTERM)
        assert process.exit_code() == code
        log = process.log()
        assert log.count(says) == 1
        assert log.count("Traceback") == (0 if when.endswith("told") else 1), log
        assert ("serving on" in log) == when.startswith("stop")


@pytest.mark.parametrize("when", ["serving", "serving-told"])
def test_a_crash_while_serving_stops_the_server(server: str, when: str) -> None:
    with serving("bare.py:app", server, environment={"FAIL": when}, drain_timeout=2) as process:
        with process.client() as client:
            assert client.get("/ping").status_code == 200
            assert client.get("/fall").text == "falling"
        assert process.exit_code() == 1
        log = process.log()
        assert log.count("crashed while it was served: ") == 1
        assert log.count("Traceback") == (0 if when.endswith("told") else 1), log


def test_a_lifespan_that_never_ends_is_given_up(server: str) -> None:
    environment = {"FAIL": "stop-never"}
    with serving("bare.py:app", server, environment=environment, config={"shutdown_timeout": 0.3}) as process:
        process.urls()
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 1
        assert "did not answer lifespan.shutdown within 0.3 s" in process.log()


def test_an_address_in_use_is_said_before_the_application_starts(server: str) -> None:
    with serving("bare.py:app", server) as first:
        with serving("bare.py:app", server, bind=f"127.0.0.1:{first.port}") as second:
            assert second.exit_code() == 1
            log = second.log()
            assert f"cannot listen on 127.0.0.1:{first.port}: something listens there already" in log
            assert "started" not in log
