"""Where every task of Lilya gets its parent.

This is the only module that opens a nursery, and the only one that takes exception groups apart. It knows tasks and
nothing of HTTP. Two rules hold for whoever uses it:

1. A nursery is opened and left in one task, and never open across the `yield` of an async generator.
2. What leaves a nursery is plain: a group with one leaf, once cancellations are taken out, leaves as that leaf.
"""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import anyio
from anyio.abc import TaskGroup

if TYPE_CHECKING:
    import trio

__all__ = ["in_trio", "open_nursery", "open_trio_nursery", "raise_plain", "shielded", "unwrap"]

N = TypeVar("N")


def in_trio() -> bool:
    """Whether the running event loop is trio's. Imports nothing: a program that runs trio has imported it."""
    trio_module = sys.modules.get("trio")
    return trio_module is not None and bool(trio_module.lowlevel.in_trio_run())


def _leaves(exc: BaseException, cancelled: type[BaseException]) -> list[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        return [leaf for each in exc.exceptions for leaf in _leaves(each, cancelled)]
    return [] if isinstance(exc, cancelled) else [exc]


def unwrap(exc: BaseException) -> BaseException:
    """The exception a person would have written: the one leaf of a group, however deep it is wrapped.

    Cancellations beside real errors are dropped (the cancelled work has unwound; the error says why). A group with
    several real leaves is returned as a group of those alone, one with none as it came. Anything that is not a group
    is returned unchanged.
    """
    if not isinstance(exc, BaseExceptionGroup):
        return exc
    cancelled = anyio.get_cancelled_exc_class()
    leaves = _leaves(exc, cancelled)
    if len(leaves) == 1:
        return leaves[0]
    several = exc.split(cancelled)[1] or exc
    while len(several.exceptions) == 1 and isinstance(several.exceptions[0], BaseExceptionGroup):
        several = several.exceptions[0]  # a group around a group says nothing more
    return several


def raise_plain(exc: BaseException) -> NoReturn:
    """Raise `exc` as it is: being carried out of a nursery is no `__context__` (it would tie a knot in the chain)."""
    context = exc.__context__
    try:
        raise exc
    finally:
        exc.__context__ = context
        del exc


class _Plain(Generic[N]):
    """A nursery whose exceptions leave unwrapped."""

    __slots__ = ("_manager",)

    def __init__(self, manager: AbstractAsyncContextManager[N, bool | None]) -> None:
        self._manager = manager

    async def __aenter__(self) -> N:
        return await self._manager.__aenter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        try:
            return await self._manager.__aexit__(exc_type, exc, tb)
        except BaseExceptionGroup as group:
            plain = unwrap(group)
        if plain is exc:
            return False
        raise_plain(plain)


def open_nursery() -> AbstractAsyncContextManager[TaskGroup, bool | None]:
    """Open a nursery (an anyio task group): `async with open_nursery() as nursery: nursery.start_soon(fn, *args)`.

    Leaving the block waits for every child. When one of them, or the block, fails, the others are cancelled and
    awaited, and the failure leaves the block as `unwrap` has it. Cancelling the block cancels the children.
    """
    return _Plain(anyio.create_task_group())


def open_trio_nursery() -> AbstractAsyncContextManager[trio.Nursery, bool | None]:
    """The same as a real `trio.Nursery`; raises `RuntimeError` when the loop is not trio's."""
    if not in_trio():
        raise RuntimeError(
            "a trio.Nursery exists only under trio; on asyncio ask for `task_group` (an anyio TaskGroup), "
            "which has the same start_soon(), start() and cancel_scope"
        )
    import trio

    manager: Any = trio.open_nursery()
    return _Plain(manager)


def shielded(seconds: float) -> anyio.CancelScope:
    """A scope for clean-up that must await: cancellation from outside waits until it is left, or `seconds` are over.

    Use it in a `finally`: `with shielded(5.0): await connection.aclose()`. When the time is up the rest of the block is
    cancelled and the program goes on behind it; `scope.cancelled_caught` tells.
    """
    return anyio.move_on_after(seconds, shield=True)
