"""`lilya createdeployment NAME`."""

from __future__ import annotations

from pathlib import Path

import click

from lilya.cli._refusal import Refusal
from lilya.cli._scaffold import check_target, write

__all__ = ["command"]


@click.command("createdeployment")
@click.argument("name")
@click.option("--deployment-folder-name", default="deployment", show_default=True, help="The folder that is made.")
@click.option("-v", "--verbosity", type=int, default=1, show_default=True, help="2: name each file.")
def command(name: str, deployment_folder_name: str, verbosity: int) -> None:
    """Create files for containers, nginx, supervisor and systemd, for the project NAME."""
    target = Path(deployment_folder_name)
    check_target(target)
    if not name.replace("-", "_").replace(".", "_").isidentifier():
        raise Refusal(f"{name!r} cannot be the name of a project: it is written into configuration files")
    structured = any(Path(*above, name, "configs", "settings.py").is_file() for above in ((), (name,)))
    simple = any(Path(*above, name, "app.py").is_file() for above in ((), (name,)))
    values = {
        "project_name": name,
        "app": f"{name}.app:app" if simple else f"{name}.main:app",
        "settings": f"{name}.configs.settings.AppSettings" if structured else "",
        "deployment_folder": deployment_folder_name,
    }
    write(["deployment"], target, values, verbosity)
    click.secho(f"Deployment for {name} generated successfully!", fg="green")
