"""`lilya createproject NAME`."""

from __future__ import annotations

from pathlib import Path

import click

from lilya.cli._scaffold import check_name, check_target, secret_key, write

__all__ = ["command"]


@click.command("createproject")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--with-structure", is_flag=True, help="With settings for each environment, and a folder of apps.")
@click.option("--with-deployment", is_flag=True, help="With files for containers, nginx, supervisor and systemd.")
@click.option("--deployment-folder-name", default="deployment", show_default=True, help="Where those are put.")
@click.option("--location", default=".", show_default=True, help="The folder it is made in.")
@click.option("-v", "--verbosity", type=int, default=1, show_default=True, help="2: name each file.")
def command(names: tuple[str, ...], with_structure: bool, location: str, verbosity: int, **deployment: str) -> None:
    """Create a project that starts, with tests that pass."""
    targets = [(name, Path(location) / name) for name in dict.fromkeys(names)]
    for name, target in targets:
        check_target(target)
        check_name(name, "project")
    for name, target in targets:
        settings = f"{name}.configs.settings.AppSettings" if with_structure else ""
        values = {
            "project_name": name,
            "app": f"{name}.main:app" if with_structure else f"{name}.app:app",
            "settings": settings,
            "deployment_folder": deployment["deployment_folder_name"],
            "secret_key": secret_key(),
        }
        write(["project", "structured" if with_structure else "simple"], target, values, verbosity)
        if deployment["with_deployment"]:
            write(["deployment"], target / deployment["deployment_folder_name"], values, verbosity)
        click.secho(f"Project {name} generated successfully!", fg="green")
