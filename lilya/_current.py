"""What surrounds the running code, for what is asked without a connection at hand: one context variable, no more.

Its value is a mapping: the scope of the innermost application that serves, and over it what layers have put there under
keys of their own. It travels as context variables do: into tasks, and into worker threads.

The outermost application sets it and, unless it has something of its own to put there, leaves it there: the task that
serves a connection is the server's for that connection, and taking a variable back costs three times as much as setting
it. What was left behind, the scope of an exchange that is over, surrounds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final

import anyio
import anyio.lowlevel

__all__ = [
    "AROUND",
    "EXCHANGE",
    "GLOBALS",
    "LAYERED",
    "SERIALIZER",
    "SETTINGS",
    "Surrounded",
    "around",
    "current_scope",
    "enter",
    "in_event_loop",
    "setting_of",
    "surround",
]

AROUND: Final[ContextVar[dict[str, Any]]] = ContextVar("lilya.around")
# What each request calls, bound once: asked of a name that was imported, a method is bound anew each time.
surround: Final = AROUND.set

# The key of the `G` that `lilya.context.g` stands for.
GLOBALS: Final = "lilya.g"
# The scope keys of what the nearest application that has its own has put there: its settings, and its serializer.
SETTINGS: Final = "lilya.settings"
SERIALIZER: Final = "lilya.serializer"
# The scope key that says that layers are around, for an application inside of them.
LAYERED: Final = "lilya.layered"
# The scope key under which the layers further in find the exchange of their connection, until it is over.
EXCHANGE: Final = "lilya.exchange"


def around() -> dict[str, Any]:
    """What surrounds the running code: nothing, if what is there was left behind."""
    found = AROUND.get(None)
    if found is None:
        return {}
    # A lifespan has no path, nor have layers alone; what serves a connection has an exchange. The scope loses it at the
    # end; the copies that applications and layers further in have made of it do not.
    exchange = found.get(EXCHANGE)
    return {} if "path" in found and (exchange is None or exchange.over) else found


def enter(scope: dict[str, Any], *, inside: bool = True) -> Token[dict[str, Any]]:
    """An application begins to serve the connection of `scope`, `inside` what surrounds it or as the first.

    What layers have put around the other one is around this one, too; its `g` begins as a copy of that one's, as its
    scope does. `AROUND.reset` undoes it.
    """
    outer = around() if inside else None
    if outer:
        scope = {**outer, **scope}
        if GLOBALS in outer:
            scope[GLOBALS] = outer[GLOBALS].copy() if "type" in outer else outer[GLOBALS]
    return AROUND.set(scope)


def setting_of(scope: Mapping[str, Any] | None, name: str) -> Any:
    """What the settings say of the application that serves a connection; None where they, or it, say nothing."""
    return getattr(getattr((scope or {}).get("app"), "settings", None), name, None)


def current_scope() -> dict[str, Any] | None:
    """The surroundings where an application serves; None outside of one, and where only layers used alone are."""
    found = around()
    return found if "type" in found else None


class Surrounded:
    """A context manager, entered and left with the same `surroundings` around; what runs in between has its own."""

    __slots__ = ("_manager", "_surroundings")

    def __init__(self, surroundings: dict[str, Any], manager: AbstractAsyncContextManager[Any]) -> None:
        self._surroundings = surroundings
        self._manager = manager

    async def __aenter__(self) -> Any:
        token = enter(self._surroundings)
        self._surroundings = AROUND.get()  # with a `g` of its own: what is put there now is there at the end
        try:
            return await self._manager.__aenter__()
        finally:
            AROUND.reset(token)

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        token = AROUND.set(self._surroundings)
        try:
            return await self._manager.__aexit__(kind, exc, trace)
        finally:
            AROUND.reset(token)


def in_event_loop() -> bool:
    """Whether an event loop runs on this thread, so that nothing here may block."""
    try:
        anyio.lowlevel.current_token()
    except anyio.NoEventLoopError:
        return False
    return True
