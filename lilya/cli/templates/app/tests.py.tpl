from __future__ import annotations

from typing import Literal

import pytest
from lilya.apps import Lilya
from lilya.routing import Include
from lilya.testclient import TestClient

from .@@version.urls import route_patterns


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_it_welcomes(backend: Literal["trio", "asyncio"]) -> None:
    app = Lilya(routes=[Include("/", routes=route_patterns)])
    with TestClient(app, backend=backend) as client:
        assert client.get("/").json() == {"message": "Welcome to @@project_name"}
