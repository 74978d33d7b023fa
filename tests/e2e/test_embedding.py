"""`serve` in the user's own event loop and nursery, beside other tasks."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.harness import Process, script
from tests.e2e.wire import HTTP

pytestmark = [pytest.mark.e2e]


def arguments(server: str) -> tuple[str, str]:
    library, _, backend = server.partition("-")
    return backend or "asyncio", library


def assert_in_order(process: Process, *lines: str) -> None:
    log = process.log()
    places = [log.find(line) for line in lines]
    assert -1 not in places, (lines, log)
    assert places == sorted(places), (lines, log)


def test_cancelling_the_nursery_is_an_orderly_stop_and_then_goes_on(server: str) -> None:
    with script("beside.py", *arguments(server), "cancel") as process:
        with HTTP(process.connect()) as connection:
            answer = connection.get("/slowly")  # its handler runs when the nursery is cancelled
            assert answer is not None
            assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"at last", "close")
        assert process.exit_code() == 0
        assert_in_order(process, "tick: cancelled", "end of /slowly", "lifespan.shutdown", "nursery: left")
        assert "Traceback" not in process.log()


def test_ctrl_c_in_the_users_own_loop_is_an_orderly_stop_too(server: str) -> None:
    with script("beside.py", *arguments(server), "interrupt") as process:
        with HTTP(process.connect()) as connection:
            assert connection.get("/ping") is not None
        process.signal(signal.SIGINT)
        assert process.exit_code() != 0
        assert_in_order(process, "drain", "lifespan.shutdown", "KeyboardInterrupt")
        assert "nursery: left" not in process.log()
