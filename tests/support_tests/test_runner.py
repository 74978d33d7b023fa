"""What a test leaves behind is found, on both backends: every promise is shown to be broken once."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
import trio
from anyio import to_thread

from tests.support.leaks import Leak, busy_threads, threads_ended
from tests.support.runner import Deadlock, run_async

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Keep:
    """Keeps what is planted alive for as long as its test."""

    thing: object = None


async def numbers() -> AsyncGenerator[int]:
    yield 1
    yield 2


def test_the_result_of_the_function_is_returned_and_arguments_are_passed(backend: str) -> None:
    async def add(left: int, *, right: int) -> int:
        await anyio.sleep(1)
        return left + right

    assert run_async(backend, add, 1, right=2) == 3


def test_an_exception_comes_out_as_it_was_raised(backend: str) -> None:
    async def fail() -> None:
        raise KeyError("plain")

    with pytest.raises(KeyError, match="plain"):
        run_async(backend, fail)


@pytest.mark.parametrize("realtime", [False, True])
def test_a_task_left_running_fails(backend: str, realtime: bool) -> None:
    async def leave_a_task() -> None:
        if backend == "trio":
            trio.lowlevel.spawn_system_task(trio.sleep_forever, name="left one")
        else:
            Keep.thing = asyncio.create_task(asyncio.sleep(3600), name="left one")

    with pytest.raises(Leak, match="left one"):
        run_async(backend, leave_a_task, realtime=realtime)


def test_an_async_generator_left_open_fails(backend: str) -> None:
    async def leave_it_open() -> None:
        Keep.thing = generator = numbers()
        await anext(generator)

    with pytest.raises(Leak, match="numbers"):
        run_async(backend, leave_it_open)


def test_an_async_generator_dropped_half_way_fails(backend: str) -> None:
    async def drop() -> None:
        async for _ in numbers():
            break

    with pytest.raises(Leak, match="numbers"):
        run_async(backend, drop)


async def test_async_generators_that_are_exhausted_or_closed_pass() -> None:
    Keep.thing = exhausted = numbers()
    assert [number async for number in exhausted] == [1, 2]
    closed = numbers()
    await anext(closed)
    await closed.aclose()

    @asynccontextmanager
    async def manager() -> AsyncGenerator[int]:
        async with anyio.create_task_group():
            yield 1

    async with manager() as value:
        assert value == 1


def test_the_hooks_for_async_generators_are_put_back(backend: str) -> None:
    before = sys.get_asyncgen_hooks()
    run_async(backend, anyio.sleep, 1)
    assert sys.get_asyncgen_hooks() == before


def test_a_deadlock_is_reported_at_once(backend: str) -> None:
    async def wait_for_nothing() -> None:
        await anyio.Event().wait()

    started = time.perf_counter()
    with pytest.raises(Deadlock):
        run_async(backend, wait_for_nothing)
    assert time.perf_counter() - started < 5


def test_a_thread_left_running_fails_and_is_named(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.leaks.THREAD_EXIT_PATIENCE", 0.05)
    released = threading.Event()

    async def leave_a_thread() -> None:
        threading.Thread(target=released.wait, name="left thread").start()

    try:
        with pytest.raises(Leak, match="left thread"):
            run_async(backend, leave_a_thread)
    finally:
        released.set()


def test_an_abandoned_worker_thread_fails(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.leaks.THREAD_EXIT_PATIENCE", 0.05)
    released = threading.Event()

    async def abandon() -> None:
        with anyio.move_on_after(0.001):
            await to_thread.run_sync(released.wait, abandon_on_cancel=True)

    try:
        with pytest.raises(Leak, match="threads"):
            run_async(backend, abandon)
    finally:
        released.set()


def test_a_thread_that_ends_soon_is_waited_for() -> None:
    before = busy_threads()
    threading.Thread(target=time.sleep, args=(0.02,)).start()
    threads_ended(before)
    assert busy_threads() == before


async def test_worker_threads_of_a_test_are_no_leak() -> None:
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(to_thread.run_sync, threading.get_ident)


@pytest.mark.parametrize("realtime", [False, True])
def test_what_asyncio_would_only_log_fails(realtime: bool) -> None:
    def fail() -> None:
        raise ValueError("in a callback")

    async def schedule() -> None:
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="asyncio logged") as caught:
        run_async("asyncio", schedule, realtime=realtime)
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_exception_of_a_task_nobody_asked_for_fails() -> None:
    async def fail() -> None:
        raise ValueError("in a task")

    async def forget() -> None:
        task = asyncio.create_task(fail())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 1)
        assert task.done()

    with pytest.raises(AssertionError, match="never retrieved"):
        run_async("asyncio", forget)


def test_context_variables_set_in_a_run_stay_in_it(backend: str) -> None:
    async def set_it() -> None:
        variable.set("set")
        await anyio.sleep(1)
        assert variable.get() == "set"

    run_async(backend, set_it)
    assert variable.get() == "unset"
