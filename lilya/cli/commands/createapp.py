"""`lilya createapp NAME`."""

from __future__ import annotations

from pathlib import Path

import click

from lilya.cli._scaffold import check_name, check_target, check_version, write

__all__ = ["command"]


@click.command("createapp")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--version", default="v1", show_default=True, help="The name of its sub-package.")
@click.option("--location", default=".", show_default=True, help="The folder it is made in, such as PROJECT/apps.")
@click.option("-v", "--verbosity", type=int, default=1, show_default=True, help="2: name each file.")
def command(names: tuple[str, ...], version: str, location: str, verbosity: int) -> None:
    """Create the folder of an app: routes to be included in a project, and its directives."""
    check_version(version)
    targets = [(name, Path(location) / name) for name in dict.fromkeys(names)]
    for name, target in targets:
        check_target(target)
        check_name(name, "app")
    for name, target in targets:
        write(["app"], target, {"project_name": name, "version": version}, verbosity)
        click.secho(f"App {name} generated successfully!", fg="green")
