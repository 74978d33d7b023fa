"""The hooks of `tests/conftest.py`: which tests run where, and what fails one."""

from __future__ import annotations

import contextvars
import re
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import sniffio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Run
from tests.support.runner import BACKENDS

ROOT = Path(__file__).parents[2]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_an_async_test_needs_no_marker(request: pytest.FixtureRequest) -> None:
    assert request.node.name.endswith(f"[{sniffio.current_async_library()}]")


async def test_an_async_test_may_ask_for_its_backend(backend: str) -> None:
    assert backend == sniffio.current_async_library()


class TestMethods:
    async def test_an_async_method_is_a_test_too(self, request: pytest.FixtureRequest) -> None:
        assert request.node.name.endswith(f"[{sniffio.current_async_library()}]")


@pytest.mark.parametrize("number", [1, 2])
async def test_backends_multiply_with_other_parameters(number: int, request: pytest.FixtureRequest) -> None:
    assert request.node.name.endswith(f"[{sniffio.current_async_library()}-{number}]")


def test_a_sync_test_that_asks_for_backend_runs_once_for_each(backend: str, request: pytest.FixtureRequest) -> None:
    assert request.node.name.endswith(f"[{backend}]")


def test_a_sync_test_can_run_an_async_function(run: Run, backend: str) -> None:
    async def whereabouts() -> tuple[str, float]:
        await anyio.sleep(60)
        return sniffio.current_async_library(), anyio.current_time()

    assert run(whereabouts) == (backend, 60)


@given(seconds=st.floats(min_value=0, max_value=1e6))
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
async def test_each_example_of_hypothesis_has_a_run_of_its_own(seconds: float) -> None:
    assert anyio.current_time() == 0
    await anyio.sleep(seconds)
    assert anyio.current_time() == pytest.approx(seconds)


@pytest.mark.parametrize("turn", [1, 2])
def test_context_variables_of_a_sync_test_stay_in_it(turn: int) -> None:
    assert variable.get() == "unset"
    variable.set(str(turn))


PLANTED = """
import threading
import anyio

async def test_passes(): await anyio.sleep(1000)

async def test_coroutine_not_awaited(): anyio.sleep(1)

def test_coroutine_not_awaited_by_a_sync_test(run): anyio.sleep(1)

async def test_error_in_finalizer():
    class Noisy:
        def __del__(self): raise ValueError("noise")
    Noisy()

async def test_generator_left():
    async def numbers():
        yield 1
        yield 2
    async for _ in numbers(): break

async def test_warning():
    import warnings
    warnings.warn("a warning", UserWarning)

async def test_dies_in_thread():
    def die(): raise ValueError("thread dies")
    thread = threading.Thread(target=die)
    thread.start()
    thread.join()

async def test_socket_left_open():
    import socket
    socket.socket()
"""


@pytest.mark.realtime
def test_each_thing_a_test_must_not_leave_behind_fails_that_very_test(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    options = ["-p", "no:cacheprovider", "-rA", "--tb=no", "--no-header", "-q", str(planted)]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    reported = re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\S+\])", done.stdout, re.MULTILINE)
    outcomes = {name: outcome for outcome, name in reported}
    expected = {
        f"{name}[{backend}]": "PASSED" if name == "test_passes" else "FAILED"
        for name in re.findall(r"def (test_\w+)\(", PLANTED)
        for backend in BACKENDS
    }
    assert outcomes == expected, done.stdout + done.stderr
