"""The small tools of earlier releases do what they did, on both backends."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

import anyio
import pytest

from lilya.apps import Lilya
from lilya.compat import (
    AsyncResourceHandler,
    import_string,
    is_async_callable,
    is_class_and_subclass,
    md5_hexdigest,
    reverse,
    run_sync,
)
from lilya.concurrency import in_trio, run_in_threadpool
from lilya.exceptions import ImproperlyConfigured
from lilya.routing import Include, NoMatchFound, Path, Router
from tests.routing.client import call

# -- reverse ----------------------------------------------------------------------------------------------------------


async def handler() -> None: ...


ROUTES = [
    Path("/items/{id:int}", handler, name="item"),
    Path("/by/{name}", handler, name="named"),
    Include("/v1", routes=[Path("/", handler, name="home")], name="v1"),
]


@pytest.mark.parametrize("app", [Lilya(routes=ROUTES), Router(ROUTES)], ids=["app", "router"])
def test_a_route_of_an_app_is_found(app: Any) -> None:
    assert reverse("item", app, {"id": 3}) == "/items/3"
    assert reverse("item", app=app, id=3) == "/items/3"
    assert reverse("v1:home", app=app) == "/v1/"
    with pytest.raises(NoMatchFound):
        reverse("item", app=app)


def test_the_name_may_be_given_by_keyword_and_a_parameter_may_be_called_name() -> None:
    app = Lilya(routes=ROUTES)
    assert reverse(reverse_name="item", app=app, id=3) == "/items/3"
    assert reverse(name="item", app=app, path_params={"id": 3}) == "/items/3"
    assert reverse("named", app=app, name="ada") == "/by/ada"
    assert reverse(reverse_name="named", app=app, name="ada") == "/by/ada"


async def test_inside_a_request_the_application_is_known() -> None:
    async def link() -> str:
        return str(reverse("item", id=3))

    app = Lilya(routes=[*ROUTES, Path("/link", link)])
    assert (await call(app, "/link")).text == '"/items/3"'
    with pytest.raises(ImproperlyConfigured):  # it is over with its request
        reverse("item", id=3)


def test_outside_of_a_request_it_must_be_said() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"reverse\('item'\) was called outside of a request"):
        reverse("item", id=3)


# -- run_sync ---------------------------------------------------------------------------------------------------------


async def double(number: int) -> int:
    await anyio.sleep(1)
    return number * 2


async def loop() -> str:
    return "trio" if in_trio() else "asyncio"


async def test_in_a_worker_thread_it_runs_on_the_loop_that_waits_for_the_thread(backend: str) -> None:
    assert await run_in_threadpool(lambda: run_sync(double, 2)) == 4
    assert await run_in_threadpool(lambda: run_sync(double(3))) == 6
    assert await run_in_threadpool(lambda: run_sync(loop)) == backend


async def test_in_a_sync_handler_too() -> None:
    def sync() -> int:
        return run_sync(double, 4)

    assert (await call(Lilya(routes=[Path("/", sync)]))).json == 8


async def test_it_is_cancelled_with_the_thread_s_caller() -> None:
    log: list[str] = []

    async def wait() -> None:
        try:
            await anyio.sleep(100)
        finally:
            log.append("cancelled")

    with anyio.move_on_after(1) as scope:
        await run_in_threadpool(lambda: run_sync(wait))
    assert scope.cancelled_caught
    assert log == ["cancelled"]


async def test_on_a_running_loop_it_is_refused_and_says_what_to_do() -> None:
    for asked in (loop, loop(), Waitable()):
        with pytest.raises(RuntimeError, match="would stop the event loop it is called on: await it"):
            run_sync(asked)


class Waitable:
    """Something to await that is no coroutine."""

    def __await__(self) -> Generator[Any, Any, str]:
        return loop().__await__()


def test_without_a_loop_it_runs_one() -> None:
    assert run_sync(loop) == "asyncio"
    assert run_sync(loop, backend="trio") == "trio"
    assert run_sync(Waitable(), backend="trio") == "trio"


def test_what_is_raised_comes_through() -> None:
    async def fail() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        run_sync(fail)


# -- resources --------------------------------------------------------------------------------------------------------


class File:
    """Is closed once."""

    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


async def open_file() -> File:
    await anyio.sleep(1)
    return File()


async def test_a_resource_is_closed_when_its_block_is_left_however() -> None:
    async with AsyncResourceHandler(open_file()) as file:
        assert file.closed == 0
    assert file.closed == 1
    with pytest.raises(KeyError):
        async with AsyncResourceHandler(open_file()) as file:
            raise KeyError
    assert file.closed == 1


async def test_a_resource_that_is_only_awaited_stays_open() -> None:
    assert (await AsyncResourceHandler(open_file())).closed == 0


# -- the rest ---------------------------------------------------------------------------------------------------------

T = TypeVar("T")


class Box(Generic[T]):
    """Holds something."""


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (bool, int, True),
        (int, (str, int), True),
        (Box[int], Box, True),
        (list[int], list, True),
        (str, int, False),
        (1, int, False),
        ("int", int, False),
        (None, object, False),
    ],
)
def test_a_class_is_told_from_what_is_none(value: Any, kind: Any, expected: bool) -> None:
    assert is_class_and_subclass(value, kind) is expected


def test_an_md5_is_written_in_hexadecimal() -> None:
    assert md5_hexdigest(b"") == "d41d8cd98f00b204e9800998ecf8427e"
    assert md5_hexdigest(b"", usedforsecurity=True) == "d41d8cd98f00b204e9800998ecf8427e"


def test_what_lives_elsewhere_is_found_here() -> None:
    assert import_string("lilya.compat.run_sync") is run_sync
    assert is_async_callable(open_file)
