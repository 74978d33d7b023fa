"""Blocking code: its thread is waited for, its context variables come back, its limits are kept apart."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import (
    AsyncCallable,
    ThreadContext,
    _Call,
    enforce_async_callable,
    is_async_callable,
    run_cleanup,
    run_in_threadpool,
    run_sync,
    thread_limits,
)
from lilya.testing.steps import cancelled_at

variable: ContextVar[str] = ContextVar("variable", default="default")
other: ContextVar[str] = ContextVar("other")


class Blocking:
    """A blocking function under the control of its test: says when it runs, and runs until it is let go."""

    def __init__(self) -> None:
        self.running = anyio.Event()
        self.ended = False
        self._go = threading.Event()

    def __call__(self) -> str:
        anyio.from_thread.run_sync(self.running.set)
        self._go.wait()
        self.ended = True
        return "result"

    def let_go(self) -> None:
        self._go.set()


async def test_a_blocking_function_runs_in_another_thread_with_all_its_arguments() -> None:
    def function(*args: int, limiter: str, func: str) -> tuple[tuple[int, ...], str, str, int]:
        return args, limiter, func, threading.get_ident()

    args, limiter, func, thread = await run_in_threadpool(function, 1, 2, limiter="its own", func="its own")
    assert (args, limiter, func) == ((1, 2), "its own", "its own")
    assert thread != threading.get_ident()


async def test_a_blocking_function_does_not_block_the_loop() -> None:
    blocking = Blocking()
    async with open_nursery() as nursery:
        nursery.start_soon(run_sync, blocking)
        await blocking.running.wait()
        assert not blocking.ended
        blocking.let_go()
    assert blocking.ended


async def test_an_exception_comes_back_as_it_was_raised() -> None:
    error = ValueError("plain")

    def function() -> None:
        raise error

    with pytest.raises(ValueError, match="plain") as caught:
        await run_in_threadpool(function)
    assert caught.value is error


async def test_stop_iteration_does_not_break_the_coroutine_and_says_what_to_do() -> None:
    exhausted: Iterator[str] = iter(())
    with pytest.raises(RuntimeError, match=r"next raised StopIteration.*iterate_in_threadpool\(\)") as caught:
        await run_sync(next, exhausted)
    assert isinstance(caught.value.__cause__, StopIteration)


async def test_an_async_function_in_a_thread_is_a_clear_error() -> None:
    looks_blocking: Callable[..., object] = function
    with pytest.raises(TypeError, match="function is async: await it"):
        await run_in_threadpool(looks_blocking)


async def test_context_variables_travel_there_and_back() -> None:
    variable.set("caller")

    def function() -> str:
        seen = variable.get()
        variable.set("thread")
        other.set("new")
        return seen

    assert await run_in_threadpool(function) == "caller"
    assert (variable.get(), other.get()) == ("thread", "new")


async def test_context_variables_come_back_also_when_the_function_raises() -> None:
    def function() -> None:
        variable.set("thread")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await run_in_threadpool(function)
    assert variable.get() == "thread"


async def test_only_what_the_thread_changed_comes_back() -> None:
    blocking = Blocking()
    variable.set("before")

    def function() -> None:
        other.set("thread")
        blocking()

    async def caller() -> None:
        await run_sync(function)
        seen.append((variable.get(), other.get()))

    seen: list[tuple[str, str]] = []
    async with open_nursery() as nursery:
        nursery.start_soon(caller)
        await blocking.running.wait()
        variable.set("meanwhile")
        blocking.let_go()
    assert seen == [("before", "thread")]
    assert variable.get() == "meanwhile"


async def test_no_event_loop_seems_to_run_in_the_thread() -> None:
    async def nothing() -> str:
        return "ran"

    # Refused by anyio where a loop is thought to run.
    assert await run_sync(functools.partial(anyio.run, nothing, backend="asyncio")) == "ran"
    assert await run_sync(functools.partial(anyio.run, nothing, backend="trio"), context=ThreadContext()) == "ran"


async def test_one_context_for_several_calls_carries_a_sync_context_manager() -> None:
    @contextmanager
    def overridden(value: str) -> Any:
        tokens = variable.set(value), other.set(value)
        yield
        variable.reset(tokens[0])
        other.reset(tokens[1])

    variable.set("outside")
    context = ThreadContext()
    manager = overridden("inside")
    await run_sync(manager.__enter__, context=context)
    assert (variable.get(), other.get()) == ("inside", "inside")
    await run_sync(manager.__exit__, None, None, None, context=context)
    assert variable.get() == "outside"
    assert other.get("unset") == "unset"


async def test_a_call_that_never_ran_brings_nothing_back() -> None:
    limiter = anyio.CapacityLimiter(1)
    context = ThreadContext()
    await run_sync(variable.set, "thread", context=context)
    variable.set("mine")
    await limiter.acquire_on_behalf_of("somebody")
    with anyio.move_on_after(1) as scope:
        await run_sync(variable.set, "again", context=context, limiter=limiter)
    assert scope.cancelled_caught
    assert variable.get() == "mine"


async def test_a_variable_that_cannot_be_unset_in_this_context_stays() -> None:
    tokens: list[Any] = []
    context = ThreadContext()

    async def set_it() -> None:
        await run_sync(lambda: tokens.append(other.set("inside")), context=context)

    async with open_nursery() as nursery:  # another task, so another context
        nursery.start_soon(set_it)
    other.set("mine")
    await run_sync(lambda: other.reset(tokens.pop()), context=context)
    assert other.get() == "mine"


async def test_a_variable_unset_that_was_there_before_stays() -> None:
    token = other.set("mine")
    context = ThreadContext()

    def unset() -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - a token is good in its own context only
            other.reset(token)

    await run_sync(unset, context=context)
    assert other.get() == "mine"


async def test_cancellation_waits_for_the_thread_and_its_result_is_not_lost() -> None:
    blocking = Blocking()
    results: list[str] = []

    async def caller() -> None:
        results.append(await run_sync(blocking))

    async with open_nursery() as nursery:
        nursery.start_soon(caller)
        await blocking.running.wait()
        nursery.cancel_scope.cancel()
        blocking.let_go()
    assert results == ["result"]


async def test_the_thread_can_be_told_to_stop() -> None:
    running = anyio.Event()
    turns = threading.Event()
    unwound: list[str] = []

    def function() -> None:
        anyio.from_thread.run_sync(running.set)
        try:
            while True:
                turns.wait(0.001)
                anyio.from_thread.check_cancelled()
        finally:
            unwound.append("thread")

    async with open_nursery() as nursery:
        nursery.start_soon(run_sync, function)
        await running.wait()
        nursery.cancel_scope.cancel()
    assert unwound == ["thread"]


async def test_cancelled_before_its_turn_the_function_is_never_called() -> None:
    calls: list[str] = []
    limiter = anyio.CapacityLimiter(1)
    await limiter.acquire_on_behalf_of("somebody")
    with anyio.move_on_after(1) as scope:
        await run_sync(calls.append, "called", limiter=limiter)
    assert scope.cancelled_caught
    limiter.release_on_behalf_of("somebody")
    await run_sync(calls.append, "again", limiter=limiter)
    assert calls == ["again"]


async def test_cancelled_at_any_checkpoint_the_function_is_called_once_or_never() -> None:
    number, called = 0, True
    while called:
        number += 1
        calls: list[str] = []
        _, steps = await cancelled_at(number, lambda calls=calls: run_sync(calls.append, "called"))  # type: ignore[misc]
        called = steps >= number
        assert calls in ([], ["called"])
        assert called or calls == ["called"]
    assert number > 1


@pytest.mark.realtime  # the virtual clock does not know that this thread is still waited for
async def test_a_cancellation_by_asyncio_itself_waits_for_the_thread_too(backend: str) -> None:
    if backend == "trio":
        return  # it has no other cancellation than that of scopes
    blocking = Blocking()

    def function() -> None:
        variable.set("thread")
        blocking()

    async def caller() -> None:
        try:
            await run_sync(function)
        finally:
            seen.append((blocking.ended, variable.get()))

    seen: list[tuple[bool, str]] = []
    task = asyncio.get_running_loop().create_task(caller())
    await blocking.running.wait()
    task.cancel()
    for _ in range(5):
        await anyio.lowlevel.checkpoint()
    assert not task.done()
    blocking.let_go()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [(True, "thread")]


async def test_a_call_that_was_given_up_before_its_thread_began_does_not_begin() -> None:
    calls: list[str] = []
    call = _Call(lambda: calls.append("called"), ThreadContext())
    await call.wait_ended()
    with pytest.raises(RuntimeError, match="nobody waits"):
        await anyio.to_thread.run_sync(call.run)
    assert not calls


async def test_busy_handlers_hold_up_neither_files_nor_clean_up() -> None:
    limits = thread_limits()
    limits.handlers.total_tokens = 1
    limits.files.total_tokens = 1
    handler, file = Blocking(), Blocking()
    async with open_nursery() as nursery:
        nursery.start_soon(run_sync, handler)
        await handler.running.wait()
        await run_sync(str, limiter=limits.files)
        nursery.start_soon(functools.partial(run_sync, file, limiter=limits.files))
        await file.running.wait()
        assert await run_cleanup(str, "closed") == "closed"
        handler.let_go()
        file.let_go()


async def test_the_limits_are_those_of_the_running_loop_and_tell_how_busy_they_are() -> None:
    limits = thread_limits()
    assert thread_limits() is limits
    assert limits.handlers is anyio.to_thread.current_default_thread_limiter()
    statistics = limits.statistics()
    assert (statistics.handlers.total_tokens, statistics.files.total_tokens) == (40, 16)
    assert statistics.cleanup.total_tokens == float("inf")
    assert statistics.files.borrowed_tokens == 0

    blocking = Blocking()
    async with open_nursery() as nursery:
        nursery.start_soon(functools.partial(run_sync, blocking, limiter=limits.files))
        await blocking.running.wait()
        assert limits.statistics().files.borrowed_tokens == 1
        blocking.let_go()
    assert limits.statistics().files.borrowed_tokens == 0


async def test_clean_up_is_done_although_its_caller_is_cancelled() -> None:
    calls: list[str] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_cleanup(calls.append, "closed")
    assert calls == ["closed"]


class Callables:
    """Every way to be callable."""

    async def method(self) -> str:
        return "async"

    def blocking_method(self) -> str:
        return "blocking"

    @classmethod
    async def class_method(cls) -> str:
        return "async"

    @staticmethod
    async def static_method() -> str:
        return "async"


class AsyncObject:
    async def __call__(self) -> str:
        return "async"


class BlockingObject:
    def __call__(self) -> str:
        return "blocking"


async def function(a: int = 1, b: int = 2) -> tuple[int, int]:
    return a, b


def blocking_function(a: int = 1, b: int = 2) -> tuple[int, int]:
    """Its documentation."""
    return a, b


@pytest.mark.parametrize(
    "obj",
    [
        function,
        functools.partial(function, 1),
        functools.partial(functools.partial(function, 1), b=2),
        Callables().method,
        Callables.class_method,
        Callables.static_method,
        functools.partial(Callables().method),
        AsyncObject(),
        functools.partial(AsyncObject()),
        AsyncCallable(blocking_function),
    ],
)
def test_what_gives_a_coroutine_when_called_is_async(obj: object) -> None:
    assert is_async_callable(obj)


@pytest.mark.parametrize(
    "obj",
    [
        blocking_function,
        functools.partial(blocking_function),
        Callables().blocking_method,
        BlockingObject(),
        AsyncObject,  # the class: calling it gives an object
        BlockingObject,
        len,
        "no callable at all",
        None,
    ],
)
def test_what_gives_no_coroutine_when_called_is_not_async(obj: object) -> None:
    assert not is_async_callable(obj)


async def test_an_async_callable_calls_either_kind() -> None:
    assert await AsyncCallable(function)(3) == (3, 2)
    assert await AsyncCallable(blocking_function)(3) == (3, 2)
    assert await AsyncCallable(threading.get_ident)() != threading.get_ident()


async def test_keywords_of_an_async_callable_are_overridden_by_those_of_the_call() -> None:
    wrapped = AsyncCallable(blocking_function, a=5, b=6)
    assert await wrapped() == (5, 6)
    assert await wrapped(b=7) == (5, 7)


def test_an_async_callable_shows_whom_it_wraps() -> None:
    wrapped = AsyncCallable(blocking_function, b=6)
    assert wrapped.__doc__ == "Its documentation."
    assert str(inspect.signature(wrapped)) == "(a: 'int' = 1, *, b: 'int' = 6) -> 'tuple[int, int]'"
    assert inspect.signature(AsyncCallable(blocking_function)) == inspect.signature(blocking_function)


def test_an_async_callable_of_nothing_callable_is_a_clear_error() -> None:
    with pytest.raises(TypeError, match="wants a function or another callable, got 3"):
        AsyncCallable(3)  # type: ignore[arg-type]


async def test_enforcing_leaves_an_async_function_alone() -> None:
    wanted: Callable[..., Coroutine[Any, Any, tuple[int, int]]] = function
    assert enforce_async_callable(wanted) is function
    wrapped = enforce_async_callable(blocking_function)
    assert is_async_callable(wrapped)
    assert await wrapped(b=1) == (1, 1)
