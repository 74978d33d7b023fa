"""`lilya run NAME ARGS`: a directive inside the lifespan of the application."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
from click.shell_completion import CompletionItem

from lilya.cli._directives import directives_below, import_file
from lilya.cli._inside import BACKEND, backend_option, run_inside
from lilya.cli._refusal import Refusal, print_user_traceback
from lilya.cli._signature import command_of
from lilya.cli.base import BaseDirective
from lilya.cli.decorator import IS_DIRECTIVE
from lilya.cli.env import extend_path
from lilya.cli.exceptions import DirectiveError
from lilya.concurrency.threads import is_async_callable, run_in_threadpool

__all__ = ["command", "direct"]

Call: TypeAlias = Callable[[], Awaitable[Any]]

# The options of `run` that take a value; what stands behind the name belongs to the directive.
VALUED: Final = frozenset({"--backend"})
NAMED: Final = "--directive"


class Run(click.Command):
    """Reads its own options up to the name of the directive, and leaves all behind it to the directive."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does it, with the rest kept in `ctx.meta`."""
        cut = _end_of_own(args)
        ctx.meta["lilya.rest"] = tuple(args[cut:])
        return super().parse_args(ctx, args[:cut])


def _end_of_own(args: Sequence[str]) -> int:
    position = 0
    while position < len(args):
        word = args[position]
        if word == NAMED:
            return position + 2
        if word.startswith(f"{NAMED}=") or not word.startswith("-"):
            return position + 1
        position += 2 if word in VALUED else 1
    return position


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    folder = Path((ctx.parent and ctx.parent.params.get("path")) or ".").resolve()
    return [CompletionItem(name) for name in directives_below(folder) if name.startswith(incomplete)]


@click.command("run", cls=Run, options_metavar="[OPTIONS]")
@click.option(NAMED, "named", metavar="NAME", help="The directive; or give its name alone.", shell_complete=_complete)
@backend_option
@click.argument("name", required=False, shell_complete=_complete)
@click.pass_context
def command(ctx: click.Context, named: str | None, backend: str, name: str | None) -> None:
    """Run a directive inside the lifespan of the application.

    What stands behind the name is read by the directive; `lilya run NAME -h` shows its help.
    """
    wanted = named or name
    known = directives_below(ctx.obj.folder)
    if wanted is None:
        raise click.UsageError(f"which directive? Here are {', '.join(known) or 'none'}.", ctx)
    if wanted not in known:
        near = get_close_matches(wanted, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`lilya directives` lists them"
        raise Refusal(f"Unknown directive: {wanted!r}", hint)
    _execute(ctx, wanted, known[wanted], ctx.meta["lilya.rest"], backend)


def direct(name: str, file: Path) -> click.Command:
    """A directive as a command of its own."""

    @click.pass_context
    def run_it(ctx: click.Context, arguments: tuple[str, ...]) -> None:
        _execute(ctx, name, file, arguments, "", f"lilya {name}")

    # Nothing but the directive reads its arguments.
    everything = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    return click.Command(name, params=[everything], callback=run_it, add_help_option=False, context_settings=settings)


def _execute(
    ctx: click.Context, name: str, file: Path, arguments: Sequence[str], backend: str, program: str = ""
) -> None:
    call = _prepared(name, file, ctx.obj.folder, arguments, program or f"lilya run {name}")
    env = ctx.obj.load()
    try:
        run_inside(env.app, call, backend or os.environ.get(BACKEND) or "trio")
    except DirectiveError as exc:
        click.echo(f"DirectiveError: {exc.detail}", err=True)
        ctx.exit(exc.returncode)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as exc:
        print_user_traceback(exc)
        ctx.exit(1)


def _prepared(name: str, file: Path, folder: Path, arguments: Sequence[str], program: str) -> Call:
    """Import a directive and let it read its arguments: what is left is to be awaited inside the lifespan."""
    extend_path(folder)
    try:
        module = import_file(file, folder)
    except Exception as exc:
        print_user_traceback(exc)
        raise Refusal(f"The directive {name!r} cannot be imported: {type(exc).__name__}: {exc}") from None
    found = getattr(module, "Directive", None)
    if found is not None:
        if not (isinstance(found, type) and issubclass(found, BaseDirective)):
            raise DirectiveError(f"{file}: Directive is no class derived from lilya.cli.base.BaseDirective")
        instance = found()
        args, options = instance.parse(arguments, name)
        return partial(instance.run, *args, **options)
    for each in vars(module).values():
        if getattr(each, IS_DIRECTIVE, False):
            made = each if isinstance(each, click.Command) else command_of(each, name)
            context = made.make_context(program, list(arguments))
            return partial(_invoke, made, context)
    raise DirectiveError(f"{file} has neither a class Directive nor a function with @directive")


async def _invoke(made: click.Command, context: click.Context) -> Any:
    """Call a click command on the loop if it is async, else in a worker thread; print a true result."""
    on_loop = made.callback is not None and is_async_callable(made.callback)
    result = made.invoke(context) if on_loop else await run_in_threadpool(made.invoke, context)
    if inspect.isawaitable(result):
        result = await result
    if result:
        click.secho(str(result), fg="cyan")
    return result
