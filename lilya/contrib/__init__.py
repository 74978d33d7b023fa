"""What joins Lilya to other software. Nothing here is imported unless it is asked for."""

from __future__ import annotations

__all__ = []
