"""A generator behind a channel: one task of its own, never ahead, closed and awaited whatever happens."""

# ruff: noqa: PT012  (what raises is the end of a block)

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import anyio
import pytest

from lilya.concurrency.channel import iterate
from lilya.concurrency.nursery import open_nursery
from tests.concurrency.generators import Numbers, task_id


async def read(items: AsyncIterator[int]) -> int:
    return await anext(items)


@pytest.mark.parametrize("size", [0, 1, 3, 100])
async def test_every_item_arrives_once_and_in_order(size: int) -> None:
    numbers = Numbers(20)
    async with iterate(numbers(), max_buffer_size=size) as items:
        assert [item async for item in items] == list(range(20))
    assert numbers.ends == ["end", "cleaned up"]


async def test_the_generator_runs_from_its_first_step_to_its_last_in_one_task_of_its_own() -> None:
    for length in (3, 10):
        numbers = Numbers(length)
        async with iterate(numbers()) as items:
            for _ in range(3):
                await anext(items)
        assert len(numbers.tasks) == 1
        assert task_id() not in numbers.tasks


async def test_without_a_buffer_the_generator_never_runs_ahead() -> None:
    numbers = Numbers()
    async with iterate(numbers()) as items:
        await anyio.wait_all_tasks_blocked()
        assert numbers.made == 0
        for wanted in (1, 2, 3):
            await anext(items)
            await anyio.wait_all_tasks_blocked()
            assert numbers.made == wanted


async def test_with_a_buffer_the_generator_is_ahead_by_so_many_items_and_no_more() -> None:
    numbers = Numbers()
    async with iterate(numbers(), max_buffer_size=2) as items:
        await anyio.wait_all_tasks_blocked()
        assert numbers.made == 2
        for wanted in (3, 4, 5):
            await anext(items)
            await anyio.wait_all_tasks_blocked()
            assert numbers.made == wanted


async def test_leaving_early_closes_the_generator_and_waits_for_its_clean_up() -> None:
    numbers = Numbers()
    before = anyio.current_time()
    async with iterate(numbers()) as items:
        async for _ in items:
            break
    assert numbers.ends[-1] == "cleaned up"
    assert anyio.current_time() == before + 1


async def test_a_generator_nobody_asked_is_closed_without_being_run() -> None:
    numbers = Numbers()
    async with iterate(numbers()):
        pass
    async with iterate(numbers()):
        await anyio.wait_all_tasks_blocked()
    assert numbers.made == 0
    assert numbers.ends == []


async def test_a_generator_that_was_begun_elsewhere_is_closed_even_if_it_is_not_asked() -> None:
    ends: list[str] = []

    async def generator() -> AsyncGenerator[int]:
        try:
            yield 1
            yield 2
        finally:
            ends.append("closed")

    for enter_cancelled in (False, True):
        agen = generator()
        await anext(agen)
        with anyio.CancelScope() as scope:
            if enter_cancelled:
                scope.cancel()
            async with iterate(agen):
                pass
    assert ends == ["closed", "closed"]


async def test_leaving_while_the_generator_works_cancels_its_work() -> None:
    numbers = Numbers(pause=100)
    async with iterate(numbers(), max_buffer_size=1):
        await anyio.sleep(10)
    assert numbers.ends[-1] == "cleaned up"
    assert anyio.current_time() == 11


async def test_cancellation_of_the_consumer_closes_the_generator_and_goes_on() -> None:
    numbers = Numbers(pause=1)
    received: list[int] = []
    with anyio.move_on_after(3.5) as scope:
        async with iterate(numbers()) as items:
            async for item in items:
                received.append(item)  # noqa: PERF401 - cancelled half way
    assert scope.cancelled_caught
    assert received == [0, 1, 2]
    assert numbers.ends[-1] == "cleaned up"
    assert anyio.current_time() == 4.5


async def test_the_exception_of_the_generator_reaches_the_next_read_as_it_was_raised() -> None:
    error = ValueError("plain")
    numbers = Numbers(2, error)
    async with iterate(numbers()) as items:
        assert [await anext(items), await anext(items)] == [0, 1]
        with pytest.raises(ValueError, match="plain") as caught:
            await anext(items)
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    assert caught.value is error


async def test_items_made_before_the_exception_are_read_before_it() -> None:
    received: list[int] = []
    with pytest.raises(ValueError, match="plain"):
        async with iterate(Numbers(2, ValueError("plain"))(), max_buffer_size=5) as items:
            await anyio.sleep(5)
            async for item in items:
                received.append(item)  # noqa: PERF401 - it raises
    assert received == [0, 1]


async def test_an_exception_nobody_read_is_raised_by_the_end_of_the_block() -> None:
    error = ValueError("plain")
    with pytest.raises(ValueError, match="plain") as caught:
        async with iterate(Numbers(2, error)(), max_buffer_size=5):
            await anyio.sleep(5)
    assert caught.value is error


async def test_an_exception_nobody_read_does_not_disturb_the_block_before_its_end() -> None:
    with pytest.raises(ValueError, match="plain"):
        async with iterate(Numbers(2, ValueError("plain"))(), max_buffer_size=5):
            await anyio.sleep(500)
    assert anyio.current_time() == 500


async def test_an_exception_of_the_clean_up_is_raised_by_the_end_of_the_block() -> None:
    async def generator() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            raise ValueError("clean-up")

    with pytest.raises(ValueError, match="clean-up"):
        async with iterate(generator()) as items:
            await anext(items)


async def test_an_exception_of_the_block_leaves_as_it_was_raised() -> None:
    numbers = Numbers()
    error = KeyError("block")
    with pytest.raises(KeyError) as caught:
        async with iterate(numbers()) as items:
            await anext(items)
            raise error
    assert caught.value is error
    assert numbers.ends[-1] == "cleaned up"


async def test_exceptions_of_both_sides_leave_as_a_group() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with iterate(Numbers(0, ValueError("generator"))(), max_buffer_size=1):
            await anyio.sleep(5)
            raise KeyError("block")
    assert {type(exc) for exc in caught.value.exceptions} == {ValueError, KeyError}


async def test_an_exception_that_is_no_error_ends_the_block_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        async with iterate(Numbers(0, KeyboardInterrupt())(), max_buffer_size=1):
            await anyio.sleep(500)
    assert anyio.current_time() == 1  # the clean-up of the generator


async def test_a_scope_held_across_a_yield_may_expire_there() -> None:
    async def generator() -> AsyncGenerator[str]:
        with anyio.move_on_after(5) as scope:
            yield "inside"
            yield "never"
        assert scope.cancelled_caught
        assert anyio.current_time() == 5
        yield "after"

    received: list[str] = []
    async with iterate(generator()) as items:
        received.append(await anext(items))
        await anyio.sleep(10)
        received += [item async for item in items]
    assert received == ["inside", "after"]


async def test_a_timeout_around_a_yield_is_the_exception_of_the_generator() -> None:
    async def generator() -> AsyncGenerator[str]:
        with anyio.fail_after(5):
            yield "inside"
            yield "never"

    async with iterate(generator()) as items:
        assert await anext(items) == "inside"
        await anyio.sleep(10)
        with pytest.raises(TimeoutError):
            await anext(items)


async def test_a_scope_that_expires_again_and_again_makes_one_item_ahead_and_no_more() -> None:
    made: list[float] = []

    async def generator() -> AsyncGenerator[float]:
        while True:
            with anyio.move_on_after(1):
                made.append(anyio.current_time())
                yield made[-1]

    received: list[float] = []
    async with iterate(generator()) as items:
        received.append(await anext(items))
        await anyio.sleep(50)
        assert made == [0, 1]
        received += [await anext(items), await anext(items)]
    assert received == [0, 1, 50]


async def test_a_child_of_the_generator_that_fails_while_it_waits_is_its_exception() -> None:
    async def fail() -> None:
        await anyio.sleep(5)
        raise ValueError("child")

    async def generator() -> AsyncGenerator[int]:
        async with anyio.create_task_group() as children:
            children.start_soon(fail)
            yield 1
            yield 2

    async with iterate(generator()) as items:
        assert await anext(items) == 1
        await anyio.sleep(10)
        with pytest.raises(ValueError, match="child"):
            await anext(items)


async def test_a_generator_that_shields_its_yield_is_closed_nevertheless() -> None:
    ends: list[str] = []

    async def generator() -> AsyncGenerator[int]:
        try:
            async with anyio.create_task_group() as children:
                children.start_soon(anyio.sleep_forever)
                with anyio.CancelScope(shield=True):
                    yield 1
        finally:
            ends.append("closed")

    async with iterate(generator()) as items:
        await anext(items)
    with anyio.move_on_after(5):
        async with iterate(generator()) as items:
            await anext(items)
            await anyio.sleep_forever()
    assert ends == ["closed", "closed"]
    assert anyio.current_time() == 5


async def test_a_generator_that_goes_on_after_its_cancellation_is_closed_and_the_cancellation_goes_on() -> None:
    ends: list[str] = []

    async def generator() -> AsyncGenerator[int]:
        try:
            try:
                yield 1
            except BaseException:  # noqa: BLE001, RUF100 - what nobody should do
                yield 2
        finally:
            ends.append("closed")

    with anyio.move_on_after(5) as scope:
        async with iterate(generator()) as items:
            await anext(items)
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert ends == ["closed"]


async def test_a_generator_that_ends_in_silence_when_it_is_cancelled_hides_nothing() -> None:
    async def generator() -> AsyncGenerator[int]:
        try:
            yield 1
        except BaseException:  # noqa: BLE001, RUF100 - what nobody should do
            return

    with anyio.move_on_after(5) as scope:
        async with iterate(generator()) as items:
            await anext(items)
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_generator_that_refuses_to_end_is_an_error() -> None:
    async def generator() -> AsyncGenerator[int]:
        while True:
            try:
                yield 1
            except BaseException:  # noqa: BLE001, PERF203, RUF100 - what nobody should do
                if ends:
                    return
                ends.append("once")

    ends: list[str] = []
    async with iterate(generator()) as items:
        await anext(items)
    assert ends == ["once"]

    async def stubborn() -> AsyncGenerator[int]:
        for _ in range(3):
            try:
                yield 1
            except BaseException:  # noqa: BLE001, PERF203, RUF100 - what nobody should do
                ends.append("again")

    agen = stubborn()
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        async with iterate(agen) as items:
            await anext(items)
    with pytest.raises(StopAsyncIteration):
        await anext(agen)


async def test_a_shielded_reader_does_not_take_the_cancellation_of_the_generator_for_its_end() -> None:
    outcomes: list[str] = []
    with anyio.move_on_after(5):
        async with iterate(Numbers(pause=10)()) as items:
            with anyio.CancelScope(shield=True):
                try:
                    await anext(items)
                except BaseException as exc:
                    outcomes.append("stop" if isinstance(exc, StopAsyncIteration) else "cancelled")
                    raise
    assert outcomes == ["cancelled"]


@pytest.mark.parametrize("length", [0, 1])
async def test_every_read_is_a_checkpoint_and_a_cancelled_one_loses_nothing(length: int) -> None:
    async with iterate(Numbers(length)(), max_buffer_size=1) as items:
        await anyio.sleep(5)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(items)
        assert scope.cancelled_caught
        assert [item async for item in items] == list(range(length))


async def test_a_foreign_cancellation_inside_the_generator_reaches_the_next_read(backend: str) -> None:
    if backend == "trio":
        return  # it has no other cancellation than that of scopes

    async def generator() -> AsyncGenerator[int]:
        yield 1
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.cancel()
        yield await future

    for size in (0, 5):
        received: list[int] = []
        with pytest.raises(asyncio.CancelledError):
            async with iterate(generator(), max_buffer_size=size) as items:
                received.append(await anext(items))
                await anyio.sleep(5)
                received.append(2)
                await anext(items)
        assert received == [1, 2]


async def test_two_reads_at_once_are_an_error() -> None:
    async with iterate(Numbers(pause=1)()) as items, open_nursery() as nursery:
        nursery.start_soon(read, items)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await anext(items)


async def test_a_read_after_the_block_is_a_clear_error() -> None:
    async with iterate(Numbers()()) as items:
        await anext(items)
    with pytest.raises(anyio.ClosedResourceError, match="inside its `async with` block"):
        await anext(items)


async def test_a_read_in_another_task_ends_when_the_block_is_left() -> None:
    async def failing_read(items: AsyncIterator[int]) -> None:
        with pytest.raises(anyio.ClosedResourceError):
            await anext(items)

    async with open_nursery() as nursery:
        async with iterate(Numbers(pause=100)()) as items:
            nursery.start_soon(failing_read, items)
            await anyio.wait_all_tasks_blocked()


async def test_an_async_iterator_that_is_no_generator_will_do_and_is_closed_when_left_early() -> None:
    closed: list[str] = []

    class Plain(AsyncIterator[int]):
        async def __anext__(self) -> int:
            await anyio.sleep(1)
            return 1

    class Closing(Plain):
        async def aclose(self) -> None:
            closed.append("closed")

    for source in (Plain(), Closing()):
        async with iterate(source) as items:
            assert await anext(items) == 1
    assert closed == ["closed"]


async def test_an_error_while_closing_is_not_taken_for_the_end() -> None:
    class Closing(AsyncIterator[int]):
        async def __anext__(self) -> int:
            return 1

        async def aclose(self) -> None:
            raise ExceptionGroup("closing", [ValueError("one")])

    with pytest.raises(ValueError, match="one"):
        async with iterate(Closing()) as items:
            await anext(items)
