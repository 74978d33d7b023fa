"""What is checked before anything is opened. That it serves is shown by `test_servers.py`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.servers import run, serve
from lilya.servers._serve import DRAIN_TIMEOUT, _plan
from tests.servers.fakes import WellBehaved

app = WellBehaved()


def plan(**given: Any) -> Any:
    arguments = {"app": app, "bind": "127.0.0.1:0", "backend": "trio", "server": "hypercorn", "config": None}
    return _plan(**{"drain_timeout": None, **arguments, **given})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"app": "main:app"}, "app is an ASGI application, got 'main:app': import it first, or use `lilya --app main"),
        ({"app": None}, "app is an ASGI application, got None"),
        ({"bind": []}, "bind is empty"),
        ({"bind": ["127.0.0.1:0", "8000"]}, "did you mean '127.0.0.1:8000'?"),
        ({"backend": "curio"}, "backend is 'trio' or 'asyncio', got 'curio'"),
        ({"server": "gunicorn"}, "server is 'hypercorn' or 'uvicorn', got 'gunicorn'"),
        ({"server": "uvicorn"}, "uvicorn runs on asyncio only: serve(backend='asyncio', server='uvicorn')"),
        ({"drain_timeout": -1}, "drain_timeout is a number of seconds, 0 or more and finite, got -1"),
        ({"drain_timeout": float("inf")}, "got inf"),
        ({"drain_timeout": "10"}, "got '10'"),
        ({"config": 3}, "config is a hypercorn.Config or a mapping of its options, not 3"),
        ({"config": {"keepalive_timeout": 3}}, "no option 'keepalive_timeout'; did you mean 'keep_alive_timeout'?"),
        ({"config": {"xyzzy": 3}}, "hypercorn has no option 'xyzzy'"),
        ({"config": {"bind": ["0.0.0.0:80"]}}, "bind=['0.0.0.0:80'] is not read by serve(): give the addresses as"),
        ({"config": {"graceful_timeout": 1}}, "give the seconds as drain_timeout="),
        ({"config": {"workers": 4}}, "workers=4 is not read by serve(): it serves in this process"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_what_was_meant(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        plan(**given)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (3, "config is a uvicorn.Config or a mapping of its options, not 3"),
        ({"app": app}, "uvicorn has no option 'app'"),
        ({"log_levle": "info"}, "did you mean 'log_level'?"),
        ({"port": 80}, "port=80 is not read by serve(): give the addresses as bind="),
        ({"lifespan": "off"}, "it always runs the lifespan"),
        ({"timeout_graceful_shutdown": 3}, "give the seconds as drain_timeout="),
    ],
)
def test_a_configuration_for_uvicorn_is_checked_as_well(config: object, says: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        plan(backend="asyncio", server="uvicorn", config=config)
    assert says in str(caught.value)


def test_the_applications_own_drain_timeout_is_the_default() -> None:
    class Patient(WellBehaved):
        drain_timeout = 25

    assert plan().drain_timeout == DRAIN_TIMEOUT
    assert plan(app=Patient()).drain_timeout == 25.0
    assert plan(app=Patient(), drain_timeout=0).drain_timeout == 0.0


@pytest.mark.parametrize(
    ("server", "package"),
    [("hypercorn", "pip install 'hypercorn[trio]'"), ("uvicorn", "pip install uvicorn websockets")],
)
def test_a_server_that_is_not_installed_is_named_with_what_to_install(
    server: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("lilya.servers.hypercorn", "lilya.servers.uvicorn"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, server, None)
    monkeypatch.setitem(sys.modules, f"{server}.asyncio", None)
    with pytest.raises(MissingDependency) as caught:
        plan(backend="asyncio", server=server)
    assert f"serve(server={server!r}) needs {server}" in str(caught.value)
    assert package in str(caught.value)


async def test_serving_for_another_loop_than_the_one_that_runs_is_refused(backend: str) -> None:
    other = "asyncio" if backend == "trio" else "trio"
    with pytest.raises(RuntimeError, match=f"serve.backend='{other}'. is awaited inside {backend}: say backend="):
        await serve(app, "127.0.0.1:0", backend=other)


async def test_run_inside_a_running_loop_is_refused(backend: str) -> None:
    with pytest.raises(RuntimeError, match=f"starts an event loop, and {backend} runs in this thread already"):
        run(app, "127.0.0.1:0", backend=backend)


def test_importing_the_face_imports_no_server_and_no_trio() -> None:
    program = "import sys, lilya.servers; print(*{'hypercorn', 'uvicorn', 'trio'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_a_system_that_cannot_share_a_port_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("socket.SO_REUSEPORT")
    with pytest.raises(ImproperlyConfigured, match="this system has no SO_REUSEPORT"):
        plan(reuse_port=True)
