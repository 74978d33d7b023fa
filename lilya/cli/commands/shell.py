"""`lilya shell`: Python with the application started, in IPython, ptpython, or as it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Final

import click
from anyio.from_thread import start_blocking_portal

from lilya import __version__
from lilya.cli._inside import backend_option, running, surround
from lilya.cli._kernels import Runner, ipython, plain, ptpython, run_source
from lilya.cli._refusal import Refusal, print_user_traceback
from lilya.cli._settings import settings_option
from lilya.conf._current import settings
from lilya.exceptions import MissingDependency
from lilya.routing._host import Host
from lilya.routing._include import Include
from lilya.routing._path import Path, WebSocketPath
from lilya.routing._router import Router
from lilya.servers._errors import ApplicationFailed

__all__ = ["command"]

KERNELS: Final[Mapping[str, Any]] = {"ipython": ipython, "ptpython": ptpython, "plain": plain}


@click.command("shell")
@click.option("--kernel", type=click.Choice(list(KERNELS)), help="Default: the first of these that is installed.")
@backend_option
@settings_option
@click.pass_context
def command(ctx: click.Context, kernel: str | None, backend: str) -> None:
    """A Python shell with the application started: `app`, `settings`, routes, and `await`.

    Code on stdin is run with the same names.
    """
    start = _kernel(kernel)
    env = ctx.obj.load()
    names = {
        "app": env.app,
        "datetime": datetime,
        "timedelta": timedelta,
        "settings": settings,
        "Path": Path,
        "WebSocketPath": WebSocketPath,
        "Include": Include,
        "Host": Host,
        "Router": Router,
    }
    source = None if sys.stdin.isatty() else sys.stdin.read()
    surround(env.app)
    code = 0
    try:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(backend))
            stack.enter_context(portal.wrap_async_context_manager(running(env.app)))
            runner = Runner(portal)
            if source is None:
                _welcome(env.path, backend, names)
                start(names, runner)
            else:
                code = _run(source, names, runner)
    except ApplicationFailed as failure:
        raise Refusal(str(failure), exit_code=failure.exit_code) from failure
    ctx.exit(code)


def _kernel(wanted: str | None) -> Any:
    """What starts the shell; without a wish the first that is installed."""
    if not sys.stdin.isatty():
        return plain
    for name in [wanted] if wanted else KERNELS:
        try:
            if name != "plain":
                import_module({"ipython": "IPython"}.get(name, name))
        except ImportError as exc:
            if wanted:
                raise MissingDependency(
                    f"--kernel {name} needs {name}: pip install {name}\nor say --kernel plain"
                ) from exc
            continue
        return KERNELS[name]
    return plain


def _run(source: str, names: dict[str, Any], runner: Runner) -> int:
    try:
        run_source(source, names, runner)
    except KeyboardInterrupt:
        return 130
    except Exception as exc:
        print_user_traceback(exc)
        return 1
    return 0


def _welcome(path: str, backend: str, names: Mapping[str, Any]) -> None:
    click.secho(f"Lilya {__version__}, Python {sys.version.split()[0]}", bold=True)
    click.echo(f"{path} is started on {backend}; `await` works at the prompt")
    click.echo(f"here are {', '.join(names)}")
