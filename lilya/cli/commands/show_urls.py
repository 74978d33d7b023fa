"""`lilya show-urls`: the routes of the application."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from typing import Any, Final

import click
from rich.table import Table
from rich.text import Text

from lilya.cli._refusal import Refusal
from lilya.cli._routes import Row, rows_of
from lilya.cli.terminal import printer

__all__ = ["command"]

# The pages that document an API are left out, unless all is asked for.
DOCUMENTATION: Final = ("/swagger", "/redoc", "/openapi.json", "/openapi.yaml", "/openapi.yml", "/elements")


@click.command("show-urls")
@click.option("--layers", is_flag=True, help="Also the middleware, permissions and exception handlers around each.")
@click.option("--path", "pattern", metavar="TEXT", help="Only paths with this text, or like this pattern with * and ?.")
@click.option("--method", metavar="NAME", help="Only routes that answer this method.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["async", "sync", "controller", "asgi", "websocket"]),
    help="Only routes of this type.",
)
@click.option("--all", "everything", is_flag=True, help="Also the pages of the API's documentation.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def command(ctx: click.Context, /, layers: bool, as_json: bool, **filters: Any) -> None:
    """List the routes of the application."""
    env = ctx.obj.load()
    if env.lilya_app is None:
        raise Refusal(f"{env.path} is not a Lilya application: {type(env.app).__name__} has no routes to show")
    rows = [row for row in rows_of(env.lilya_app) if _is_wanted(row, **filters)]
    if as_json:
        click.echo(json.dumps([_as_data(row) for row in rows], indent=2))
        return
    columns = ["Path", "Path Parameters", "Handler", "Type", "HTTP Methods", *(["Layers"] if layers else [])]
    table = Table(title="Application Paths", show_lines=layers and sys.stdout.isatty())
    for title in columns:
        table.add_column(title, overflow="fold")
    for row in rows:
        shown = [
            f"{row.host}{row.path}",
            ", ".join(row.parameters),
            row.handler,
            row.kind,
            ", ".join(row.methods) or ("" if row.kind == "websocket" else "any"),
        ]
        table.add_row(*map(Text, shown), *([Text("\n".join(row.layers))] if layers else []))
    printer().print(table)


def _is_wanted(row: Row, pattern: str | None, method: str | None, kind: str | None, everything: bool) -> bool:
    path = f"{row.host}{row.path}"
    if not everything and any(part in path for part in DOCUMENTATION):
        return False
    if pattern is not None and pattern not in path and not fnmatchcase(path, pattern):
        return False
    if method is not None and (row.kind == "websocket" or (row.methods and method.upper() not in row.methods)):
        return False
    return kind is None or row.kind == kind


def _as_data(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "host": row.host or None,
        "parameters": list(row.parameters),
        "handler": row.handler,
        "type": row.kind,
        "methods": list(row.methods),
        "layers": list(row.layers),
        "documented": row.documented,
    }
