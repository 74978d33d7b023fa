from __future__ import annotations

from lilya.testclient import TestClient


def test_it_is_ready(client: TestClient) -> None:
    assert client.get("/health").status_code == 200


def test_it_has_no_other_pages_yet(client: TestClient) -> None:
    assert client.get("/").status_code == 404
