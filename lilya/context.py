"""What surrounds the running code: `g`, `request_context`, `session`; imported anywhere, used inside a request.

    g                 values of one request or websocket
    request_context   the request, inside `RequestContextMiddleware`
    session           its session, inside `SessionContextMiddleware`

Each stands for something else in every request, and fails outside of one. They follow the code into tasks and worker
threads. `Context` is given to handlers that ask for it, see `lilya.routing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import Token
from typing import Any, Final

from lilya._connection import Connection
from lilya._current import AROUND, GLOBALS, LAYERED, around
from lilya._handling.context import Context
from lilya.datastructures._state import State
from lilya.exceptions import ImproperlyConfigured
from lilya.types import Scope

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

# The keys under which layers put more around the running code, besides `GLOBALS`.
REQUEST: Final = "lilya.request"
SESSION: Final = "lilya.session"


class G(State):
    """Values under attribute names, or as items: `g.user = user`, `g["user"]`. A key hides a method of its name."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(map(repr, self)) or "nothing"
        raise AttributeError(f"g has no {name!r}: it holds {known}.", name=name, obj=self)

    def __setitem__(self, key: str, value: Any) -> None:
        store_of(self)[key] = value

    def __delitem__(self, key: str) -> None:
        del store_of(self)[key]

    @property
    def store(self) -> dict[str, Any]:
        """The dict that holds the values."""
        return store_of(self)

    def clear(self) -> None:
        """Forget all values."""
        store_of(self).clear()


def store_of(holder: G) -> dict[str, Any]:
    """The dict of a `G`, whatever keys it has."""
    store: dict[str, Any] = object.__getattribute__(holder, "_state")
    return store


class CurrentG(G):
    """Stands for the `G` of the running request: all that is done to it is done to that one."""

    __slots__ = ()

    def __init__(self) -> None:
        """Nothing of its own."""

    @property
    def _state(self) -> dict[str, Any]:  # type: ignore[override]
        return store_of(get_g())

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by the interpreter and by debuggers, outside of requests too
            return object.__getattribute__(self, name)
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return super().__getattr__(name)

    def copy(self) -> G:
        """A `G` with the same values, to be kept."""
        return G(store_of(self).copy())

    __copy__ = copy

    def __reduce__(self) -> tuple[type[State], tuple[dict[str, Any]]]:
        return G, (store_of(self),)

    def __repr__(self) -> str:
        return object.__repr__(self) if GLOBALS not in AROUND.get({}) else super().__repr__()


def get_g() -> G:
    """The `G` of the running request. Raises `LookupError` outside of one."""
    surroundings = around()
    found: G | None = surroundings.get(GLOBALS)
    if found is None:
        if surroundings.get("type") not in ("http", "websocket"):
            raise LookupError(
                "g exists while a Lilya application serves a request or a websocket, inside GlobalContextMiddleware, "
                "and in a lifespan inside LifespanGlobalContextMiddleware"
            )
        found = surroundings[GLOBALS] = G()
    return found


def layer(scope: Scope, key: str, value: Any) -> Token[dict[str, Any]]:
    """Put one thing more around the running code, for the middleware of this room. `AROUND.reset` takes it away."""
    scope[LAYERED] = True
    outer = around()
    if outer.get("type") in ("http", "websocket"):
        get_g()  # made now at the latest: it is the same inside of the layer and outside
    return AROUND.set({**outer, key: value})


class RequestContext:
    """Stands for the request inside `RequestContextMiddleware`; on a websocket, for its `Connection`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by the interpreter and by debuggers, outside of requests too
            raise AttributeError(name)
        return getattr(self._request(), name)

    def __getitem__(self, key: str) -> Any:
        return self._request()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._request()

    def __iter__(self) -> Iterator[str]:
        return iter(self._request())

    def __len__(self) -> int:
        return len(self._request())

    def _request(self) -> Connection:
        found: Connection | None = AROUND.get({}).get(REQUEST)
        if found is None:
            raise ImproperlyConfigured(
                "request_context exists inside RequestContextMiddleware alone: install it, and ask while it serves"
            )
        return found


class SessionContext(MutableMapping[str, Any]):
    """Stands for the session inside `SessionContextMiddleware`, or for the part of it that its `sub_path` names.

    That part is made when something is put into it.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        return self._part()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._changed()[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        del self._changed()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._part())

    def __len__(self) -> int:
        return len(self._part())

    def reset_context(self) -> None:
        """Forget all values."""
        if self:
            self._changed().clear()

    def _bound(self) -> tuple[MutableMapping[str, Any], tuple[str, ...]]:
        """The whole session, and the keys that lead to the part."""
        found = AROUND.get({}).get(SESSION)
        if found is None:
            raise ImproperlyConfigured(
                "context.session exists inside SessionContextMiddleware alone: install it, and ask while it serves"
            )
        scope, keys = found
        return scope["session"], keys

    def _part(self) -> Mapping[str, Any]:
        part, keys = self._bound()
        for key in keys:
            if key not in part:
                return {}
            part = self._inner(part, key)
        return part

    def _changed(self) -> MutableMapping[str, Any]:
        part, keys = self._bound()
        for key in keys:
            # Set even where it is there: whoever keeps the session sees what is set on it, and not what is set deeper.
            part[key] = self._inner(part, key) if key in part else {}
            part = part[key]
        return part

    @staticmethod
    def _inner(part: MutableMapping[str, Any], key: str) -> MutableMapping[str, Any]:
        inner = part[key]
        if not isinstance(inner, MutableMapping):
            kind = type(inner).__name__
            raise ImproperlyConfigured(f"SessionContextMiddleware: {key!r} of its sub_path is a {kind} in the session")
        return inner

    def __repr__(self) -> str:
        return object.__repr__(self) if SESSION not in AROUND.get({}) else f"{type(self).__name__}({dict(self)!r})"


g: Final[G] = CurrentG()
request_context: Final = RequestContext()
session: Final = SessionContext()
