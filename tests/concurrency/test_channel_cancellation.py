"""A channel cancelled at every checkpoint, of either side: nothing is left running, lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.concurrency.channel import iterate
from lilya.concurrency.nursery import open_nursery
from lilya.testing.steps import Stepped, cancelled_at
from tests.concurrency.generators import Numbers


async def test_a_read_that_is_cancelled_loses_nothing() -> None:
    numbers = Numbers(3, pause=10)
    async with iterate(numbers()) as items:
        with anyio.move_on_after(5) as scope:
            await anext(items)
        assert scope.cancelled_caught
        assert [item async for item in items] == [0, 1, 2]


@pytest.mark.parametrize("size", [0, 2])
async def test_cancelled_at_any_checkpoint_of_the_consumer_nothing_is_left_lost_or_doubled(size: int) -> None:
    number, interrupted = 0, True
    while interrupted:
        number += 1
        numbers = Numbers(5)
        received: list[int] = []

        async def consume(numbers: Numbers = numbers, received: list[int] = received) -> None:
            async with iterate(numbers(), max_buffer_size=size) as items:
                async for item in items:
                    received.append(item)  # noqa: PERF401 - cancelled half way

        _, steps = await cancelled_at(number, consume)
        interrupted = steps >= number
        assert received == list(range(len(received)))
        assert numbers.made - len(received) <= size + 1
        assert numbers.ends[-1:] == (["cleaned up"] if numbers.tasks else [])
        assert len(numbers.tasks) <= 1
    assert received == [0, 1, 2, 3, 4]
    assert number > 3


@pytest.mark.parametrize("size", [0, 2])
async def test_cancelled_after_any_number_of_turns_of_the_loop_nothing_is_left_lost_or_doubled(size: int) -> None:
    async def cancel_after(turns: int, scope: anyio.CancelScope) -> None:
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    for turns in range(60):
        numbers = Numbers(5)
        received: list[int] = []
        async with open_nursery() as nursery:
            with anyio.CancelScope() as scope:
                nursery.start_soon(cancel_after, turns, scope)
                async with iterate(numbers(), max_buffer_size=size) as items:
                    async for item in items:
                        received.append(item)
                        await anyio.lowlevel.checkpoint()
        assert received == list(range(len(received)))
        assert numbers.ends[-1:] == (["cleaned up"] if numbers.tasks else [])
        assert len(numbers.tasks) <= 1
    assert received == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [0, 2])
async def test_with_each_read_cancelled_at_each_of_its_checkpoints_every_item_arrives_once(size: int) -> None:
    most = 0
    for number in range(1, 4):
        for victim in range(12):
            received: list[int] = []
            async with iterate(Numbers(4, pause=1)(), max_buffer_size=size) as items:
                reads, open_ = 0, True
                while open_:
                    with anyio.CancelScope() as scope:
                        cancel = scope.cancel if reads == victim else int
                        reads += 1
                        read: Stepped[int] = Stepped(anext(items), number, cancel)
                        try:
                            received.append(await read)
                        except StopAsyncIteration:
                            open_ = False
                        most = max(most, read.count)
            assert received == [0, 1, 2, 3]
    assert most < 4


class Stepwise(AsyncIterator[int]):
    """Iterates over a generator, and cancels `scope` at a checkpoint of the generator's, counted over all steps."""

    def __init__(self, agen: AsyncGenerator[int], number: int, scope: anyio.CancelScope) -> None:
        self.count = 0
        self._agen = agen
        self._number = number
        self._scope = scope

    async def _counted(self, step: Awaitable[Any]) -> Any:
        run: Stepped[Any] = Stepped(step, self._number - self.count, self._scope.cancel)
        try:
            return await run
        finally:
            self.count += run.count

    async def __anext__(self) -> int:
        return int(await self._counted(self._agen.__anext__()))

    async def athrow(self, exc: BaseException) -> Any:
        return await self._counted(self._agen.athrow(exc))

    async def aclose(self) -> None:
        await self._agen.aclose()


@pytest.mark.parametrize("size", [0, 2])
async def test_cancelled_at_any_checkpoint_of_the_generator_nothing_is_left_lost_or_doubled(size: int) -> None:
    number, interrupted = 0, True
    while interrupted:
        number += 1
        numbers = Numbers(4)
        received: list[int] = []
        with anyio.CancelScope() as scope:
            source = Stepwise(numbers(), number, scope)
            async with iterate(source, max_buffer_size=size) as items:
                async for item in items:
                    received.append(item)  # noqa: PERF401 - cancelled half way
        interrupted = source.count >= number
        assert received == list(range(len(received)))
        assert numbers.ends[-1] == "cleaned up"
        assert len(numbers.tasks) == 1
    assert received == [0, 1, 2, 3]
    assert number > 5
