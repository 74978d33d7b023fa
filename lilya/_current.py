"""What surrounds the running code, for what is asked without a connection at hand: one context variable, no more.

Its value is a mapping: the scope of the innermost application that serves, and over it what layers have put there under
keys of their own. It is set by the layers that are there for it, such as `GlobalContextMiddleware`: a request that asks
for nothing pays for nothing. It travels as context variables do: into tasks, and into worker threads.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Final

import anyio
import anyio.lowlevel

__all__ = ["AROUND", "GLOBALS", "SETTINGS", "current_scope", "enter", "in_event_loop"]

AROUND: Final[ContextVar[dict[str, Any]]] = ContextVar("lilya.around")

# The key of the `G` that `lilya.context.g` stands for.
GLOBALS: Final = "lilya.g"
# The key of the settings of the nearest application that has its own; in its scope, too.
SETTINGS: Final = "lilya.settings"


def enter(scope: dict[str, Any], *, inside: bool = False) -> Token[dict[str, Any]]:
    """An application begins to serve the connection of `scope`, `inside` another one or as the first.

    What layers have put around the other one is around this one, too; its `g` begins as a copy of that one's, as its
    scope does. `AROUND.reset` undoes it.
    """
    if inside:
        outer = AROUND.get({})
        scope = {**outer, **scope}
        if GLOBALS in outer:
            scope[GLOBALS] = outer[GLOBALS].copy()
    return AROUND.set(scope)


def current_scope() -> dict[str, Any] | None:
    """The surroundings where an application serves; None outside of one, and where only layers used alone are."""
    around = AROUND.get(None)
    return around if around is not None and "type" in around else None


def in_event_loop() -> bool:
    """Whether an event loop runs on this thread, so that nothing here may block."""
    try:
        anyio.lowlevel.current_token()
    except anyio.NoEventLoopError:
        return False
    return True
