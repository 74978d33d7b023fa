"""One module for each command; `lilya.cli.main` loads the one that is asked for, by name."""

from __future__ import annotations

__all__ = []
