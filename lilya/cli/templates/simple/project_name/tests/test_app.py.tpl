from __future__ import annotations

import pytest
from lilya.testclient import TestClient


def test_it_is_ready(client: TestClient) -> None:
    assert client.get("/health").status_code == 200


def test_it_welcomes_everybody(client: TestClient) -> None:
    assert client.get("/").json() == {"message": "Welcome to Lilya"}


@pytest.mark.parametrize("path", ["/ada", "/in-request/ada"])
def test_it_welcomes_you_by_name(client: TestClient, path: str) -> None:
    assert client.get(path).json() == {"message": "Welcome to Lilya, ada"}
