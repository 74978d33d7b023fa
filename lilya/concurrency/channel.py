"""Async generators made safe: iterated and closed in one task of their own.

An async generator that waits at a `yield` inside a cancel scope or a nursery breaks structured concurrency: the scope
is left in whatever task happens to resume it (PEP 789), and one that was abandoned is closed by the garbage collector
(PEP 533). Behind a channel neither can happen:

1. The generator runs in one task of its own, from its first step to its last; the `async with` block waits for its end.
2. It never runs ahead: without a buffer it is resumed only when the consumer asks for an item.
3. A cancellation, of the block or of a scope that the generator itself holds, is raised at the `yield` where it waits.
4. Its exception reaches the consumer as it was raised: at the next read, or at the end of the block.

It knows tasks and nothing of HTTP.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import CodeType
from typing import Any, ParamSpec, TypeVar, overload

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from lilya.concurrency.nursery import open_nursery, raise_plain, unwrap

__all__ = ["as_channel", "iterate", "may_hold_scope"]

P = ParamSpec("P")
T = TypeVar("T")


class _Channel(AsyncIterator[T]):
    """Hands items from the task that runs a generator to the one that consumes them.

    Being woken means nothing but "look again", so that a cancelled wait neither loses an item nor doubles it. Two
    events for each item, with one waiter each, cost half of what a memory object stream does.
    """

    def __init__(self, source: AsyncIterator[T], max_buffer_size: int) -> None:
        self._source = source
        self._max_buffer_size = max_buffer_size
        self._items: deque[T] = deque()
        self._failure: BaseException | None = None  # the generator's, until somebody has taken it
        self._ended = self._left = False
        self._wish = anyio.Event()  # set for the generator's task when the consumer did anything
        self._arrival: anyio.Event | None = None  # there while the consumer waits
        self._new_event = type(self._wish)  # the backend's own class: finding the backend costs as much as the event
        self._cancelled = anyio.get_cancelled_exc_class()

    # The consumer's side.

    async def __anext__(self) -> T:
        if self._arrival is not None:
            raise anyio.BusyResourceError("reading from")
        if self._items or self._ended:
            await checkpoint_if_cancelled()
        else:
            arrival = self._arrival = self._new_event()
            self._wish.set()
            try:
                await arrival.wait()
            finally:
                self._arrival = None
        if self._left:
            raise anyio.ClosedResourceError("the channel is closed: read it inside its `async with` block")
        if self._items:
            if self._max_buffer_size:
                self._wish.set()
            return self._items.popleft()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise_plain(failure)
        raise StopAsyncIteration

    def leave(self) -> bool:
        """No more reading. Tells whether the generator's task still has something to do."""
        self._left = True
        self._wish.set()
        return not self._ended or self._failure is not None

    # The side of the generator, in its task.

    async def run(self) -> None:
        try:
            await self._produce()
        except BaseException as exc:
            plain = unwrap(exc)
            if not isinstance(plain, (Exception, BaseExceptionGroup, self._cancelled)):
                raise
            # A cancellation is handed over too: a shielded reader must not take it for the end, and one that belongs to
            # no scope, which only asyncio has, would end the block in silence if it was raised here.
            self._failure = plain
        finally:
            self._ended = True
            self._announce()
        try:
            while self._failure is not None:
                await self._next_wish()
        finally:
            if self._failure is not None:
                raise_plain(self._failure)

    async def _produce(self) -> None:
        try:
            while True:
                try:
                    await self._room()
                    if self._left:
                        await checkpoint_if_cancelled()
                except self._cancelled as exc:
                    self._put(await self._interrupt(exc))
                    # Nobody asked for that item. One is enough: the next is not made before somebody has asked.
                    with anyio.CancelScope(shield=True):
                        await self._room()
                    continue
                if self._left:  # and no cancellation came through: the generator shields its `yield`
                    await self._close_source()
                    return
                self._put(await self._source.__anext__())
        except StopAsyncIteration:
            pass

    async def _room(self) -> None:
        """Wait until another item is wanted, or nobody will want one."""
        while not self._left and len(self._items) >= self._max_buffer_size + (self._arrival is not None):
            await self._next_wish()

    async def _next_wish(self) -> None:
        self._wish = self._new_event()
        await self._wish.wait()

    def _put(self, item: T) -> None:
        self._items.append(item)
        self._announce()

    def _announce(self) -> None:
        if self._arrival is not None:
            self._arrival.set()

    async def _interrupt(self, cancellation: BaseException) -> T:
        """Raise `cancellation` at the `yield`, as if the generator had waited there itself.

        The very exception that arrived here and not `GeneratorExit`: the scopes and nurseries that are open at the
        `yield` know it. If one of them was what expired, the generator goes on from there, and may yield an item.
        """
        athrow = getattr(self._source, "athrow", None)
        if athrow is not None:
            item: T = await athrow(cancellation)
            if not self._left:
                return item
        await self._close_source()
        raise cancellation

    async def _close_source(self) -> None:
        aclose = getattr(self._source, "aclose", None)
        if aclose is None:
            return
        try:
            await aclose()
        except BaseExceptionGroup as group:
            # `aclose()` does not know the GeneratorExit it has raised when a nursery open at the `yield` groups it.
            if not isinstance(unwrap(group), GeneratorExit):
                raise


@asynccontextmanager
async def _open(source: AsyncIterator[T], max_buffer_size: int) -> AsyncGenerator[AsyncIterator[T]]:
    channel = _Channel(source, max_buffer_size)
    async with open_nursery() as nursery:
        nursery.start_soon(channel.run, name=f"channel of {getattr(source, '__qualname__', repr(source))}")
        try:
            yield channel
        finally:
            if channel.leave():
                nursery.cancel_scope.cancel()


def iterate(source: AsyncIterator[T], *, max_buffer_size: int = 0) -> AbstractAsyncContextManager[AsyncIterator[T]]:
    """Run an async generator in a task of its own: `async with iterate(agen) as items: async for item in items: ...`.

    At most `max_buffer_size` items are made before they are asked for; with 0 the generator rests at its `yield` until
    the next read. Leaving the block early raises the cancellation at that `yield` and waits for the end of the
    generator; a `finally` that must await does so under `shielded(seconds)`. What the generator raises is raised by the
    next read or, if there is none, by the end of the block; together with an exception of the block's own it makes a
    group. Cancellation of a read loses nothing: the next one gets the item.

    The generator sees a copy of the context variables of the block. Two reads at once raise `BusyResourceError`, a read
    after the block `ClosedResourceError` (both anyio's). Any other async iterator will do too; leaving early calls its
    `aclose()`, if it has one.
    """
    return _open(source, _checked(max_buffer_size))


@overload
def as_channel(
    function: Callable[P, AsyncIterator[T]], /
) -> Callable[P, AbstractAsyncContextManager[AsyncIterator[T]]]: ...
@overload
def as_channel(
    *, max_buffer_size: int = 0
) -> Callable[[Callable[P, AsyncIterator[T]]], Callable[P, AbstractAsyncContextManager[AsyncIterator[T]]]]: ...
def as_channel(function: Any = None, /, *, max_buffer_size: int = 0) -> Any:
    """Decorate an async generator function so that it may hold nurseries and cancel scopes across its `yield`s:

        @as_channel(max_buffer_size=0)
        async def quotes(symbol):
            async with open_nursery() as nursery:
                ...
                yield quote

        async with quotes("ABC") as items:
            async for item in items:
                ...

    `iterate` says what the block promises. Raises `TypeError` when `function` is not an async generator function.
    """
    _checked(max_buffer_size)
    if function is None:
        return functools.partial(as_channel, max_buffer_size=max_buffer_size)
    if not inspect.isasyncgenfunction(function):
        raise TypeError(
            f"as_channel decorates an async generator function (`async def` with a `yield`), got {function!r}. "
            "For a generator object there is iterate(); the buffer is set by @as_channel(max_buffer_size=...)"
        )

    @functools.wraps(function)
    def open_channel(*args: Any, **kwargs: Any) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        return iterate(function(*args, **kwargs), max_buffer_size=max_buffer_size)

    return open_channel


def may_hold_scope(source: AsyncIterator[object]) -> bool:
    """Whether `source` might hold a cancel scope or a nursery between two items: then iterate over it by `iterate`.

    Judged by its code, once for each function: true when it enters a context manager, iterates over or delegates to
    another async iterator (which may hold one), or cannot be looked into. False: any task may iterate over it.
    """
    code = getattr(source, "ag_code", None) or getattr(type(source).__anext__, "__code__", None)
    return code is None or _code_may_hold_scope(code)


# How the bytecode of CPython 3.11 to 3.14 enters a context manager (up to 3.13 by BEFORE_*, from 3.14 by LOAD_SPECIAL,
# always with WITH_EXCEPT_START in the handler) and begins an `async for`.
_OPCODES = frozenset({"BEFORE_ASYNC_WITH", "BEFORE_WITH", "GET_AITER", "LOAD_SPECIAL", "WITH_EXCEPT_START"})

# The same, written by hand.
_NAMES = frozenset(
    {"__aenter__", "__anext__", "__enter__", "aiter", "anext", "asend", "enter_async_context", "enter_context"}
)


@functools.lru_cache(maxsize=1024)
def _code_may_hold_scope(code: CodeType) -> bool:
    if not _NAMES.isdisjoint(code.co_names):
        return True
    return any(instruction.opname in _OPCODES for instruction in dis.get_instructions(code))


def _checked(max_buffer_size: object) -> int:
    if isinstance(max_buffer_size, int) and max_buffer_size >= 0:
        return max_buffer_size
    raise ValueError(
        f"max_buffer_size is a number of items, 0 or more, got {max_buffer_size!r}; a buffer without a bound "
        "would hide that the consumer is too slow"
    )
