"""What the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lilya.testclient import TestClient

from @@project_name.app import app


@pytest.fixture(params=["trio", "asyncio"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A client of the application, which is started on each backend."""
    with TestClient(app, backend=request.param) as client:
        yield client
