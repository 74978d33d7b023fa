"""How a command says no: on stderr, with a hint, without a traceback of ours."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import click

__all__ = ["Refusal", "print_user_traceback"]

# Frames of these say nothing to who wrote the file that failed.
_OWN_FOLDER: Final = str(Path(__file__).resolve().parents[1])
_LIBRARIES: Final = tuple(f"/site-packages/{name}/" for name in ("anyio", "click", "lilya", "trio", "outcome"))


class Refusal(click.ClickException):
    """The user's mistake: `message` says what is wrong, `hint` what to do. Ends the process with `exit_code`."""

    def __init__(self, message: str, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        vars(self)["exit_code"] = exit_code  # click has it on the class

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        stream = file or sys.stderr
        click.echo(click.style("Error: ", fg="red") + self.message, file=stream)
        if self.hint:
            click.echo(click.style("Hint:  ", fg="cyan") + self.hint, file=stream)


def print_user_traceback(exc: BaseException) -> None:
    """Print the traceback of `exc` on stderr, from the first frame that is the user's own."""
    own = exc.__traceback__
    while own is not None and _is_ours(own):
        own = own.tb_next
    click.echo("".join(traceback.format_exception(type(exc), exc, own)).rstrip(), err=True)


def _is_ours(frame: TracebackType) -> bool:
    file = frame.tb_frame.f_code.co_filename
    standard = file.startswith("<frozen") or "/asyncio/" in file or "/importlib/" in file
    return standard or file.startswith(_OWN_FOLDER) or any(name in file for name in _LIBRARIES)
