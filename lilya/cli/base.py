"""Directives: commands of a project, run inside the lifespan of its application.

    # myproject/apps/shop/directives/operations/createuser.py
    class Directive(BaseDirective):
        help = "Create a user."

        def add_arguments(self, parser):
            parser.add_argument("-n", "--name", required=True)

        async def handle(self, *args, **options):
            ...

`lilya run createuser -n Ada` runs it; the name is that of the file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from lilya import __version__
from lilya.cli.terminal import OutputColour, Print
from lilya.concurrency.threads import enforce_async_callable

__all__ = ["BaseDirective", "DirectiveParser"]


class DirectiveParser(ArgumentParser):
    """Reads the arguments of a directive; what it cannot read ends the process with 2 and the usage on stderr."""


class BaseDirective(ABC):
    """What the class `Directive` of a directive's file derives from."""

    help: str = ""
    """What it does, for its `-h`."""

    def get_version(self) -> str:
        """The version of Lilya."""
        return __version__

    def add_arguments(self, parser: DirectiveParser) -> Any:  # noqa: B027 - most want some, none must
        """Tell `parser` which arguments there are; see `argparse`. One called `args` arrives as positional ones."""

    def create_parser(self, name: str, subdirective: str, **kwargs: Any) -> DirectiveParser:
        """The parser of its arguments; `name` and `subdirective` are what the usage begins with."""
        kwargs.setdefault("prog", f"{PurePath(name).name} {subdirective}")
        kwargs.setdefault("description", self.help or None)
        parser = DirectiveParser(**kwargs)
        self.add_arguments(parser)
        return parser

    def parse(self, arguments: Sequence[str], program_name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What `handle` gets for a command line. Raises `SystemExit`: 2 for a bad one, 0 for `-h`."""
        options = vars(self.create_parser("lilya", f"run --directive {program_name}").parse_args(list(arguments)))
        positional = options.pop("args", None)
        if positional is None:
            return (), options
        return (tuple(positional) if isinstance(positional, list | tuple) else (positional,)), options

    async def execute_from_command(self, argv: Sequence[str], program_name: str, position: int = 5) -> None:
        """Run it with the arguments of `argv` from `position` on."""
        args, options = self.parse(argv[position:], program_name)
        await self.run(*args, **options)

    async def run(self, *args: Any, **options: Any) -> Any:
        """Call `handle`, a sync one in a worker thread; print what it returns, if that is true, and return it."""
        result = await enforce_async_callable(self.handle)(*args, **options)
        if result:
            Print(soft_wrap=True).print(str(result), style=OutputColour.INFO, markup=False, highlight=False)
        return result

    @abstractmethod
    def handle(self, *args: Any, **options: Any) -> Any:
        """Do it; sync or async. `DirectiveError` ends the process with a message and an exit code."""
