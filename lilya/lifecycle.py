"""Hooks of every application of the process: `@on_startup` and `@on_shutdown`, in any module.

An application asks for them when it starts, so those registered after it was built are called, too, and whether it has
a lifespan of its own does not matter. Only the outermost application calls them: once for each start. Start-up hooks
run before the application's own, in the order they were registered; shutdown hooks behind the application's own, in the
reverse. Which hooks there are is known to the process, since modules register them before there is an application; what
concerns one application alone is better said to it: `Lilya(lifespan=..., on_startup=[...])`.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar

from lilya.concurrency.threads import enforce_async_callable
from lilya.exceptions import ImproperlyConfigured

__all__ = ["Hooks", "around", "forget", "get_hooks", "on_shutdown", "on_startup", "run_hooks"]

F = TypeVar("F", bound=Callable[..., Any])


class Hooks(NamedTuple):
    """The hooks of the process, in the order they were registered."""

    startup: tuple[Callable[[], Any], ...] = ()
    shutdown: tuple[Callable[[], Any], ...] = ()


class _Registry:
    """Replaced as a whole, so that an application that starts sees no half of a change."""

    def __init__(self) -> None:
        self.hooks = Hooks()
        self.lock = threading.Lock()


REGISTRY: Final = _Registry()


def on_startup(func: F) -> F:
    """Call `func`, sync (in a thread) or async, without arguments, when an application starts."""
    _check(func)
    with REGISTRY.lock:
        REGISTRY.hooks = REGISTRY.hooks._replace(startup=(*REGISTRY.hooks.startup, func))
    return func


def on_shutdown(func: F) -> F:
    """Call `func`, sync (in a thread) or async, without arguments, when an application has stopped."""
    _check(func)
    with REGISTRY.lock:
        REGISTRY.hooks = REGISTRY.hooks._replace(shutdown=(*REGISTRY.hooks.shutdown, func))
    return func


def _check(func: Any) -> None:
    if not callable(func):
        raise ImproperlyConfigured(f"{func!r} is no hook, it cannot be called")


def get_hooks() -> Hooks:
    """The hooks that are registered now."""
    return REGISTRY.hooks


def forget(*funcs: Callable[..., Any]) -> None:
    """Call these no more, as a test does behind itself; all, if none is named."""
    with REGISTRY.lock:
        kept = [tuple(each for each in hooks if funcs and each not in funcs) for hooks in REGISTRY.hooks]
        REGISTRY.hooks = Hooks(*kept)


async def run_hooks(hooks: Iterable[Callable[[], Any]]) -> None:
    """Call hooks, one after the other; the first failure ends it. Cancelling it cancels the one that runs."""
    for hook in hooks:
        await enforce_async_callable(hook)()


@asynccontextmanager
async def around() -> AsyncIterator[None]:
    """The part of an application's lifespan that calls the hooks, those of shutdown whatever happened before."""
    hooks = get_hooks()
    async with AsyncExitStack() as stack:
        for hook in hooks.shutdown:
            stack.push_async_callback(enforce_async_callable(hook))
        await run_hooks(hooks.startup)
        yield
