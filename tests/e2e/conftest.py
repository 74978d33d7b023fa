"""The fixtures that run a test under every server."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.harness import SERVERS, serving
from tests.e2e.whole import QUIET, Whole

# What must not be in the log of a process, whatever was done to it.
SIGNS_OF_A_LEAK = ("never awaited", "never retrieved", "was destroyed", "ResourceWarning", "GeneratorExit", "Internal")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The server of this run of the test: one of `SERVERS`."""
    return str(request.param)


@pytest.fixture(scope="module", params=SERVERS)
def whole(request: pytest.FixtureRequest) -> Iterator[Whole]:
    """`apps/whole.py` under one of `SERVERS`, shared by the tests of a module. Nothing may be left in it at the end."""
    server = str(request.param)
    with serving("whole.py:app", server, drain_timeout=5, config=QUIET.get(server)) as process:
        shared = Whole(server, process)
        with shared.http:
            yield shared
            shared.until_idle()
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        log = process.log()
        assert not [sign for sign in SIGNS_OF_A_LEAK if sign in log], process.report()
        assert "cancelled after" not in log, process.report()
