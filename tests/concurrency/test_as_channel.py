"""The decorator `as_channel`, and the rule that tells which generators need a channel."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.concurrency.channel import as_channel, iterate, may_hold_scope
from lilya.concurrency.threads import iterate_in_threadpool


async def test_a_decorated_function_opens_a_channel_with_each_call() -> None:
    @as_channel(max_buffer_size=2)
    async def numbers(length: int, *, step: int = 1) -> AsyncGenerator[int]:
        """Its documentation."""
        for number in range(0, length, step):
            yield number

    async with numbers(3) as items, numbers(6, step=2) as others:
        assert [item async for item in items] == [0, 1, 2]
        assert [item async for item in others] == [0, 2, 4]
    assert numbers.__doc__ == "Its documentation."
    assert "step" in inspect.signature(numbers).parameters


async def test_the_decorator_needs_no_parentheses_and_does_for_methods() -> None:
    class Feed:
        length = 3

        @as_channel
        async def numbers(self) -> AsyncGenerator[int]:
            for number in range(self.length):
                yield number

    async with Feed().numbers() as items:
        assert [item async for item in items] == [0, 1, 2]


def test_what_is_no_async_generator_function_is_refused_when_it_is_decorated() -> None:
    async def coroutine() -> int:
        return 1

    wrong: Any
    for wrong in (coroutine, 3, lambda: iter([])):
        with pytest.raises(TypeError, match="as_channel decorates an async generator function"):
            as_channel(wrong)


@pytest.mark.parametrize("size", [-1, float("inf"), None, "3"])
def test_a_buffer_without_a_bound_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="0 or more, got"):
        as_channel(max_buffer_size=size)
    with pytest.raises(ValueError, match="0 or more, got"):
        iterate(iterate_in_threadpool([]), max_buffer_size=size)


async def test_a_channel_inside_a_channel_unwinds_from_the_inside() -> None:
    ends: list[str] = []

    @as_channel()
    async def inner() -> AsyncGenerator[int]:
        try:
            while True:
                await anyio.sleep(1)
                yield 1
        finally:
            ends.append("inner")

    @as_channel()
    async def outer() -> AsyncGenerator[int]:
        try:
            async with inner() as items:
                async for item in items:
                    yield item
        finally:
            ends.append("outer")

    async with outer() as items:
        assert [await anext(items), await anext(items)] == [1, 1]
    assert ends == ["inner", "outer"]


async def test_a_channel_of_a_context_manager_is_safe_too() -> None:
    @asynccontextmanager
    async def resource() -> AsyncGenerator[str]:
        async with anyio.create_task_group() as children:
            children.start_soon(anyio.sleep_forever)
            yield "resource"
            children.cancel_scope.cancel()

    async def generator() -> AsyncGenerator[str]:
        async with resource() as name:
            while True:
                yield name

    agen = generator()
    async with aclosing(agen), iterate(agen) as items:
        assert await anext(items) == "resource"


async def plain() -> AsyncGenerator[int]:
    for number in range(3):
        await anyio.lowlevel.checkpoint()
        yield number


async def with_a_with() -> AsyncGenerator[int]:
    with anyio.CancelScope():
        yield 1


async def with_an_async_with() -> AsyncGenerator[int]:
    async with anyio.create_task_group():
        yield 1


async def delegating() -> AsyncGenerator[int]:
    async for number in plain():
        yield number


async def delegating_by_hand() -> AsyncGenerator[int]:
    agen = plain()
    yield await anext(agen)


async def entering_by_hand() -> AsyncGenerator[int]:
    scope = anyio.CancelScope()
    scope.__enter__()
    yield 1


class Delegating(AsyncIterator[int]):
    def __init__(self) -> None:
        self._agen = with_a_with()

    async def __anext__(self) -> int:
        return await self._agen.__anext__()


class Opaque(AsyncIterator[int]):
    __anext__: Any = staticmethod(len)


@pytest.mark.parametrize("source", [plain, lambda: iterate_in_threadpool([])])
def test_what_enters_no_context_manager_holds_no_scope(source: Callable[[], AsyncIterator[int]]) -> None:
    assert not may_hold_scope(source())


@pytest.mark.parametrize(
    "source",
    [with_a_with, with_an_async_with, delegating, delegating_by_hand, entering_by_hand, Delegating, Opaque],
)
def test_what_enters_a_context_manager_or_delegates_may_hold_a_scope(source: Callable[[], AsyncIterator[int]]) -> None:
    assert may_hold_scope(source())


async def test_a_memory_stream_holds_no_scope() -> None:
    send, receive = anyio.create_memory_object_stream[int]()
    assert not may_hold_scope(receive)
    send.close()
    receive.close()
