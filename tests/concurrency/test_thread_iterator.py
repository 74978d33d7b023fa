"""`iterate_in_threadpool`: every step in a thread, one hop for each item, closed on every way out."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import aclosing
from contextvars import ContextVar

import anyio
import anyio.from_thread
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import iterate_in_threadpool, thread_limits
from lilya.testing.steps import cancelled_at

variable: ContextVar[object] = ContextVar("variable")


class Source(Iterator[int]):
    """Gives 0, 1, 2 ... and remembers from which threads it was used."""

    def __init__(self, length: int, error: Exception | None = None) -> None:
        self.given = 0
        self.closed = 0
        self.threads: set[int] = set()
        self._length = length
        self._error = error

    def __next__(self) -> int:
        self.threads.add(threading.get_ident())
        if self.given == self._length:
            if self._error is not None:
                raise self._error
            raise StopIteration
        self.given += 1
        return self.given - 1

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1


async def test_every_step_and_the_closing_run_in_worker_threads() -> None:
    source = Source(3)
    assert [item async for item in iterate_in_threadpool(source)] == [0, 1, 2]
    assert source.closed == 1
    assert threading.get_ident() not in source.threads


async def test_an_item_costs_one_hop_and_the_end_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    hops = 0
    run_sync = anyio.to_thread.run_sync

    async def counted(*args: object, **options: object) -> object:
        nonlocal hops
        hops += 1
        return await run_sync(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    assert [item async for item in iterate_in_threadpool(Source(3))] == [0, 1, 2]
    assert hops == 4
    async with aclosing(iterate_in_threadpool([1, 2])) as items:  # no close(): leaving early is free
        await anext(items)
    assert hops == 5


async def test_asking_for_an_iterator_may_block_too() -> None:
    threads: list[int] = []

    class Iterable:
        def __iter__(self) -> Iterator[int]:
            threads.append(threading.get_ident())
            return iter([1, 2])

    assert [item async for item in iterate_in_threadpool(Iterable())] == [1, 2]
    assert threading.get_ident() not in threads


async def test_an_item_arrives_before_the_next_is_made() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number

    async for number in iterate_in_threadpool(numbers()):
        assert made == list(range(number + 1))


async def test_all_steps_share_one_context_and_its_changes_come_back() -> None:
    def steps() -> Iterator[object]:
        token = variable.set("set by a step")
        yield variable.get()
        yield variable.get()
        variable.reset(token)
        variable.set("last")
        yield variable.get()

    seen = []
    async for value in iterate_in_threadpool(steps()):
        seen.append((value, variable.get()))  # noqa: PERF401 - the point is what the body sees
    assert seen == [("set by a step", "set by a step")] * 2 + [("last", "last")]


async def test_an_error_comes_out_plain_and_the_iterator_is_closed() -> None:
    source = Source(1, ValueError("plain"))
    items = iterate_in_threadpool(source)
    assert await anext(items) == 0
    with pytest.raises(ValueError, match="plain"):
        await anext(items)
    assert source.closed == 1
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_leaving_early_and_closing_closes_the_iterator_once() -> None:
    source = Source(3)
    async with aclosing(iterate_in_threadpool(source)) as items:
        async for _ in items:
            break
    await items.aclose()
    assert source.closed == 1
    assert threading.get_ident() not in source.threads
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_an_iterator_that_was_never_asked_is_closed_too() -> None:
    source = Source(3)
    await iterate_in_threadpool(source).aclose()
    assert (source.given, source.closed) == (0, 1)


async def test_a_closed_iteration_is_over_also_without_a_close_to_call() -> None:
    items = iterate_in_threadpool([1, 2])
    assert await anext(items) == 1
    await items.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_what_fails_to_become_an_iterator_is_over() -> None:
    class Iterable:
        def __iter__(self) -> Iterator[int]:
            raise ValueError("plain")

    items = iterate_in_threadpool(Iterable())
    with pytest.raises(ValueError, match="plain"):
        await anext(items)
    with pytest.raises(StopAsyncIteration):
        await anext(items)


async def test_an_iterable_that_is_no_iterator_is_not_closed_with_it() -> None:
    class Collection(list[int]):
        def close(self) -> None:
            raise AssertionError("not ours")

    await iterate_in_threadpool(Collection()).aclose()
    assert [item async for item in iterate_in_threadpool(Collection([1]))] == [1]


async def test_the_finally_of_a_generator_runs_in_a_thread_although_the_caller_is_cancelled() -> None:
    threads: list[int] = []

    def numbers() -> Generator[int]:
        try:
            yield 1
            yield 2
        finally:
            threads.append(threading.get_ident())

    with anyio.CancelScope() as scope:
        async with aclosing(iterate_in_threadpool(numbers())) as items:
            async for _ in items:
                scope.cancel()
                await anyio.sleep_forever()
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_cancellation_waits_for_the_running_step_and_hands_its_item_on() -> None:
    running, go = anyio.Event(), threading.Event()
    received: list[int] = []

    def numbers() -> Iterator[int]:
        anyio.from_thread.run_sync(running.set)
        go.wait()
        yield 1
        yield 2

    async def consume() -> None:
        async with aclosing(iterate_in_threadpool(numbers())) as items:
            async for item in items:
                received.append(item)  # noqa: PERF401 - cancelled half way

    async with open_nursery() as nursery:
        nursery.start_soon(consume)
        await running.wait()
        nursery.cancel_scope.cancel()
        go.set()
    assert received == [1]


async def test_a_step_can_be_told_to_stop() -> None:
    running = anyio.Event()
    turns = threading.Event()
    unwound: list[str] = []

    def numbers() -> Iterator[int]:
        try:
            anyio.from_thread.run_sync(running.set)
            while True:
                turns.wait(0.001)
                anyio.from_thread.check_cancelled()
            yield 1
        finally:
            unwound.append("generator")

    async with open_nursery() as nursery:
        nursery.start_soon(anext, iterate_in_threadpool(numbers()))
        await running.wait()
        nursery.cancel_scope.cancel()
    assert unwound == ["generator"]


async def test_cancelled_at_any_checkpoint_no_item_is_lost_or_doubled_and_the_iterator_is_closed_once() -> None:
    number, interrupted = 0, True
    while interrupted:
        number += 1
        source = Source(4)
        received: list[int] = []

        async def consume(source: Source = source, received: list[int] = received) -> None:
            async with aclosing(iterate_in_threadpool(source)) as items:
                async for item in items:
                    received.append(item)
                    await anyio.lowlevel.checkpoint()

        _, steps = await cancelled_at(number, consume)
        interrupted = steps >= number
        assert received == list(range(source.given))
        assert source.closed == 1
        assert threading.get_ident() not in source.threads
    assert received == [0, 1, 2, 3]
    assert number > 8


async def test_clean_up_does_not_wait_behind_busy_handlers() -> None:
    source = Source(3)
    limits = thread_limits()
    async with aclosing(iterate_in_threadpool(source)) as items:
        await anext(items)
        limits.handlers.total_tokens = 1
        await limits.handlers.acquire_on_behalf_of("a busy handler")
    assert source.closed == 1
    limits.handlers.release_on_behalf_of("a busy handler")


async def test_steps_wait_for_the_limiter_they_are_given() -> None:
    limiter = anyio.CapacityLimiter(1)
    await limiter.acquire_on_behalf_of("somebody")
    source = Source(3)
    with anyio.move_on_after(1) as scope:
        await anext(iterate_in_threadpool(source, limiter=limiter))
    assert scope.cancelled_caught
    assert (source.given, source.closed) == (0, 1)


async def test_two_at_once_are_an_error() -> None:
    running, go = anyio.Event(), threading.Event()

    def numbers() -> Iterator[int]:
        anyio.from_thread.run_sync(running.set)
        go.wait()
        yield 1

    async with aclosing(iterate_in_threadpool(numbers())) as items, open_nursery() as nursery:
        nursery.start_soon(anext, items)
        await running.wait()
        with pytest.raises(anyio.BusyResourceError):
            await anext(items)
        with pytest.raises(anyio.BusyResourceError):
            await items.aclose()
        go.set()
