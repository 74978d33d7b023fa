"""The command `lilya`. Nothing is imported here: what is not asked for costs nothing at the start."""

from __future__ import annotations

__all__ = []
