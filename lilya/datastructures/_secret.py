"""Text that must not be shown by accident."""

from __future__ import annotations

from typing import Final

__all__ = ["MASK", "Secret"]

MASK: Final = "*" * 11
"""What stands for a secret. Always as long, so that it does not tell the length."""


class Secret:
    """Text that does not show in logs and tracebacks; `str()` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str | None = None) -> None:
        self._value = "" if value is None else value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK!r})"

    def __str__(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __len__(self) -> int:
        return len(self._value)
