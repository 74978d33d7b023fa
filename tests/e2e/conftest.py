"""The fixture that runs a test under every server."""

from __future__ import annotations

import pytest

from tests.e2e.harness import SERVERS


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The server of this run of the test: one of `SERVERS`."""
    return str(request.param)
