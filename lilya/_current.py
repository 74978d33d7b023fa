"""What surrounds the running code, for what is asked without a connection at hand: one context variable, no more.

Its value is a mapping: the scope of the innermost application that serves, and over it what layers have put there under
keys of their own. An application sets it for those only who can ask: for programs that have imported `lilya.context`
(see `ASKING`). It travels as context variables do: into tasks, and into worker threads.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

import anyio
import anyio.lowlevel

__all__ = ["AROUND", "ASKING", "current_scope", "in_event_loop"]

AROUND: Final[ContextVar[dict[str, Any]]] = ContextVar("lilya.around")

# Once this module is imported somebody may ask. The house itself never imports it on the way to an application.
ASKING: Final = "lilya.context"


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
