"""`lilya directives`: what there is to run."""

from __future__ import annotations

import click

from lilya.cli._directives import directives_below
from lilya.cli.main import ALIASES, COMMANDS

__all__ = ["command"]


@click.command("directives")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the commands and the directives of this folder. Nothing is imported for it."""
    own = directives_below(ctx.obj.folder)
    click.secho("Commands: lilya NAME. Directives of the application: lilya run NAME.", bold=True)
    if own:
        click.secho("\n[application]", fg="yellow")
        for name, file in own.items():
            click.echo(f"  {name:<20} {file.relative_to(ctx.obj.folder)}")
    click.secho("\n[lilya]", fg="yellow")
    for name, about in COMMANDS.items():
        aliases = [alias for alias, meant in ALIASES.items() if meant == name]
        click.echo(f"  {', '.join([name, *aliases]):<20} {about}")
