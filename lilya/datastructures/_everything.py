"""The set of everything."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

__all__ = ["ALL"]


class _All:
    """Contains everything."""

    __slots__ = ()

    def __contains__(self, item: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "ALL"


ALL: Final[Container[object]] = _All()
"""The set of everything: whatever is asked for, it is in it."""
