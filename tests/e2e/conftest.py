"""The fixtures that run a test under every server."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.harness import SERVERS, serving
from tests.e2e.whole import QUIET, Whole
from tests.support.tls import Certificate

# What must not be in the log of a process, whatever was done to it.
SIGNS_OF_A_LEAK = ("never awaited", "never retrieved", "was destroyed", "ResourceWarning", "GeneratorExit", "Internal")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The server of this run of the test: one of `SERVERS`."""
    return str(request.param)


@contextlib.contextmanager
def whole_under(server: str, certificate: Certificate | None = None) -> Iterator[Whole]:
    """`apps/whole.py` under a server, with TLS where a certificate is given. Nothing may be left in it at the end."""
    config = {**QUIET.get(server, {}), **({} if certificate is None else certificate.config(server))}
    with serving("whole.py:app", server, drain_timeout=5, config=config) as process:
        shared = Whole(server, process, None if certificate is None else certificate.trusted())
        with shared.http:
            yield shared
            shared.until_idle()
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0, process.report()
        log = process.log()
        assert not [sign for sign in SIGNS_OF_A_LEAK if sign in log], process.report()
        assert "cancelled after" not in log, process.report()


@pytest.fixture(scope="module", params=SERVERS)
def whole(request: pytest.FixtureRequest) -> Iterator[Whole]:
    """`apps/whole.py` under one of `SERVERS`, shared by the tests of a module."""
    with whole_under(str(request.param)) as shared:
        yield shared


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost, made for this run of the tests."""
    return Certificate.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=SERVERS)
def secured(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[Whole]:
    """The same behind TLS."""
    with whole_under(str(request.param), certificate) as shared:
        yield shared
