"""Request life-cycle hooks: ASGI-like callables before and after whatever a level answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from lilya.concurrency.threads import enforce_async_callable
from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp, Receive, Scope, Send

__all__ = ["Hooked", "define_hooks"]

Hook: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[object]]


def define_hooks(hooks: Iterable[Any] | None, name: str) -> list[Hook]:
    """Hooks as users write them, functions (sync ones run in a thread), objects and classes, as something to await.

    A class is made an instance of, once, without arguments.
    """
    defined: list[Hook] = []
    for hook in hooks or ():
        if not callable(hook):
            raise ImproperlyConfigured(
                f"{name}: {hook!r} is no hook, give something to call with (scope, receive, send)"
            )
        defined.append(enforce_async_callable(hook() if isinstance(hook, type) else hook))
    return defined


class Hooked:
    """The layer that calls hooks: `before` in their order, then the layers further in, then `after` in their order.

    The `after` hooks are called when the response was sent; not when an exception passes through.
    """

    __slots__ = ("after", "app", "before")

    def __init__(self, app: ASGIApp, before: Sequence[Hook], after: Sequence[Hook]) -> None:
        self.app = app
        self.before = before
        self.after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the hooks around the layers further in."""
        for hook in self.before:
            await hook(scope, receive, send)
        await self.app(scope, receive, send)
        for hook in self.after:
            await hook(scope, receive, send)
