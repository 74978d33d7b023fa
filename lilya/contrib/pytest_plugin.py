"""The pytest plugin: fixtures `client`, `async_client`, `backend` and `autojump`.

Pytest loads it as "lilya" where Lilya is installed; `-p no:lilya` leaves it out. It imports nothing but pytest until a
fixture is used. A fixture of the same name in a project takes the place of one of these, as with all plugins.

    @pytest.fixture
    def app() -> Lilya:
        return make_app()

    def test_home(client): ...                   # a TestClient, open: on trio and on asyncio
    async def test_poll(async_client, autojump): ...   # an AsyncTestClient, open, on a clock that jumps: on trio
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

__all__ = ["async_client", "autojump", "backend", "client"]

BACKENDS: Final = ("trio", "asyncio")

# Asking for one of these, an async test that no other plugin runs is run by this one.
_OURS: Final = frozenset({"async_client", "autojump", "backend"})

# Real seconds that everything of a client may take; with `autojump` the clients' own defaults hold.
_TIMEOUT: Final = 60.0

_NO_APP: Final = """the fixtures `client` and `async_client` of Lilya test what a fixture called `app` gives: define one

    @pytest.fixture
    def app():
        return Lilya(routes=[...])
"""


def _load(name: str) -> Any:
    """A module of Lilya, when it is needed: pytest loads this plugin for every project that has Lilya installed."""
    return importlib.import_module(name)


def _app(request: pytest.FixtureRequest) -> Any:
    try:
        return request.getfixturevalue("app")
    except pytest.FixtureLookupError as exc:
        if exc.argname != "app":
            raise
        raise pytest.UsageError(_NO_APP) from None


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """The event loop of this run of the test: "trio", then "asyncio"; where another plugin runs it, that one's."""
    if hasattr(request, "param"):
        return str(request.param)
    if "anyio_backend" in request.fixturenames:
        return str(request.getfixturevalue("anyio_backend_name"))
    return "asyncio" if request.node.get_closest_marker("asyncio") else "trio"


@pytest.fixture
def autojump() -> Any:
    """Virtual time: a trio clock that jumps to the next timer when every task is blocked. Leaves asyncio out."""
    return _load("trio.testing").MockClock(autojump_threshold=0)


@pytest.fixture
def client(request: pytest.FixtureRequest, backend: str) -> Iterator[Any]:
    """An open `lilya.testclient.TestClient` of the fixture `app`, on each backend; with `autojump`, in virtual time."""
    clock = "autojump" if "autojump" in request.fixturenames else None
    with _load("lilya.testclient").TestClient(_app(request), backend=backend, clock=clock, timeout=_TIMEOUT) as opened:
        yield opened


@pytest.fixture
def async_client(request: pytest.FixtureRequest, backend: str) -> Any:
    """A `lilya.testclient.AsyncTestClient` of the fixture `app`, open while the async test runs, in its task.

    Whoever runs the test: this plugin, pytest-trio, or anyio's with its marker.
    """
    kit = _load("lilya.testclient")
    if "autojump" in request.fixturenames or "autojump_clock" in request.fixturenames:
        return kit.AsyncTestClient(_app(request))
    options = _load("lilya.testing").ServerOptions(lifespan_timeout=_TIMEOUT)
    return kit.AsyncTestClient(_app(request), timeout=_TIMEOUT, server_options=options)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the test on both backends; in virtual time on trio; where somebody else runs it, once."""
    if not _is_ours(metafunc, "backend") or _somebody_else_runs(metafunc.definition, metafunc.function):
        return
    if any("backend" in _parametrized(mark) for mark in metafunc.definition.iter_markers("parametrize")):
        return
    metafunc.parametrize("backend", BACKENDS[:1] if "autojump" in metafunc.fixturenames else BACKENDS, indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open the async client around the test, whoever runs it."""
    if isinstance(item, pytest.Function) and _is_ours(item, "async_client"):
        if not inspect.iscoroutinefunction(_inner(item.obj)):
            raise pytest.UsageError(f"{item.nodeid}: `async_client` is for async tests; `client` is the sync one")
        item.obj = _opened(item.obj, item.funcargs["async_client"])


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test that asks for one of our fixtures, and that nobody else has claimed."""
    function = pyfuncitem.obj
    ours = any(_is_ours(pyfuncitem, name) for name in _OURS)
    if not (ours and inspect.iscoroutinefunction(function)) or _somebody_else_runs(pyfuncitem, function):
        return None
    name = pyfuncitem.funcargs.get("backend", BACKENDS[0])
    options = {"clock": pyfuncitem.funcargs["autojump"]} if "autojump" in pyfuncitem.funcargs else {}
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    run = functools.partial(function, **arguments)
    _load("anyio").run(run, backend=name, backend_options=options)
    return True


def _parametrized(mark: pytest.Mark) -> list[str]:
    names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _opened(function: Callable[..., Any], client: Any) -> Callable[..., Any]:
    if hasattr(function, "hypothesis"):  # once for each example
        function.hypothesis.inner_test = _opened(function.hypothesis.inner_test, client)
        return function

    @functools.wraps(function)
    async def opened(*args: Any, **kwargs: Any) -> None:
        async with client:
            await function(*args, **kwargs)

    return opened


def _inner(function: Any) -> Any:
    return getattr(getattr(function, "hypothesis", None), "inner_test", function)


def _is_ours(requester: Any, name: str) -> bool:
    """Whether a test asks for our fixture `name`, and not for one that stands in its place."""
    known = getattr(requester, "_arg2fixturedefs", None)  # of a Metafunc
    if known is None:
        known = requester._fixtureinfo.name2fixturedefs  # of a Function
    return name in requester.fixturenames and bool(known.get(name)) and known[name][-1].func.__module__ == __name__


def _somebody_else_runs(node: pytest.Item, function: Any) -> bool:
    """Whether an async test belongs to pytest-trio, to anyio's plugin or to pytest-asyncio."""
    if not inspect.iscoroutinefunction(_inner(function)):
        return False
    marked = any(node.get_closest_marker(name) is not None for name in ("anyio", "asyncio", "trio"))
    modes = [_setting(node, name) for name in ("trio_mode", "anyio_mode", "asyncio_mode")]
    return marked or True in modes or "auto" in modes


def _setting(node: pytest.Item, name: str) -> Any:
    try:
        return node.config.getini(name)
    except (KeyError, ValueError):  # that plugin is not here
        return None
