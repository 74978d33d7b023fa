"""What the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lilya.testclient import TestClient

from @@project_name.main import get_application


@pytest.fixture(params=["trio", "asyncio"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """A client of the application, which is started on each backend."""
    with TestClient(get_application(), backend=request.param) as client:
        yield client
