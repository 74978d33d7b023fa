"""State kept on an application or a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["State"]


class State:
    """Values under attribute names: `state.db = pool`, `state.db`, `state["db"]`. A key hides a method of its name.

    Args:
        state: the dict that holds the values; it is used, not copied, so that a connection's state is its scope's.
    """

    __slots__ = ("_state",)

    _state: dict[str, Any]

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        object.__setattr__(self, "_state", {} if state is None else state)

    def __getattribute__(self, name: str) -> Any:
        state = object.__getattribute__(self, "_state")
        return state[name] if name in state else object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(map(repr, _values(self))) or "nothing"
        raise AttributeError(f"The state has no {name!r}: it holds {known}.", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        _values(self)[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in _values(self):
            State.__getattr__(self, name)
        del _values(self)[name]

    def __getitem__(self, key: str) -> Any:
        return _values(self)[key]

    def __contains__(self, key: object) -> bool:
        return key in _values(self)

    def __iter__(self) -> Iterator[str]:
        return iter(_values(self))

    def __len__(self) -> int:
        return len(_values(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_values(self)!r})"

    def copy(self) -> State:
        """Another state with the same values."""
        return type(self)(_values(self).copy())

    __copy__ = copy

    def __reduce__(self) -> tuple[type[State], tuple[dict[str, Any]]]:
        return type(self), (_values(self),)


def _values(state: State) -> dict[str, Any]:
    values: dict[str, Any] = object.__getattribute__(state, "_state")
    return values
