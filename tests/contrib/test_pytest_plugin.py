"""The pytest plugin, in runs of pytest of its own, alone and beside the plugins that run async tests."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.realtime

Run = Callable[..., pytest.RunResult]

APP = """
    import anyio, pytest, sniffio
    from lilya.apps import Lilya
    from lilya.routing import Path

    log = []

    async def home():
        return sniffio.current_async_library()

    async def slow():
        await anyio.sleep(30)
        return "slept"

    async def up():
        log.append("up")

    async def down():
        log.append("down")

    @pytest.fixture
    def app():
        routes = [Path("/", home), Path("/slow", slow)]
        return Lilya(routes=routes, on_startup=[up], on_shutdown=[down])
"""


@pytest.fixture
def run_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the tests of a source in a pytest of its own, with our plugin and others."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source: str, *plugins: str, app: str = APP, options: tuple[str, ...] = ()) -> pytest.RunResult:
        pytester.makepyfile(app + source)
        names = [part for name in ("lilya.contrib.pytest_plugin", *plugins) for part in ("-p", name)]
        return pytester.runpytest_subprocess(*names, "-p", "no:cacheprovider", "-W", "error", "-v", *options)

    return run


def test_a_sync_test_has_an_open_client_on_both_backends_trio_first(run_tests: Run) -> None:
    result = run_tests(
        """
    def test_it(client, backend):
        assert client.get("/").json() == backend
        assert log[-1] == "up"

    def test_afterwards():
        assert log == ["up", "down"] * 2
    """
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_it?trio?*PASSED*", "*test_it?asyncio?*PASSED*"])


def test_an_async_test_is_run_on_both_backends_with_an_open_client(run_tests: Run) -> None:
    result = run_tests(
        """
    async def test_it(async_client, backend):
        assert (await async_client.get("/")).json() == backend == sniffio.current_async_library()
        assert log[-1] == "up"

    class TestMore:
        async def test_it(self, backend):
            assert sniffio.current_async_library() == backend

    def test_afterwards():
        assert log == ["up", "down"] * 2
    """
    )
    result.assert_outcomes(passed=5)


def test_time_is_virtual_on_trio(run_tests: Run) -> None:
    result = run_tests(
        """
    import time

    async def test_async(async_client, autojump):
        began = time.monotonic()
        assert (await async_client.get("/slow")).json() == "slept"
        assert anyio.current_time() == 30
        assert time.monotonic() - began < 20

    def test_sync(client, autojump):
        assert client.get("/slow").json() == "slept"
    """
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_async?trio?*", "*test_sync?trio?*"])


def test_a_failing_test_and_a_failing_start_are_told_as_such(run_tests: Run) -> None:
    result = run_tests(
        """
    async def test_it(async_client):
        assert (await async_client.get("/")).status_code == 500

    @pytest.fixture
    def broken():
        async def fails():
            raise RuntimeError("no database")
        return Lilya(on_startup=[fails])

    class TestBroken:
        @pytest.fixture
        def app(self, broken):
            return broken

        def test_it(self, client):
            raise AssertionError("not reached")
    """
    )
    result.assert_outcomes(failed=2, errors=2)
    result.stdout.fnmatch_lines(["E*RuntimeError: no database", "E*assert 200 == 500"])


def test_an_app_that_is_not_defined_is_asked_for(run_tests: Run) -> None:
    result = run_tests("def test_it(client):\n    pass\n", app="")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*test what a fixture called `app` gives: define one*"])


def test_an_async_client_in_a_sync_test_is_an_error(run_tests: Run) -> None:
    result = run_tests("    def test_it(async_client):\n        pass\n")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*`async_client` is for async tests; `client` is the sync one*"])


def test_fixtures_of_the_user_take_the_place_of_ours(run_tests: Run) -> None:
    result = run_tests(
        """
    @pytest.fixture
    def client():
        return "mine"

    @pytest.fixture(params=["asyncio"])
    def backend(request):
        return request.param

    def test_client(client):
        assert client == "mine"

    async def test_backend(async_client, backend):
        assert (await async_client.get("/")).json() == backend == "asyncio"
    """
    )
    result.assert_outcomes(passed=2)


def test_a_test_may_choose_its_backend(run_tests: Run) -> None:
    result = run_tests(
        """
    @pytest.mark.parametrize("backend", ["asyncio"])
    async def test_it(async_client, backend):
        assert sniffio.current_async_library() == backend
    """
    )
    result.assert_outcomes(passed=1)


def test_it_works_under_pytest_trio(run_tests: Run) -> None:
    result = run_tests(
        """
    import trio

    @pytest.mark.trio
    async def test_marked(async_client, nursery):
        assert (await async_client.get("/")).json() == "trio"
        nursery.start_soon(trio.sleep, 0)

    @pytest.mark.trio
    async def test_its_clock(async_client, autojump_clock):
        assert (await async_client.get("/slow")).json() == "slept"
        assert trio.current_time() == 30

    @pytest.mark.trio
    async def test_our_clock(async_client, autojump):
        assert (await async_client.get("/slow")).json() == "slept"
        assert trio.current_time() == 30

    async def test_ours(async_client, backend):
        assert (await async_client.get("/")).json() == backend
    """,
        "pytest_trio.plugin",
    )
    result.assert_outcomes(passed=5)


def test_it_works_under_pytest_trio_in_trio_mode(run_tests: Run) -> None:
    result = run_tests(
        """
    async def test_it(async_client, nursery):
        assert (await async_client.get("/")).json() == "trio"

    def test_sync(client, backend):
        assert client.get("/").json() == backend
    """,
        "pytest_trio.plugin",
        options=("-o", "trio_mode=true"),
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("auto", [True, False])
def test_it_works_under_the_plugin_of_anyio(run_tests: Run, auto: bool) -> None:
    mark = "" if auto else "@pytest.mark.anyio"
    result = run_tests(
        f"""
    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return request.param

    {mark}
    async def test_it(async_client, anyio_backend_name, backend):
        assert (await async_client.get("/")).json() == anyio_backend_name == backend
    """,
        "anyio.pytest_plugin",
        options=("-o", "anyio_mode=auto") if auto else (),
    )
    result.assert_outcomes(passed=2)


def test_tests_that_ask_for_nothing_are_left_alone(run_tests: Run) -> None:
    result = run_tests("    def test_sync():\n        pass\n\n    async def test_async():\n        pass\n")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_nothing_of_lilya_is_loaded_before_it_is_used(run_tests: Run) -> None:
    result = run_tests(
        """
import sys

def test_it():
    loaded = {name for name in sys.modules if name.partition(".")[0] in ("lilya", "anyio", "trio", "httpx")}
    assert loaded == {"lilya", "lilya.contrib", "lilya.contrib.pytest_plugin"}
    """,
        app="",
    )
    result.assert_outcomes(passed=1)


def test_it_is_registered_with_pytest() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"lilya": "lilya.contrib.pytest_plugin"}
