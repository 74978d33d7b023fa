"""What surrounds the running code: `g`, `request_context`, `session`, to be imported anywhere and used inside a request.

    g                 values of one call of an application; nobody need prepare anything
    request_context   the request, inside `RequestContextMiddleware`
    session           its session, inside `SessionContextMiddleware`

Each stands for something else in every request, and fails outside of one. They follow the code into tasks and worker
threads. `Context` is given to handlers that ask for it, see `lilya.routing`.

An application prepares for them only where this module was imported, so import it when your program starts: what is
imported for the first time in the middle of a request is there from the next one on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import Token
from typing import Any, Final

from lilya._current import AROUND, current_scope
from lilya._handling.context import Context
from lilya.datastructures._state import State
from lilya.exceptions import ImproperlyConfigured

__all__ = [
    "Context",
    "G",
    "RequestContext",
    "SessionContext",
    "g",
    "get_g",
    "layer",
    "request_context",
    "session",
]

# The keys under which what surrounds the running code is kept.
GLOBALS: Final = "lilya.g"
REQUEST: Final = "lilya.request"
SESSION: Final = "lilya.session"


class G(State):
    """Values under attribute names, or as items: `g.user = user`, `g["user"]`."""

    __slots__ = ()

    def __setitem__(self, key: str, value: Any) -> None:
        self.store[key] = value

    def __delitem__(self, key: str) -> None:
        del self.store[key]

    @property
    def store(self) -> dict[str, Any]:
        """The dict that holds the values."""
        store: dict[str, Any] = object.__getattribute__(self, "_state")
        return store

    def clear(self) -> None:
        """Forget all values."""
        self.store.clear()


class CurrentG(G):
    """Stands for the `G` of the running request: all that is done to it is done to that one."""

    __slots__ = ()

    def __init__(self) -> None:
        """Nothing of its own."""

    @property
    def _state(self) -> dict[str, Any]:  # type: ignore[override]
        return get_g().store

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by the interpreter and by debuggers, also outside of a request
            return object.__getattribute__(self, name)
        return super().__getattribute__(name)

    def copy(self) -> G:
        """A `G` with the same values, to be kept."""
        return get_g().copy()

    __copy__ = copy

    def __repr__(self) -> str:
        try:
            return repr(get_g())
        except LookupError:
            return "<g, outside of a request>"


def get_g() -> G:
    """The `G` of the running request. Raises `LookupError` outside of one."""
    around = AROUND.get({})
    found: G | None = around.get(GLOBALS)
    if found is None:
        if current_scope() is None:
            raise LookupError(
                "g exists while a Lilya application serves a request or a websocket, and inside GlobalContextMiddleware; "
                "in the lifespan inside LifespanGlobalContextMiddleware. Was lilya.context imported when that began?"
            )
        found = around[GLOBALS] = G()
    return found


def layer(**more: Any) -> Token[dict[str, Any]]:
    """Put more around the running code, under keys of this module: for its middleware. Undo it by `AROUND.reset`."""
    if current_scope() is not None:
        get_g()  # made now at the latest: inside of the layer and outside it is the same
    return AROUND.set({**AROUND.get({}), **more})
