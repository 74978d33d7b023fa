"""`cache`: what is remembered, for how long, and how often a function is called."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.apps import Lilya
from lilya.caches import InMemoryCache
from lilya.caches.keys import key_of
from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import run_in_threadpool
from lilya.decorators import cache
from lilya.exceptions import ImproperlyConfigured
from lilya.protocols.cache import CacheBackend
from lilya.routing import Path
from lilya.testclient import AsyncTestClient


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Backend:
    """A backend that is async alone."""

    def __init__(self, fails: bool = False) -> None:
        self.kept: dict[str, Any] = {}
        self.fails = fails

    async def get(self, key: str) -> Any:
        await anyio.lowlevel.checkpoint()
        if self.fails:
            raise OSError("down")
        return self.kept.get(key)

    async def set(self, key: str, value: Any, ttl: int | None = None) -> None:
        if self.fails:
            raise OSError("down")
        self.kept[key] = value

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)


class Calls(list[Any]):
    """What a function was called with."""


def test_the_memory_cache_is_a_backend() -> None:
    assert isinstance(InMemoryCache(), CacheBackend)


async def test_a_value_is_kept_for_its_time_as_it_is() -> None:
    clock, calls = Clock(), Calls()

    @cache(ttl=10, backend=InMemoryCache(clock=clock))
    async def pair(a: int, b: int = 2) -> tuple[int, int]:
        calls.append(a)
        return a, b

    assert await pair(1) == (1, 2) == await pair(1, 2) == await pair(a=1, b=2)
    assert await pair(2) == (2, 2)
    clock.now = 9
    await pair(1)
    assert calls == [1, 2]
    clock.now = 10
    await pair(1)
    assert calls == [1, 2, 1]


async def test_none_is_a_value_and_a_failure_is_none() -> None:
    calls = Calls()

    @cache()
    async def nothing(fails: bool) -> None:
        calls.append(fails)
        if fails:
            raise LookupError

    await nothing(False)
    await nothing(False)
    for _ in range(2):
        with pytest.raises(LookupError):
            await nothing(True)
    assert calls == [False, True, True]


async def test_no_time_is_no_caching() -> None:
    calls = Calls()

    @cache(ttl=0)
    async def value() -> int:
        calls.append(1)
        return len(calls)

    assert [await value(), await value()] == [1, 2]


async def test_those_who_ask_at_the_same_time_call_the_function_once() -> None:
    calls, answers = Calls(), Calls()

    @cache()
    async def slow(key: str) -> str:
        calls.append(key)
        await anyio.sleep(1)
        return key

    async def ask(key: str) -> None:
        answers.append(await slow(key))

    async with open_nursery() as nursery:
        for key in "aabba":
            nursery.start_soon(ask, key)
    assert sorted(calls) == ["a", "b"]
    assert sorted(answers) == list("aaabb")


async def test_a_cancelled_caller_hands_over_to_those_who_wait() -> None:
    calls, answers = Calls(), Calls()

    @cache()
    async def slow() -> int:
        calls.append(1)
        await anyio.sleep(1)
        return len(calls)

    async def ask() -> None:
        answers.append(await slow())

    async with open_nursery() as nursery:
        first = anyio.CancelScope()

        async def give_up() -> None:
            with first:
                await slow()

        nursery.start_soon(give_up)
        await anyio.sleep(0.5)
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await anyio.sleep(0.1)
        first.cancel()
    assert answers == [2, 2]


async def test_a_value_can_be_forgotten() -> None:
    calls = Calls()

    @cache()
    async def value(a: int) -> int:
        calls.append(a)
        return a

    @cache()
    def blocking(a: int) -> int:
        calls.append(a)
        return a

    forget: Any = value
    await value(1)
    await forget.invalidate(1)
    await value(1)
    await forget.invalidate(value, 1)
    await value(1)
    assert calls == [1, 1, 1]
    forget = blocking
    blocking(2)
    forget.invalidate(2)
    blocking(2)
    blocking(2)
    assert calls[3:] == [2, 2]


async def test_sync_handlers_in_threads_take_turns_for_one_value() -> None:
    calls = Calls()
    entered = threading.Event()

    @cache()
    def value(key: str) -> str:
        calls.append(key)
        entered.set()
        return key

    def handler(key: str) -> str:
        return value(key)

    app = Lilya(routes=[Path("/{key}", handler)])
    async with AsyncTestClient(app) as client, open_nursery() as nursery:
        for key in "aabba":
            nursery.start_soon(client.get, f"/{key}")
    assert sorted(calls) == ["a", "b"]


async def test_a_sync_function_uses_an_async_backend_from_a_thread() -> None:
    calls, backend = Calls(), Backend()

    @cache(backend=backend)
    def value(a: int) -> int:
        calls.append(a)
        return a

    assert await run_in_threadpool(value, 1) == 1
    assert await run_in_threadpool(value, 1) == 1
    assert calls == [1]
    assert len(backend.kept) == 1


async def test_a_backend_that_fails_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    @cache(backend=Backend(fails=True))
    async def value() -> int:
        return 1

    @cache(backend=Backend())
    def blocking() -> int:
        return 2

    assert await value() == 1
    assert "down" in caplog.text
    assert blocking() == 2  # on the loop's own thread an async backend cannot be asked
    assert "event loop" in caplog.text


async def test_arguments_that_make_no_key_are_called_through(caplog: pytest.LogCaptureFixture) -> None:
    @cache()
    async def value(a: object) -> int:
        return 1

    @cache()
    def blocking(a: object) -> int:
        return 2

    strange: Any = value
    assert await value(object()) == 1
    assert blocking(object()) == 2
    await strange.invalidate(object())
    assert "make no key" in caplog.text
    with pytest.raises(TypeError):
        await strange()


def test_keys_tell_values_and_types_apart() -> None:
    def function(value: Any) -> None: ...

    values = [1, "1", 1.0, True, None, [1], (1,), {"1": 1}, {1: 1}, {1}, frozenset({1}), [[1]], b"1"]
    assert len({key_of(function, (value,), {}) for value in values}) == len(values)
    assert key_of(function, ({2, 1},), {}) == key_of(function, ({1, 2},), {})


def test_the_memory_cache_forgets_what_was_not_used_for_longest() -> None:
    memory = InMemoryCache(max_entries=2)
    for key in "ab":
        memory.sync_set(key, key)
    memory.sync_get("a")
    memory.sync_set("c", "c", ttl=5)
    assert [memory.sync_get(key) for key in "abc"] == ["a", None, "c"]
    memory.sync_set("c", "c", ttl=0)
    assert memory.sync_get("c") is None
    assert repr(memory) == "InMemoryCache(max_entries=2, 1 kept)"
    unbounded = InMemoryCache(None)
    unbounded.sync_set("a", 1)
    assert len(unbounded) == 1


@pytest.mark.parametrize("wrong", [lambda: cache(lambda: 1), lambda: cache(ttl=-1), lambda: InMemoryCache(0)])  # type: ignore[arg-type]
def test_bad_arguments_are_refused(wrong: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        wrong()
