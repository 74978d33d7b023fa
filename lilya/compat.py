"""Small tools of earlier releases, under the names they had."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Generator
from inspect import iscoroutine
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, TypeVar, get_origin

from lilya._current import current_scope, in_event_loop
from lilya._define import import_string
from lilya.concurrency.threads import is_async_callable, run_on_loop
from lilya.datastructures._url import URLPath
from lilya.exceptions import ImproperlyConfigured

__all__ = [
    "AsyncResourceHandler",
    "import_string",
    "is_async_callable",
    "is_class_and_subclass",
    "md5_hexdigest",
    "reverse",
    "run_sync",
]

T = TypeVar("T")


class SupportsClose(Protocol):
    """What is closed by awaiting `close()`."""

    async def close(self) -> None: ...


R = TypeVar("R", bound=SupportsClose)


def reverse(name: str = "", /, app: Any = None, path_params: Any = None, **kwargs: Any) -> URLPath:
    """The path of the route called `name` that takes these parameters, as `app.path_for(name, ...)` has it.

    Without `app` that of the running request is asked, as `request.path_for` would: its outermost application. Both
    `path_params`, a mapping, and keywords are parameters of the path. (`name` may be given as `reverse_name=`, too.)

    Raises `NoMatchFound`; `ImproperlyConfigured` without `app` outside of a request.
    """
    if not name:
        name = kwargs.pop("reverse_name" if "reverse_name" in kwargs else "name")
    owner = app
    if owner is None:
        scope = current_scope()
        if scope is None:
            raise ImproperlyConfigured(
                f"reverse({name!r}) was called outside of a request: say whose route, as in reverse({name!r}, app=app)"
            )
        owner = scope["router"]
    path: URLPath = owner.path_for(name, **(path_params or {}), **kwargs)
    return path


def run_sync(
    func: Callable[..., Awaitable[T]] | Awaitable[T],
    /,
    *args: Any,
    backend: Literal["asyncio", "trio"] = "asyncio",
) -> T:
    """Call `func(*args)`, or wait for an awaitable, from sync code, and return its result.

    In a worker thread (a sync handler, `run_in_threadpool`) it runs on the event loop that started the thread,
    whichever that is, and is cancelled with it. Where there is no loop one is run for it, on `backend`. On the thread
    of a running loop it is a `RuntimeError`: the loop would wait for itself.
    """

    async def call() -> T:
        return await (func(*args) if callable(func) else func)

    if in_event_loop():
        if iscoroutine(func):
            func.close()
        raise RuntimeError(
            f"run_sync({func!r}) would stop the event loop it is called on: await it, or move the sync code around it "
            "to a thread, by `await run_in_threadpool(...)`"
        )
    return run_on_loop(call, backend)


class AsyncResourceHandler(Generic[R]):
    """Something to be had by waiting and then to be closed: `x = await handler`, or `async with handler as x`.

    The block closes it when it is left, by awaiting its `close()`; who only awaits closes it himself.
    """

    __slots__ = ("_awaitable", "_resource")

    def __init__(self, awaitable: Awaitable[R]) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, None, R]:
        return self._awaitable.__await__()

    async def __aenter__(self) -> R:
        self._resource = await self._awaitable
        return self._resource

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._resource.close()


def md5_hexdigest(data: bytes, *, usedforsecurity: bool = False) -> str:
    """The MD5 of `data` in hexadecimal, for what needs no security: an ETag, the key of a cache."""
    return hashlib.md5(data, usedforsecurity=usedforsecurity).hexdigest()


def is_class_and_subclass(value: Any, type_: Any) -> bool:
    """Whether `value` is a class, and one of `type_` (a class or a tuple of them); `list[int]` counts as `list`."""
    found = get_origin(value) or value
    return isinstance(found, type) and issubclass(found, type_)
