"""Blocking code in worker threads, so that the event loop never waits for it.

It knows tasks and nothing of HTTP. The rules:

1. A thread is waited for, never abandoned. Cancellation reaches a caller that still waits for its turn; once the thread
   runs, the caller waits until it ends. Long-running blocking code asks `anyio.from_thread.check_cancelled()`, which
   raises there as soon as the caller is cancelled.
2. Context variables travel there and back: what the thread sets is set in the caller afterwards, also when it raised.
3. Three limits, each of the running event loop (`thread_limits`): what the user wrote and what the framework reads and
   writes do not wait for each other, and clean-up waits for nobody.
"""

from __future__ import annotations

import functools
import inspect
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, Token, copy_context
from dataclasses import dataclass
from types import CoroutineType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeGuard, TypeVar, overload

import anyio
import anyio.to_thread
from anyio import CapacityLimiter, CapacityLimiterStatistics
from anyio.lowlevel import RunVar

from lilya._lazy import lazily
from lilya.concurrency.capacity import Capacity

if TYPE_CHECKING:
    from anyio import from_thread
else:
    from_thread = lazily("anyio.from_thread")

__all__ = [
    "AsyncCallable",
    "ThreadContext",
    "ThreadIterator",
    "ThreadLimits",
    "ThreadStatistics",
    "enforce_async_callable",
    "is_async_callable",
    "iterate_in_threadpool",
    "own_threads",
    "run_cleanup",
    "run_in_threadpool",
    "run_on_loop",
    "run_sync",
    "thread_limits",
]

P = ParamSpec("P")
T = TypeVar("T")

# Threads for the framework's own file I/O: enough to keep a disk busy; more would only take turns on the
# interpreter lock.
FILE_THREADS = 16


@dataclass(frozen=True, slots=True)
class ThreadStatistics:
    """How many threads are busy, and how many tasks wait for one, at one moment."""

    handlers: CapacityLimiterStatistics
    files: CapacityLimiterStatistics
    cleanup: CapacityLimiterStatistics


@dataclass(frozen=True, slots=True)
class ThreadLimits:
    """The limiters of one event loop; get them with `thread_limits()`. Set `total_tokens` to change a limit.

    `handlers`: what the user wrote, anyio's default limiter (40 threads). `files`: the framework's file I/O (16), so
    that busy handlers do not stall static files. `cleanup`: no limit, only counted: what gives a resource back must not
    wait behind those who hold one.
    """

    handlers: CapacityLimiter
    files: CapacityLimiter
    cleanup: CapacityLimiter

    def statistics(self) -> ThreadStatistics:
        """A snapshot of the three."""
        return ThreadStatistics(self.handlers.statistics(), self.files.statistics(), self.cleanup.statistics())


# The threads of whoever runs here, where he has his own.
_own_threads: ContextVar[Capacity] = ContextVar("lilya.concurrency.own_threads")
_limits: RunVar[ThreadLimits] = RunVar("lilya.concurrency.thread_limits")


def thread_limits() -> ThreadLimits:
    """The limiters of the running event loop; made when first asked for. Outside a loop it is an error of anyio's."""
    limits = _limits.get(None)
    if limits is None:
        handlers = anyio.to_thread.current_default_thread_limiter()
        limits = ThreadLimits(handlers, CapacityLimiter(FILE_THREADS), CapacityLimiter(math.inf))
        _limits.set(limits)
    return limits


@contextmanager
def own_threads(capacity: Capacity) -> Iterator[None]:
    """In the block, and in what is started there, `run_sync` takes threads of `capacity` where it is given no limiter.

    Handlers of one application then do not wait for threads that those of another one hold.
    """
    token = _own_threads.set(capacity)
    try:
        yield
    finally:
        _own_threads.reset(token)


class ThreadContext:
    """One `contextvars.Context` for several calls in worker threads, whichever threads they are.

    It begins as a copy of the first caller's. Use it where one call must find what another one left: a sync context
    manager whose `__enter__` and `__exit__` are both called by `run_sync(..., context=context)` may set a variable and
    reset it by its token. One call at a time.
    """

    __slots__ = ("_changed", "_context", "_removed", "_tokens")

    def __init__(self) -> None:
        self._context: Context | None = None
        self._changed: list[tuple[ContextVar[Any], Any]] = []
        self._removed: list[ContextVar[Any]] = []
        self._tokens: dict[ContextVar[Any], Token[Any]] = {}

    def _run(self, func: Callable[[], T]) -> T:
        """In the thread: call `func` and note what it changed."""
        if self._context is None:
            # Copied here and not by the caller: here the copy says that no event loop is running.
            self._context = copy_context()
        context = self._context
        before = context.copy()
        try:
            return context.run(func)
        finally:
            self._changed = [(var, value) for var, value in context.items() if before.get(var, context) is not value]
            self._removed = [var for var in before if var not in context]

    def _bring_back(self) -> None:
        """In the caller, after the thread: make the changes there too."""
        for var, value in self._changed:
            self._tokens.setdefault(var, var.set(value))
        for var in self._removed:  # only what a call has set can be removed by another one
            with suppress(ValueError):  # and only in the context of the caller that heard of it first
                var.reset(self._tokens.pop(var))
        self._changed, self._removed = [], []


class _Call(Generic[T]):
    """One call in a worker thread."""

    __slots__ = ("_context", "_ended", "_func", "_given_up", "_lock", "_running")

    def __init__(self, func: Callable[[], T], context: ThreadContext) -> None:
        self._func = func
        self._context = context
        self._lock = threading.Lock()
        self._running = self._given_up = False
        self._ended: anyio.Event | None = None

    def run(self) -> T:
        """In the thread."""
        with self._lock:
            if self._given_up:
                raise RuntimeError("nobody waits for this call any more")
            self._running = True
        try:
            result = self._context._run(self._func)
        except StopIteration as exc:
            raise RuntimeError(
                f"{_name(self._func)} raised StopIteration in a worker thread; a coroutine cannot pass it on. "
                "Give next() a default, or use iterate_in_threadpool()"
            ) from exc
        finally:
            with self._lock:
                self._running = False
                ended = self._ended
            if ended is not None:
                from_thread.run_sync(ended.set)
        if isinstance(result, CoroutineType):
            result.close()
            raise TypeError(f"{_name(self._func)} is async: await it; a worker thread is for blocking functions")
        return result

    async def wait_ended(self) -> None:
        """Return when the thread has ended, or will never run.

        anyio waits for the thread when a cancel scope is cancelled, but not when asyncio's own `Task.cancel()` is used,
        as uvicorn does when its shutdown grace is over.
        """
        with self._lock:
            self._given_up = True
            if not self._running:
                return
            ended = self._ended = anyio.Event()
        with anyio.CancelScope(shield=True):
            await ended.wait()


async def run_sync(
    func: Callable[..., T],
    /,
    *args: Any,
    limiter: CapacityLimiter | None = None,
    context: ThreadContext | None = None,
) -> T:
    """Call `func(*args)` in a worker thread and return what it returns, or raise what it raises.

    It waits for a token of `limiter` (by default that of `own_threads`, else `thread_limits().handlers`) and runs in
    `context` (by default a copy of the caller's, for this call alone). Cancelled before it has the token, it never
    calls `func`; cancelled later, it waits until `func` ends, which may ask `anyio.from_thread.check_cancelled()`.
    """
    if limiter is None and (own := _own_threads.get(None)) is not None:
        limiter = own.limiter()
    call = _Call(functools.partial(func, *args) if args else func, context or ThreadContext())
    try:
        return await anyio.to_thread.run_sync(call.run, limiter=limiter)
    except BaseException:
        await call.wait_ended()
        raise
    finally:
        call._context._bring_back()


async def run_in_threadpool(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `func(*args, **kwargs)` in a worker thread; `run_sync` says how. It takes no options, so none can clash."""
    return await run_sync(functools.partial(func, *args, **kwargs))


async def run_cleanup(func: Callable[..., T], /, *args: Any, context: ThreadContext | None = None) -> T:
    """Call a `func` that gives something back, such as `file.close`, in a worker thread: whatever happens.

    It is shielded from cancellation and waits for no limit. There is no deadline: a thread is never left behind.
    """
    with anyio.CancelScope(shield=True):
        result = await run_sync(func, *args, limiter=thread_limits().cleanup, context=context)
    return result


class _End:
    """What a step returns after the last item: StopIteration cannot cross a coroutine."""


class ThreadIterator(AsyncIterator[T]):
    """A sync iterable whose every step runs in a worker thread; see `iterate_in_threadpool`."""

    __slots__ = ("_busy", "_closed", "_context", "_iterable", "_iterator", "_limiter")

    def __init__(self, iterable: Iterable[T], limiter: CapacityLimiter | None) -> None:
        self._iterable = iterable
        self._iterator: Iterator[T] | None = iterable if isinstance(iterable, Iterator) else None
        self._limiter = limiter
        self._context = ThreadContext()
        self._busy = self._closed = False

    async def __anext__(self) -> T:
        if self._busy:
            raise anyio.BusyResourceError("iterating over")
        if self._closed:
            raise StopAsyncIteration
        self._busy = True
        try:
            item = await run_sync(self._step, limiter=self._limiter, context=self._context)
        except BaseException:
            await self._close()
            raise
        finally:
            self._busy = False
        if isinstance(item, _End):
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close the iterator where it has a `close()`, in a worker thread, shielded from cancellation.

        Needed only when the iteration is left early; closing twice, or after the end, does nothing.
        """
        if self._busy:
            raise anyio.BusyResourceError("iterating over")
        await self._close()

    async def _close(self) -> None:
        if not self._closed and hasattr(self._iterator, "close"):
            await run_cleanup(self._close_in_thread, context=self._context)
        self._closed = True

    def _step(self) -> T | _End:
        """In the thread. The end is closed here: it costs no second hop."""
        try:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            return next(self._iterator)
        except StopIteration:
            self._close_in_thread()
            return _End()

    def _close_in_thread(self) -> None:
        self._closed = True
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


def iterate_in_threadpool(iterator: Iterable[T], *, limiter: CapacityLimiter | None = None) -> ThreadIterator[T]:
    """Iterate over a blocking iterable: `async for item in iterate_in_threadpool(items)`.

    Each step, `iter()` included, runs in a worker thread under `limiter` (by default `thread_limits().handlers`), all
    of them in one context whose changes come back to the caller; an item is handed on as soon as it is there. At its
    end, on an error and on cancellation the iterator is closed, in a thread, if it has a `close()`, as generators and
    files have. Who leaves the loop early calls `aclose()`, best by `async with contextlib.aclosing(...)`. Cancellation
    waits for the step that runs; its item is still handed on.
    """
    return ThreadIterator(iterator, limiter)


def is_async_callable(obj: object) -> TypeGuard[Callable[..., Awaitable[Any]]]:
    """Whether calling `obj` gives a coroutine: an `async def` function or method, an object whose class has an
    `async def __call__`, or a `functools.partial` of one of these."""
    usual = obj.__func__ if isinstance(obj, MethodType) else obj
    if not isinstance(usual, FunctionType) and callable(obj):
        usual = type(obj).__call__
    if isinstance(usual, FunctionType) and usual.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # the usual cases, at once: what follows looks for other ways to say so
    while isinstance(obj, functools.partial):
        obj = obj.func
    if inspect.iscoroutinefunction(obj):
        return True
    return callable(obj) and inspect.iscoroutinefunction(type(obj).__call__)


class AsyncCallable:
    """`func` as something to await, whether it is async or blocking (then it runs in a worker thread).

    Keyword arguments given here are passed with every call; those of the call win.
    """

    def __init__(self, func: Callable[..., Any], /, **kwargs: Any) -> None:
        if not callable(func):
            raise TypeError(f"AsyncCallable wants a function or another callable, got {func!r}")
        functools.update_wrapper(self, func)
        self.__wrapped__ = functools.partial(func, **kwargs) if kwargs else func
        self.func = func
        self.kwargs: Mapping[str, Any] = kwargs
        self._is_async = is_async_callable(func)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kwargs = {**self.kwargs, **kwargs}
        if self._is_async:
            return await self.func(*args, **kwargs)
        return await run_in_threadpool(self.func, *args, **kwargs)


@overload
def enforce_async_callable(func: Callable[P, Awaitable[T]], /) -> Callable[P, Awaitable[T]]: ...
@overload
def enforce_async_callable(func: Callable[P, T], /) -> Callable[P, Awaitable[T]]: ...
def enforce_async_callable(func: Callable[..., Any], /) -> Callable[..., Awaitable[Any]]:
    """`func` itself when it is async, else an `AsyncCallable` that calls it in a worker thread."""
    return func if is_async_callable(func) else AsyncCallable(func)


def _name(func: Callable[..., object]) -> str:
    inner = func.func if isinstance(func, functools.partial) else func
    return str(getattr(inner, "__qualname__", repr(inner)))


def run_on_loop(call: Callable[[], Coroutine[Any, Any, T]], backend: str) -> T:
    """The other way round: wait in this thread for `call`, on the event loop that started the thread.

    It is cancelled with the task that waits for the thread. Where no loop has started it, one is run, on `backend`. Not
    to be called on the thread of a running loop, which would wait for itself.
    """
    try:
        from_thread.check_cancelled()
    except anyio.NoEventLoopError:  # no worker thread
        return anyio.run(call, backend=backend)
    return from_thread.run(call)
