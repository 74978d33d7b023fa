"""What commands and directives raise."""

from __future__ import annotations

from typing import Any

from lilya.exceptions import EnvError, LilyaException

__all__ = ["AppImportError", "DirectiveError"]


class DirectiveError(LilyaException):
    """A directive failed, and its author knows why: `detail` is printed, `returncode` is the exit code of the process.

    The application's lifespan is closed in good order first.
    """

    def __init__(self, detail: str, returncode: int = 1, **extra: Any) -> None:
        super().__init__(detail=detail)
        self.returncode = returncode
        self.extra = extra


class AppImportError(EnvError):
    """A file of the user's raised while it was imported; what it raised is the `__cause__`."""
