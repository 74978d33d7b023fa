"""How a factory is called, whatever it is: a function, a class, a generator, a context manager, a mere value.

What it opens is put on an exit stack, which is left in the task that entered it. What may block runs in a thread: sync
functions, sync generators and sync context managers, both ends of one in the same context.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Literal

from lilya.concurrency.threads import ThreadContext, is_async_callable, run_cleanup, run_sync

__all__ = ["Factory"]

Kind = Literal["value", "async", "sync", "async manager", "sync manager"]


@dataclass(frozen=True, slots=True)
class Factory:
    """A callable, and what calling it gives: see `kind`. Of a "value" it is the value itself."""

    call: Any
    kind: Kind

    @classmethod
    def of(cls, dependency: Any) -> Factory:
        """The factory a user means by `dependency`."""
        if not callable(dependency):
            return cls(dependency, "value")
        body = _function(dependency)
        if inspect.isasyncgenfunction(body):
            return cls(asynccontextmanager(dependency), "async manager")
        if inspect.isgeneratorfunction(body):
            return cls(contextmanager(dependency), "sync manager")
        wrapped = getattr(body, "__wrapped__", None)
        if not is_async_callable(dependency):
            if hasattr(body, "__aenter__") or inspect.isasyncgenfunction(wrapped):
                return cls(dependency, "async manager")
            if hasattr(body, "__enter__") or inspect.isgeneratorfunction(wrapped):
                return cls(dependency, "sync manager")
        return cls(dependency, "async" if is_async_callable(dependency) else "sync")

    @property
    def is_sync(self) -> bool:
        """Whether it can be called without an event loop."""
        return self.kind in ("value", "sync", "sync manager")

    @property
    def closes(self) -> bool:
        """Whether there is something to close behind the value."""
        return self.kind in ("async manager", "sync manager")

    async def enter(self, stack: AsyncExitStack, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make the value; leaving `stack` closes it. Cancelling it cancels the factory (a thread is awaited)."""
        if self.kind == "async":
            return await self.call(*args, **kwargs)
        if self.kind == "async manager":
            return await stack.enter_async_context(self.call(*args, **kwargs))
        if self.kind == "sync":
            return await run_sync(partial(self.call, *args, **kwargs))
        if self.kind == "sync manager":
            return await stack.enter_async_context(_InThread(partial(self.call, *args, **kwargs)))
        return self.call

    def enter_sync(self, stack: ExitStack, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same here and now, for one that `is_sync`."""
        if self.kind == "sync manager":
            return stack.enter_context(self.call(*args, **kwargs))
        return self.call(*args, **kwargs) if self.kind == "sync" else self.call


def _function(dependency: Any) -> Any:
    """What is run when `dependency` is called: a function, or the class that is made an instance of."""
    while isinstance(dependency, partial):
        dependency = dependency.func
    if isinstance(dependency, type) or inspect.isroutine(dependency):
        return dependency
    return type(dependency).__call__


class _InThread:
    """A sync context manager, made, entered and left in worker threads, in one context."""

    __slots__ = ("_context", "_entered", "_make", "_manager")

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._make = make
        self._context = ThreadContext()
        self._entered = False

    async def __aenter__(self) -> Any:
        try:
            return await run_sync(self._enter, context=self._context)
        except BaseException as exc:
            if self._entered:  # cancelled while the thread was at it, in a way that only asyncio has
                await self.__aexit__(type(exc), exc, exc.__traceback__)
            raise

    def _enter(self) -> Any:
        self._manager = self._make()
        value = self._manager.__enter__()
        self._entered = True
        return value

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        return await run_cleanup(self._manager.__exit__, exc_type, exc, tb, context=self._context)
