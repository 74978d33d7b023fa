"""`lilya tasks`: what a running application is at, as its `TaskTree` tells it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import click
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from lilya.cli._refusal import Refusal
from lilya.cli._tree import task_tree_path
from lilya.cli.terminal import printer

__all__ = ["command"]

# What a terminal would obey: a name may come from anywhere.
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Seconds an answer may take, and bytes it may have.
TIMEOUT: Final = 5.0
MAX_BYTES: Final = 5_000_000


@click.command("tasks")
@click.option("--url", metavar="URL", help="Of the TaskTree. Default: where the app mounts it, on port 8000.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="Look once. So it is, too, where the output is no terminal.")
@click.pass_context
def command(ctx: click.Context, url: str | None, interval: float, once: bool) -> None:
    """Show the tasks of a running application, as long as you look. Ctrl-C ends it.

    The application has to mount it: Include("/tasks", app=TaskTree()), from lilya.contrib.inspect.
    """
    where = url or _mounted_at(ctx)
    if once or not sys.stdout.isatty():
        printer().print(_draw(_fetch(where)))
        return
    try:
        with Live(_draw(_fetch(where)), console=printer(), screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                live.update(_draw(_fetch(where)), refresh=True)
    except KeyboardInterrupt:
        return


def _mounted_at(ctx: click.Context) -> str:
    env = ctx.obj.load()
    path = None if env.lilya_app is None else task_tree_path(env.lilya_app)
    if path is None:
        raise Refusal(
            f"{env.path} mounts no TaskTree",
            'add Include("/tasks", app=TaskTree()) from lilya.contrib.inspect, or say --url',
        )
    return f"http://127.0.0.1:8000{path}"


def _fetch(url: str) -> Mapping[str, Any]:
    """The picture at a URL. Raises `Refusal` for anything else."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refusal(f"--url is http://host:port/path, got {url!r}", f"did you mean http://{url} ?")
    # No proxy: a TaskTree tells nothing to who comes through one.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(Request(url, headers={"Accept": "application/json"}), timeout=TIMEOUT) as response:
            found = json.loads(response.read(MAX_BYTES))
    except HTTPError as exc:
        with exc:
            hint = "it answers this machine alone, or whom its permissions let in" if exc.code == 403 else ""
            hint = "name the path where the TaskTree is mounted" if exc.code == 404 else hint
            raise Refusal(f"{url} answers {exc.code} {exc.reason}", hint) from None
    except OSError as exc:
        reason = getattr(exc, "reason", exc)
        raise Refusal(f"{url} does not answer: {reason}", "is it running, and on that port? say --url") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("sections"), list):
        raise Refusal(f"{url} is no TaskTree", "name the path where it is mounted")
    return found


def _draw(picture: Mapping[str, Any]) -> Tree:
    said = [
        str(picture.get("state")),
        f"worker threads at work: {picture.get('threads')}",
        f"tasks failed so far: {picture.get('failed_tasks')}",
    ]
    if picture.get("unseen"):
        said.append(f"tasks not looked at: {picture['unseen']}")
    root = Tree(Text(CONTROL.sub("?", ", ".join(said)), style="bold"))
    for section in picture["sections"]:
        nodes = section.get("nodes") or []
        branch = root.add(Text(f"{section.get('title')} ({section.get('count')})", style="cyan"))
        for node in nodes:
            _grow(branch, node)
        _more(branch, int(section.get("count") or 0) - len(nodes))
    return root


def _grow(parent: Tree, node: Mapping[str, Any]) -> None:
    line = Text(CONTROL.sub("?", str(node.get("name"))))
    for part, style in ((node.get("state"), "green"), (_age(node.get("age")), "dim"), (_place(node), "dim")):
        if part:
            line.append("  ").append(CONTROL.sub("?", str(part)), style=style)
    branch = parent.add(line)
    for child in node.get("children") or []:
        _grow(branch, child)
    _more(branch, int(node.get("more") or 0))


def _more(branch: Tree, count: int) -> None:
    if count > 0:
        branch.add(Text(f"and {count} more", style="dim"))


def _place(node: Mapping[str, Any]) -> str:
    where, awaits = node.get("where"), node.get("awaits")
    return f"{where}, in {awaits}" if where and awaits else str(where or "")


def _age(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return ""
    whole = int(seconds)
    if whole < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
