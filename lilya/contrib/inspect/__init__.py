"""What a running process is doing, for the people who run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.contrib.inspect.page import TaskTree
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".page": "TaskTree",
        },
    )

__all__ = ["TaskTree"]
