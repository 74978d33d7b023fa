"""The session as handlers see it: a dict that knows whether somebody looked at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from lilya.exceptions import LilyaException

__all__ = ["Session", "SessionTooLarge"]

S = TypeVar("S", bound="type[Session]")

# Every way to look into a dict, or to change it.
_METHODS = (
    *("__contains__", "__delitem__", "__eq__", "__getitem__", "__ior__", "__iter__", "__len__", "__ne__", "__or__"),
    *("__repr__", "__reversed__", "__ror__", "__setitem__"),
    *("clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"),
)


class SessionTooLarge(LilyaException, ValueError):
    """There is more in a session than can be kept: a fault of the application, which is answered with 500."""


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Session, /, *args: Any, **kwargs: Any) -> Any:
        self.accessed = True
        return method(self, *args, **kwargs)

    return call


def _noted(cls: S) -> S:
    for name in _METHODS:
        setattr(cls, name, _noting(getattr(dict, name)))
    return cls


@_noted
class Session(dict[str, Any]):
    """What is kept for one client between its requests.

    `accessed`: whether anybody looked at it, so that the answer depends on the cookie. What was changed is found out by
    comparing, also deep inside.
    """

    accessed = False
    regenerated = False

    def regenerate(self) -> None:
        """Go on under another id: to be called whenever somebody gets other rights, above all when they log in.

        Whoever knew the old id, and be it that they chose it, is left with nothing. Without a store there is no id, and
        nothing to do: a new cookie is another cookie.
        """
        self.accessed = self.regenerated = True

    def invalidate(self) -> None:
        """End the session: nothing is kept, and with a store the old cookie is worth nothing. For logging out."""
        self.clear()
        self.regenerate()

    def replace(self, value: Mapping[str, Any]) -> None:
        """Hold these values and no others."""
        values = dict(value)
        self.clear()
        self.update(values)
