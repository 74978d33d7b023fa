"""What goes wrong with an application while a server runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from lilya.exceptions import LilyaException

__all__ = ["ApplicationFailed", "Stage"]

Stage = Literal["startup", "serving", "shutdown"]

_WHAT: Final[Mapping[Stage, str]] = {
    "startup": "the application did not start",
    "serving": "the application crashed while it was served",
    "shutdown": "the application did not stop in good order",
}


class ApplicationFailed(LilyaException, RuntimeError):
    """The application could not start, crashed while it was served, or failed to stop; its server is down.

    `stage` says which; `__cause__` is the application's own failure, where it is known. `told` is true when the
    application reported the failure itself (`lifespan.*.failed`, ASGI Lifespan 2.0): then it has logged it as well.
    """

    def __init__(self, stage: Stage, message: str, *, told: bool = False) -> None:
        super().__init__(detail=f"{_WHAT[stage]}: {message}" if message else _WHAT[stage])
        self.stage = stage
        self.message = message
        self.told = told

    @property
    def exit_code(self) -> int:
        """What the process should exit with: 3 when it never started (as uvicorn has it), else 1."""
        return 3 if self.stage == "startup" else 1
