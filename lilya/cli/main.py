"""The group `lilya`: its options, and its commands, each loaded when it is asked for.

`lilya --version` shall cost no more than Python itself: what is imported here is imported by every call.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from lilya import __version__
from lilya.cli._directives import directives_below, shown_directives
from lilya.cli._refusal import Refusal, print_user_traceback
from lilya.cli.exceptions import AppImportError, DirectiveError
from lilya.exceptions import LilyaException

__all__ = ["COMMANDS", "Chosen", "cli"]

# What `--help` says of a command stands here, so that it need not be loaded for that.
COMMANDS: Final[Mapping[str, str]] = {
    "createapp": "Create the folder of an app, to be included in a project.",
    "createdeployment": "Create files for containers, nginx, supervisor and systemd.",
    "createproject": "Create a project that starts.",
    "directives": "List the commands and the directives of this folder.",
    "run": "Run a directive inside the lifespan of the application.",
    "runserver": "Serve the application, on trio by default.",
    "shell": "A shell with the application started; `await` works.",
    "show-urls": "List the routes of the application.",
    "tasks": "Show the tasks of a running application.",
}
ALIASES: Final[Mapping[str, str]] = {"show_urls": "show-urls"}
# They make something new: nothing of the folder is read.
SCAFFOLDS: Final = frozenset({"createapp", "createdeployment", "createproject"})


@dataclass(frozen=True)
class Chosen:
    """What the options before the command say; commands get it as the `obj` of their context."""

    app: str | None
    folder: Path

    def load(self) -> Any:
        """Find the application and import it: a `DirectiveEnv`. Raises `EnvError`."""
        return import_module("lilya.cli.env").DirectiveEnv().load_from_env(self.app, self.folder)


class Commands(click.Group):
    """Finds a command by its name: ours, else a directive that wants to be one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return [*COMMANDS, *self._shown(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name in COMMANDS:
            module = import_module(f"lilya.cli.commands.{name.replace('-', '_')}")
            command: click.Command = module.command
            return command
        if name in self._shown(ctx):
            made: click.Command = import_module("lilya.cli.commands.run").direct(name, self._shown(ctx)[name])
            return made
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with what was probably meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            if name in directives_below(self._folder(ctx)):
                ctx.fail(f"No such command '{name}', but there is a directive: lilya run {name}")
            near = get_close_matches(name, [*self.list_commands(ctx), *ALIASES], n=1)
            ctx.fail(f"No such command '{name}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in the help; none is loaded for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        shown = self._shown(ctx)
        if shown:
            with formatter.section("Custom directives"):
                formatter.write_dl([(name, os.path.relpath(path)) for name, path in shown.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what our own parts raise on purpose is said, not traced."""
        try:
            return super().invoke(ctx)
        except AppImportError as exc:
            if exc.__cause__ is not None:
                print_user_traceback(exc.__cause__)
            raise Refusal(*_message_and_hint(exc)) from None
        except DirectiveError as exc:
            raise Refusal(*_message_and_hint(exc), exit_code=exc.returncode) from None
        except LilyaException as exc:
            raise Refusal(*_message_and_hint(exc)) from exc

    def _folder(self, ctx: click.Context) -> Path:
        return Path(ctx.params.get("path") or ".").resolve()

    def _shown(self, ctx: click.Context) -> Mapping[str, Path]:
        return shown_directives(self._folder(ctx))


def _message_and_hint(exc: LilyaException) -> tuple[str, str]:
    message, _, hint = str(exc.detail or exc).partition("\n")
    return message, hint


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
@click.option("--app", metavar="MODULE:ATTR", help="The application; before the command. Else $LILYA_DEFAULT_APP.")
@click.option(
    "--path",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Where to look for the application, instead of here.",
)
@click.option("--n", hidden=True, help="Taken and not used, as in earlier releases.")
@click.version_option(__version__, "--version", "-v", prog_name="Lilya")
@click.pass_context
def cli(ctx: click.Context, app: str | None, path: str | None, n: str | None) -> None:
    """Lilya's command line.

    The application is the one of --app, else of $LILYA_DEFAULT_APP, else the first in application.py, app.py or
    main.py, here or in a folder below. A file .env is read first.
    """
    folder = Path(path or ".").resolve()
    ctx.obj = Chosen(app, folder)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    elif ctx.invoked_subcommand not in SCAFFOLDS:
        _read_env_file(folder / ".env")


def _read_env_file(file: Path) -> None:
    """Put the variables of a `.env` into the environment; those that are there already win."""
    if file.is_file():
        loader = import_module("lilya.environments").EnvironLoader(env_file=file)
        for name, value in loader.export().items():
            os.environ.setdefault(name, str(value))
