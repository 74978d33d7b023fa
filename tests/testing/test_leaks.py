from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.testing.exceptions import UncleanExit
from lilya.testing.leaks import assert_no_leaks, watch_leaks


async def numbers() -> AsyncIterator[int]:
    for number in range(3):
        yield number


async def test_what_is_closed_and_awaited_is_no_leak() -> None:
    with assert_no_leaks():
        assert [number async for number in numbers()] == [0, 1, 2]
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep, 1)


async def test_a_task_left_running_is_named() -> None:
    async with open_nursery() as nursery:
        with pytest.raises(UncleanExit, match="task 'mine' is still running"), assert_no_leaks():
            nursery.start_soon(anyio.sleep_forever, name="mine")
        nursery.cancel_scope.cancel()


async def test_a_generator_left_open_is_named() -> None:
    generator = numbers()
    with pytest.raises(UncleanExit, match="async generator numbers is not closed"), assert_no_leaks():
        await anext(generator)
    async for _ in generator:
        pass


async def test_a_watch_needs_no_hooks_of_the_event_loop() -> None:
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        with watch_leaks() as watch:
            await anext(numbers())
            problems = watch.problems()
    finally:
        sys.set_asyncgen_hooks(*hooks)
    assert problems == ["async generator numbers was dropped without being closed"]


async def test_an_exception_of_the_block_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), assert_no_leaks():
        raise ZeroDivisionError


def test_a_generator_that_is_dropped_is_named(backend: str) -> None:
    async def main() -> None:
        with pytest.raises(UncleanExit, match="async generator numbers was dropped"), assert_no_leaks():
            await anext(numbers())  # nothing refers to it from here on

    # On a bare event loop: the house's own runner would report the same generator.
    with pytest.warns(ResourceWarning) if backend == "trio" else nullcontext():
        anyio.run(main, backend=backend)
