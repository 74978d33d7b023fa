"""Where a server listens, as it is told and as it tells."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

import httpx
import pytest

from tests.e2e.harness import foreign, serving

pytestmark = [pytest.mark.e2e]


def test_port_0_reports_the_port_that_was_given_and_several_binds_are_served(server: str) -> None:
    with serving("bare.py:app", server, bind=["127.0.0.1:0", "[::1]:0"]) as process:
        first, second = process.urls()
        assert first.startswith("http://127.0.0.1:")
        assert second.startswith("http://[::1]:")
        for url in (first, second):
            assert httpx.get(f"{url}/ping", trust_env=False).text == "hello from the lifespan"


def test_a_unix_socket_is_served_and_its_file_removed(server: str, tmp_path: Path) -> None:
    path = tmp_path / "lilya.sock"
    with serving("bare.py:app", server, bind=f"unix:{path}") as process:
        assert process.urls() == [f"unix:{path}"]
        assert stat.S_ISSOCK(path.stat().st_mode)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost") as client:
            assert client.get("/ping").text == "hello from the lifespan"
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0
        assert not path.exists()


def test_the_servers_own_command_serves_the_same_application(server: str) -> None:
    with foreign("bare.py:app", server) as process:
        with process.client() as client:
            assert client.get("/ping").text == "hello from the lifespan"
        process.signal(signal.SIGTERM)
        process.exit_code()
