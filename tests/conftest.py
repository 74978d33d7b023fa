"""Every `async def test_...` runs on trio and on asyncio, on a virtual clock, and must leave nothing behind.

* An async test needs no marker; it gets the ids `trio` and `asyncio`. It, a sync test, or a fixture may ask for
  `backend`, the name of the current one.
* A sync test may ask for `run`: `run(async_function, *args)` runs it like an async test and returns its result.
* `@pytest.mark.realtime` gives the real clock, for real sockets and processes.

Why no plugin: pytest-trio has no asyncio, anyio's has no virtual clock and hangs when a fixture's task group crashes.
There are no async fixtures on purpose: what must be closed is opened by the test, with `async with`.

The promises are kept by `tests/support/runner.py`, `leaks.py` and `virtual_time.py`.
"""

from __future__ import annotations

import contextvars
import functools
import gc
import inspect
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import settings

from tests.support.leaks import busy_threads, threads_ended
from tests.support.runner import BACKENDS, run_async

T = TypeVar("T")

# No deadline: a crowded machine is not a bug. What hypothesis finds it prints as a line to paste.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


class Run(Protocol):
    """Runs an async function on the current backend and returns its result."""

    def __call__(self, function: Callable[..., Awaitable[T]], /, *args: Any, **kwargs: Any) -> T: ...


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The backend of this run of the test: "trio" or "asyncio"."""
    return str(request.param)


@pytest.fixture
def run(request: pytest.FixtureRequest, backend: str) -> Run:
    """For sync tests: run an async function on the current backend, under the same rules as an async test."""
    realtime = _is_realtime(request.node)

    def run(function: Callable[..., Awaitable[T]], /, *args: Any, **kwargs: Any) -> T:
        return run_async(backend, function, *args, realtime=realtime, **kwargs)

    return run


def pytest_configure() -> None:
    """A shell starts what it runs in the background with Ctrl-C ignored, and so would the servers under test."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """An async test that did not ask for `backend` is given it all the same."""
    if _async_test(metafunc.function) is not None and "backend" not in metafunc.fixturenames:
        metafunc.fixturenames.append("backend")
        metafunc.parametrize("backend", BACKENDS)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Call the test in a context of its own; an async one on its backend."""
    function, names = pyfuncitem.obj, pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    if _async_test(function) is not None:
        function = _on_backend(function, str(pyfuncitem.callspec.params["backend"]), _is_realtime(pyfuncitem))
    threads = busy_threads()
    contextvars.copy_context().run(function, **arguments)
    gc.collect()
    threads_ended(threads)
    return True


def pytest_collection_finish(session: pytest.Session) -> None:
    """What exists now lives to the end: left out of the collections after each test, they take next to no time."""
    gc.collect()
    gc.freeze()


# In tests. What pytest keeps of each would otherwise be looked through after every later one: a third of the time.
FREEZE_EVERY = 100


class Finished:
    """How many tests are over."""

    count = 0


def pytest_runtest_logfinish() -> None:
    """Leave out of the coming collections what the last tests have left in pytest's books."""
    Finished.count += 1
    if Finished.count % FREEZE_EVERY == 0:
        gc.collect()
        gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give all back to the collector: the last look for leaks is pytest's own."""
    gc.unfreeze()


def _is_realtime(item: pytest.Item) -> bool:
    return item.get_closest_marker("realtime") is not None


def _async_test(function: Any) -> Any:
    """The coroutine function of an async test, under hypothesis' wrapper where there is one; None of a sync test."""
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return inner if inspect.iscoroutinefunction(inner) else None


def _on_backend(function: Any, backend: str, realtime: bool) -> Callable[..., None]:
    """A sync function that runs the async test once, or, under hypothesis, once for each example."""
    inner = _async_test(function)

    @functools.wraps(inner)
    def once(*args: Any, **kwargs: Any) -> None:
        run_async(backend, inner, *args, realtime=realtime, **kwargs)

    if inner is function:
        return once

    def all_examples(**kwargs: Any) -> None:
        # Set for this run only: the same test function serves the next backend too.
        function.hypothesis.inner_test = once
        try:
            function(**kwargs)
        finally:
            function.hypothesis.inner_test = inner

    return all_examples
