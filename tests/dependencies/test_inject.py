"""Dependencies outside of requests: `inject` and `PureScope`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.concurrency.threads import run_in_threadpool
from lilya.dependencies import Depends, Provide, Provides, PureScope, Resolve, Scope, inject
from lilya.exceptions import ImproperlyConfigured
from lilya.params import Query


class Log(list[str]):
    """What happened."""


def of(log: Log, fails: bool = False) -> Any:
    async def opened() -> AsyncIterator[str]:
        log.append("open")
        try:
            yield "value"
        except LookupError:
            log.append("saw it")
            raise
        finally:
            await anyio.lowlevel.checkpoint()
            log.append("close")

    return opened


def sync_of(log: Log) -> Any:
    def opened() -> Iterator[str]:
        log.append("open")
        yield "value"
        log.append("close")

    return opened


async def leaf() -> int:
    await anyio.lowlevel.checkpoint()
    return 1


async def test_an_async_function_is_given_what_it_needs_and_it_is_closed_behind_it() -> None:
    log = Log()

    @inject
    async def work(name: str, value: str = Depends(of(log)), fails: bool = False) -> str:
        log.append(f"body {name}")
        if fails:
            raise LookupError
        return value

    assert await work("x") == "value"
    assert log == ["open", "body x", "close"]
    assert await work("y", value="own") == "own"
    assert log[3:] == ["body y"]
    with pytest.raises(LookupError):
        await work("z", fails=True)
    assert log[4:] == ["open", "body z", "saw it", "close"]


async def test_a_shared_factory_is_called_once_in_a_call() -> None:
    calls: list[int] = []

    async def base() -> int:
        calls.append(1)
        return len(calls)

    async def left(base: int = Depends(base)) -> int:
        return base

    @inject(dependencies_map={"named": Provide(left)})
    async def work(a: int = Depends(base), b: int = Resolve(left), named: int = Provides()) -> list[int]:
        return [a, b, named]

    assert await work() == [1, 1, 1]
    assert await work() == [2, 2, 2]


async def test_overrides_go_first() -> None:
    @inject(dependencies_map={"value": 1}, overrides={"value": lambda: 2})
    async def work(value: int) -> int:
        return value

    assert await work() == 2  # type: ignore[call-arg]


def test_a_sync_function_calls_sync_factories_then_and_there() -> None:
    log = Log()

    @inject
    def work(value: str = Depends(sync_of(log))) -> str:
        log.append("body")
        return value

    assert work() == "value"
    assert log == ["open", "body", "close"]


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
@pytest.mark.realtime
def test_a_sync_function_outside_of_a_loop_has_one_run_for_it(backend: Any) -> None:
    log = Log()

    @inject(backend=backend)
    def work(value: str = Depends(of(log)), more: int = Depends(leaf)) -> list[Any]:
        log.append("body")
        return [value, more]

    assert work() == ["value", 1]
    assert log == ["open", "body", "close"]


async def test_a_sync_function_in_a_worker_thread_awaits_on_the_loop_that_runs() -> None:
    @inject
    def work(value: int = Depends(leaf)) -> int:
        return value

    assert await run_in_threadpool(work) == 1


async def test_a_sync_function_never_stops_the_loop_it_is_called_on() -> None:
    @inject
    def work(value: int = Depends(leaf)) -> int:
        return value

    with pytest.raises(RuntimeError, match="event loop"):
        work()
    assert work(3) == 3


def test_what_cannot_be_is_said_when_the_function_is_decorated() -> None:
    async def missing(value: int = Provides()) -> int:
        return value

    async def reads(page: int = Query(1)) -> int:
        return page

    async def lasting(value: int = Depends(Provide(leaf, scope=Scope.APP))) -> int:
        return value

    with pytest.raises(ImproperlyConfigured, match="Missing dependency 'value'"):
        inject(missing)
    with pytest.raises(ImproperlyConfigured, match="no application"):
        inject(lasting)

    async def outer(value: int = Depends(reads)) -> int:
        return value

    with pytest.raises(ImproperlyConfigured, match="there is none"):
        inject(outer)


async def test_a_pure_scope_shares_and_closes_at_its_end() -> None:
    log = Log()
    opened = of(log)

    async def tidy() -> None:
        log.append("tidy")

    async def twice(value: str = Depends(opened), base: int = Provides()) -> str:
        return value * base

    async with PureScope(dependencies={"base": 2}) as scope:
        assert await scope.resolve(opened) == "value"
        assert await scope.resolve(Depends(opened)) == "value"
        assert await scope.resolve(Provide(twice)) == "valuevalue"
        scope.add_cleanup(tidy)
        with pytest.raises(ImproperlyConfigured):
            await scope.resolve(lambda nobody: nobody)
        assert await scope.resolve(Resolve(leaf)) == 1
    assert log == ["open", "tidy", "close"]
