"""What directives print with."""

from __future__ import annotations

import os
import sys
from typing import Any

from rich.console import Console

from lilya.cli._colours import OutputColour

__all__ = ["OutputColour", "Print", "Terminal", "printer"]

# A table that goes into a file or a pipe has its natural width, one row a line.
PIPED_WIDTH = 1000


class _Colours(Console):
    """What both have: a rich console, and a way to colour a message."""

    def message(self, message: Any, colour: str = OutputColour.WHITE) -> str:
        """The message in rich's markup: `[colour]message[/colour]`."""
        return f"[{colour!s}]{message}[/{colour!s}]"


class Print(_Colours):
    """Prints to stdout, in colours where that is a terminal. Messages may have rich's markup."""

    def write_success(self, message: Any, colour: str = OutputColour.SUCCESS) -> None:
        """Something was done."""
        self.print(self.message(message, colour))

    def write_info(self, message: Any, colour: str = OutputColour.INFO) -> None:
        """Something to know."""
        self.print(self.message(message, colour))

    def write_warning(self, message: Any, colour: str = OutputColour.WARNING) -> None:
        """Something to look at."""
        self.print(self.message(message, colour))

    def write_error(self, message: Any, colour: str = OutputColour.ERROR) -> None:
        """Something failed."""
        self.print(self.message(message, colour))

    def write_plain(self, message: Any, colour: str = OutputColour.WHITE) -> None:
        """Something."""
        self.print(self.message(message, colour))

    def write(self, message: Any) -> None:
        """Something without a colour."""
        self.print(message)


class Terminal(_Colours):
    """The same methods, which return the markup and print nothing."""

    def write_success(self, message: Any, colour: str = OutputColour.SUCCESS) -> str:
        """Something was done."""
        return self.message(message, colour)

    def write_info(self, message: Any, colour: str = OutputColour.INFO) -> str:
        """Something to know."""
        return self.message(message, colour)

    def write_warning(self, message: Any, colour: str = OutputColour.WARNING) -> str:
        """Something to look at."""
        return self.message(message, colour)

    def write_error(self, message: Any, colour: str = OutputColour.ERROR) -> str:
        """Something failed."""
        return self.message(message, colour)

    def write_plain(self, message: Any, colour: str = OutputColour.WHITE) -> str:
        """Something."""
        return self.message(message, colour)

    def write(self, message: Any) -> str:
        """Something without a colour."""
        return str(message)


def printer() -> Console:
    """A console for tables: as wide as the terminal, or, where there is none, as wide as they want."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return Console()
    return Console(width=PIPED_WIDTH)
