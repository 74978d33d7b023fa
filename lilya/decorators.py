"""Decorators for functions of any kind: `cache` remembers what they return, `observable` has them send events and hear
of them.

Nothing is started when a function is decorated. An async function is served in its own task; a sync one, on whichever
thread it is called, by the event loop that started the thread, or one that is run for it (`lilya.compat.run_sync`).
"""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from lilya._current import current_scope, in_event_loop, setting_of
from lilya.caches.keys import key_of
from lilya.caches.memory import InMemoryCache
from lilya.compat import run_sync
from lilya.concurrency.flight import SingleFlight
from lilya.concurrency.nursery import open_nursery
from lilya.concurrency.threads import enforce_async_callable, is_async_callable
from lilya.exceptions import ImproperlyConfigured
from lilya.protocols.cache import CacheBackend

__all__ = ["EventDispatcher", "cache", "observable"]

logger = logging.getLogger("lilya.decorators")

F = TypeVar("F", bound=Callable[..., Any])

# How long a value is kept where nobody says, in seconds.
DEFAULT_TTL: Final = 300
# What a value is stored in: a backend's None says that there is none, and None may be a value.
VALUE: Final = "value"


# -- cache ------------------------------------------------------------------------------------------------------------


def cache(ttl: int | None = None, backend: CacheBackend | None = None) -> Callable[[F], F]:
    """Remember what a function returns for the same arguments, for `ttl` seconds: `@cache(ttl=60)`.

    0 is not at all. `backend` is where values are kept. By default both are what the settings `cache_default_ttl` and
    `cache_backend` of the application say in which the function is called; without one, and where they say nothing, 300
    seconds and an `InMemoryCache` of the function's own, which keeps values as they are.

    Calls for one value that come at the same time call the function once; a failure is remembered by nobody. None is a
    value like others. Where the backend fails, or arguments make no key (no encoder knows them), that is logged, and
    the function is called.

    `function.invalidate(*args, **kwargs)` forgets one value; it is async where the function is.
    """
    if callable(ttl):
        raise ImproperlyConfigured("cache has arguments: write @cache(), with parentheses")
    if ttl is not None and ttl < 0:
        raise ImproperlyConfigured(f"cache: ttl is a number of seconds, not {ttl!r}")

    def decorate(func: Any) -> Any:
        wrapper: Any
        invalidate: Any
        cached = _Cached(func, ttl, backend)
        if is_async_callable(func):

            async def call(*args: Any, **kwargs: Any) -> Any:
                return await cached.call(args, kwargs)

            async def forget(*args: Any, **kwargs: Any) -> None:
                key = cached.key(own(args), kwargs)
                if key is not None:
                    await cached.ask(cached.backend.delete, key)

            wrapper, invalidate = functools.wraps(func)(call), forget
        else:

            def call_sync(*args: Any, **kwargs: Any) -> Any:
                return cached.call_sync(args, kwargs)

            def forget_sync(*args: Any, **kwargs: Any) -> None:
                key = cached.key(own(args), kwargs)
                if key is not None:
                    cached.ask_sync("delete", key)

            wrapper, invalidate = functools.wraps(func)(call_sync), forget_sync

        def own(args: tuple[Any, ...]) -> tuple[Any, ...]:
            """Other releases have the function itself come first."""
            return args[1:] if args and (args[0] is func or args[0] is wrapper) else args

        wrapper.invalidate = invalidate
        return wrapper

    return decorate


class _Cached:
    """The calls of one function, remembered in one backend."""

    def __init__(self, func: Callable[..., Any], ttl: float | None, backend: CacheBackend | None) -> None:
        self.func = func
        self.name = getattr(func, "__qualname__", repr(func))
        self._ttl = ttl
        self._backend = backend
        self._own = InMemoryCache()
        self._flights: SingleFlight[Any] = SingleFlight()
        self._lock = threading.Lock()
        self._turns: dict[str, tuple[threading.RLock, int]] = {}

    @property
    def ttl(self) -> float:
        """For how long, in seconds."""
        ttl: float | None = setting_of(current_scope(), "cache_default_ttl") if self._ttl is None else self._ttl
        return DEFAULT_TTL if ttl is None else ttl

    @property
    def backend(self) -> CacheBackend:
        """Where."""
        if self._backend is not None:
            return self._backend
        backend: CacheBackend | None = setting_of(current_scope(), "cache_backend")
        return self._own if backend is None else backend

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """The key of a call; None where its arguments make none."""
        try:
            return key_of(self.func, args, kwargs)
        except ValueError as exc:
            logger.warning("a call of %s is not cached, its arguments make no key: %s", self.name, exc)
            return None

    async def ask(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Call the backend. That it fails is logged; the function can do without it."""
        try:
            return await method(*args)
        except Exception:
            logger.exception("the cache of %s failed", self.name)
            return None

    def ask_sync(self, name: str, *args: Any) -> Any:
        """The same in a thread: by the sync method of the backend, where it has one, else on the loop."""
        try:
            method = getattr(self.backend, f"sync_{name}", None)
            return run_sync(getattr(self.backend, name), *args) if method is None else method(*args)
        except Exception:
            logger.exception("the cache of %s failed", self.name)
            return None

    async def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of an async function: from the backend, or by calling it, once for all who ask at the same time."""
        key = self.key(args, kwargs)
        if key is None:
            return await self.func(*args, **kwargs)
        found = await self.ask(self.backend.get, key)
        if found is not None:
            return found[VALUE]

        async def fetch() -> Any:
            value = await self.func(*args, **kwargs)
            await self.ask(self.backend.set, key, {VALUE: value}, self.ttl)
            return value

        return await self._flights.run(key, fetch)

    def call_sync(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same for a sync function; threads that ask for one value at the same time take turns."""
        key = self.key(args, kwargs)
        if key is None:
            return self.func(*args, **kwargs)
        found = self.ask_sync("get", key)
        if found is not None:
            return found[VALUE]
        with self._turn(key):
            found = self.ask_sync("get", key)  # somebody had the turn before
            if found is not None:
                return found[VALUE]
            value = self.func(*args, **kwargs)
            self.ask_sync("set", key, {VALUE: value}, self.ttl)
            return value

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """One thread at a time for one key. The thread of an event loop never waits: somebody may need its loop."""
        if in_event_loop():
            yield
            return
        with self._lock:
            turn, waiting = self._turns.get(key, (threading.RLock(), 0))
            self._turns[key] = (turn, waiting + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, waiting = self._turns.pop(key)
                if waiting > 1:
                    self._turns[key] = (turn, waiting - 1)


# -- events -----------------------------------------------------------------------------------------------------------


class _Listeners:
    """Who listens to what, in this process. Replaced as a whole, so that no thread sees half a change."""

    def __init__(self) -> None:
        self._by_event: dict[str, tuple[Callable[..., Any], ...]] = {}
        self._lock = threading.Lock()

    def of(self, event: str) -> tuple[Callable[..., Any], ...]:
        return self._by_event.get(event, ())

    def add(self, event: str, func: Callable[..., Any]) -> None:
        with self._lock:
            self._by_event = {**self._by_event, event: (*self.of(event), func)}

    def remove(self, event: str, func: Callable[..., Any]) -> None:
        with self._lock:
            left = tuple(each for each in self.of(event) if each is not func)
            self._by_event = {**self._by_event, event: left}


# Decorators run while modules are imported, before there is an application: who listens is known to the process.
LISTENERS: Final = _Listeners()


class EventDispatcher:
    """Events by name, for the whole process."""

    @classmethod
    def subscribe(cls, event: str, func: Callable[..., Any]) -> None:
        """Call `func`, sync (in a thread) or async, whenever `event` is emitted."""
        LISTENERS.add(event, func)

    @classmethod
    def unsubscribe(cls, event: str, func: Callable[..., Any]) -> None:
        """Undo `subscribe`; does nothing where there is nothing to undo."""
        LISTENERS.remove(event, func)

    @classmethod
    async def emit(cls, event: str, *args: Any, **kwargs: Any) -> None:
        """Call all who listen, at the same time, and wait for them.

        They get the positional arguments, and those of the keywords that they take. All of them run to their end; then
        what failed is raised, one exception as itself, several as an `ExceptionGroup`. Cancelling it cancels them (a
        thread is awaited).
        """
        failures: list[Exception] = []

        async def call(func: Callable[..., Any]) -> None:
            try:
                await enforce_async_callable(func)(*args, **_taken(func, kwargs))
            except Exception as exc:
                failures.append(exc)

        listeners = LISTENERS.of(event)
        if not listeners:
            return
        async with open_nursery() as nursery:
            for each in listeners:
                nursery.start_soon(call, each, name=f"listener of {event}")
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup(f"listeners of {event!r} failed", failures)


def _taken(func: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(func).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return kwargs
    return {key: value for key, value in kwargs.items() if key in parameters}


def observable(send: Sequence[str] | None = None, listen: Sequence[str] | None = None) -> Callable[[F], F]:
    """Have a function send events when it has returned, and be called when events are sent.

        @observable(send=["user.created"])
        async def create(name: str) -> User: ...

        @observable(listen=["user.created"])
        async def welcome(name: str) -> None: ...

    Who listens gets the arguments of the call; the function's result is handed on when all of them are done, and what
    fails in them fails the call (see `EventDispatcher.emit`). Listeners are those of the whole process, from the moment
    they are decorated on.
    """
    for each in (send, listen):
        if isinstance(each, str):
            raise ImproperlyConfigured(f"observable: send and listen are lists like [{each!r}], not a str")

    def decorate(func: Any) -> Any:
        async def emit(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            for event in send or ():
                await EventDispatcher.emit(event, *args, **kwargs)

        if not send:
            wrapper = func
        elif is_async_callable(func):

            @functools.wraps(func)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                result = await func(*args, **kwargs)
                await emit(args, kwargs)
                return result
        else:

            @functools.wraps(func)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                result = func(*args, **kwargs)
                run_sync(emit, args, kwargs)
                return result

        for event in listen or ():
            EventDispatcher.subscribe(event, wrapper)
        return wrapper

    return decorate
