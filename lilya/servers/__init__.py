"""Run an application in a server: `serve` in your own event loop and nursery, `run` from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.servers._errors import ApplicationFailed
    from lilya.servers._serve import run, serve
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "._errors": "ApplicationFailed",
            "._serve": "run serve",
        },
    )

__all__ = ["ApplicationFailed", "run", "serve"]
