"""`lilya runserver`: serve the application, in this process, in several, or in one that starts anew at each change."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from lilya.cli._inside import BACKEND
from lilya.cli._refusal import Refusal
from lilya.cli._settings import SETTINGS, settings_option
from lilya.cli._supervisor import Supervisor
from lilya.cli._tree import task_tree_path
from lilya.exceptions import MissingDependency
from lilya.servers._serve import run
from lilya.servers._sockets import Bind, Listeners, parse_bind
from lilya.types import Receive, Scope, Send

__all__ = ["command"]

LEVELS: Final = ("critical", "error", "warning", "info", "debug")
# Seconds a connection is given at a restart; a person waits for it.
RELOAD_DRAIN: Final = 0.2
# How each server calls what the options say.
CONFIG: Final[Mapping[str, Mapping[str, str]]] = {
    "hypercorn": {"certfile": "certfile", "keyfile": "keyfile", "ca_certs": "ca_certs"},
    "uvicorn": {"certfile": "ssl_certfile", "keyfile": "ssl_keyfile", "ca_certs": "ssl_ca_certs"},
}

existing: Final = click.Path(exists=True, dir_okay=False)


@click.command("runserver")
@click.argument("app_path", metavar="[MODULE:ATTR]", required=False)
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one.")
@click.option("--host", default="localhost", show_default=True)
@click.option("--bind", multiple=True, metavar="ADDRESS", help="Instead: host:port, unix:/path, fd://3. Several times.")
@click.option("--backend", type=click.Choice(["trio", "asyncio"]), envvar=BACKEND, help="Default: trio.")
@click.option("--server", type=click.Choice(["hypercorn", "uvicorn"]), default="hypercorn", show_default=True)
@click.option("-r", "--reload/--no-reload", default=False, help="Start anew when a file changes.")
@click.option("--reload-dir", multiple=True, type=click.Path(exists=True), help="What to watch. Default: the folder.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes. Default: this one.")
@click.option("--drain-timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="For requests at a stop.")
@click.option("--debug/--no-debug", default=None, help="Answer with unhandled exceptions. Default: as the app is.")
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
@click.option("--lifespan", type=click.Choice(["on", "off", "auto"]), default="on", show_default=True)
@click.option("--proxy-headers/--no-proxy-headers", default=False, help="Believe X-Forwarded-*: only behind a proxy.")
@click.option("--access-log/--no-access-log", default=False, help="A line for each request, on stdout.")
@click.option("--certfile", type=existing, help="TLS: the certificate.")
@click.option("--keyfile", type=existing, help="TLS: its key.")
@click.option("--ca-certs", type=existing, help="TLS: whom to believe a client's certificate.")
@click.option("--banner/--no-banner", default=True, help="Say what is served, and where.")
@settings_option
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Serve the application: by hypercorn on trio, unless you say otherwise.

    SIGTERM or Ctrl-C stops it in good order, a second one at once. Exit codes: 0 after a stop, 3 when the application
    did not start, 1 when it crashed.
    """
    if options["reload"] and options["workers"]:
        raise click.UsageError("--reload is for one process: it goes without --workers", ctx)
    if options["keyfile"] and not options["certfile"]:
        raise click.UsageError("--keyfile is the key of a --certfile, and there is none", ctx)
    if options["backend"] is None:
        options["backend"] = "asyncio" if options["server"] == "uvicorn" else "trio"
    explicit = ctx.get_parameter_source("host"), ctx.get_parameter_source("port")
    if options["bind"] and click.core.ParameterSource.COMMANDLINE in explicit:
        raise click.UsageError("--bind is instead of --host and --port", ctx)
    host = f"[{options['host']}]" if ":" in options["host"] else options["host"]
    binds = options["bind"] or (f"{host}:{options['port']}",)
    logging.basicConfig(level=options["log_level"].upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    try:
        if options["reload"] or options["workers"]:
            code = _supervise(ctx, options, [parse_bind(each) for each in binds])
        else:
            code = _serve(ctx, options, binds)
    except OSError as exc:
        if not str(exc.strerror).startswith("cannot listen"):
            raise
        raise Refusal(str(exc.strerror)) from None
    ctx.exit(code)


def _serve(ctx: click.Context, options: Mapping[str, Any], binds: Sequence[str]) -> int:
    chosen = ctx.obj if options["app_path"] is None else replace(ctx.obj, app=options["app_path"])
    env = chosen.load()
    app = env.app
    if options["debug"] is not None and env.lilya_app is not None:
        env.lilya_app.debug = options["debug"]
    if options["lifespan"] == "off":
        app = _Around(app, partial(_without_lifespan, app))
    if options["proxy_headers"] and options["server"] == "hypercorn":
        app = _Around(app, import_module("hypercorn.middleware").ProxyFixMiddleware(app))
    if options["banner"]:
        _print_banner(options, binds, env)
    run(
        app,
        binds,
        backend=options["backend"],
        server=options["server"],
        config=_config(options),
        drain_timeout=options["drain_timeout"],
    )
    return 0


def _config(options: Mapping[str, Any]) -> dict[str, Any]:
    server = options["server"]
    config = {name: options[option] for option, name in CONFIG[server].items() if options[option]}
    if server == "uvicorn":
        config |= {"proxy_headers": options["proxy_headers"], "access_log": options["access_log"], "log_config": None}
    elif options["access_log"]:
        config["accesslog"] = "-"
    return config


class _Around:
    """An application with another entrance; all else asked of it, such as `drain`, is its own."""

    def __init__(self, app: Any, entrance: Any) -> None:
        self.app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entrance(scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)


async def _without_lifespan(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":  # to return is to say that there is none
        await app(scope, receive, send)


def _supervise(ctx: click.Context, options: Mapping[str, Any], binds: list[Bind]) -> int:
    """Open the sockets, and let processes serve on them."""
    if os.name != "posix":
        raise Refusal("--reload and --workers hand sockets to other processes, which this system does not do")
    if options["reload"]:
        _watcher()
    folder: Path = ctx.obj.folder
    listeners = Listeners.open(binds)
    try:
        listeners.listen(100)
        descriptors = [sock.fileno() for sock in listeners.sockets]
        words = ["--path", str(folder), *(["--app", ctx.obj.app] if ctx.obj.app else []), "runserver"]
        words += _words(ctx, options) + [word for number in descriptors for word in ("--bind", f"fd://{number}")]
        watched = [str(Path(each).resolve()) for each in options["reload_dir"]] or [str(folder)]
        return Supervisor(
            words, descriptors, options["workers"] or 1, options["drain_timeout"], watched if options["reload"] else []
        ).run()
    finally:
        listeners.close()


def _watcher() -> None:
    try:
        import_module("watchfiles")
    except ImportError as exc:
        raise MissingDependency("--reload needs watchfiles: pip install watchfiles") from exc


def _words(ctx: click.Context, options: Mapping[str, Any]) -> list[str]:
    """The options for the processes that serve, as they were given here."""
    words = [options["app_path"]] if options["app_path"] else []
    for name in ("backend", "server", "drain_timeout", "log_level", "lifespan", "certfile", "keyfile", "ca_certs"):
        value = options[name]
        if value is None and name == "drain_timeout" and options["reload"]:
            value = RELOAD_DRAIN
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    for name in ("debug", "proxy_headers", "access_log"):
        if options[name] is not None:
            words.append(f"--{'' if options[name] else 'no-'}{name.replace('_', '-')}")
    return words if options["banner"] else [*words, "--no-banner"]


def _print_banner(options: Mapping[str, Any], binds: Sequence[str], env: Any) -> None:
    urls = [_url(parse_bind(each), bool(options["certfile"])) for each in binds]
    tree = None if env.lilya_app is None else task_tree_path(env.lilya_app)
    lines = {
        "application": env.path,
        "server": f"{options['server']} on {options['backend']}",
        "address": ", ".join(urls),
        "settings": _settings_name(env.lilya_app),
        "task tree": f"{urls[0]}{tree}" if tree and not urls[0].startswith("unix:") else tree,
        "debug": "on: unhandled exceptions are shown to everybody" if getattr(env.lilya_app, "debug", False) else None,
    }
    click.secho("Lilya", fg="green", bold=True)
    for name, value in lines.items():
        if value:
            click.echo(f"  {name:<12} {value}")


def _settings_name(app: Any) -> str:
    own = getattr(app, "settings_module", None)
    kind = type(own)
    return f"{kind.__module__}.{kind.__qualname__}" if own is not None else os.environ.get(SETTINGS) or "the defaults"


def _url(bind: Bind, secure: bool) -> str:
    if bind.kind == "unix":
        return bind.text
    if bind.kind == "fd":
        try:
            looked_at = Listeners.open([replace(bind, descriptor=os.dup(bind.descriptor))])
        except OSError:  # whoever opens it in earnest says so
            return bind.text
        try:
            return looked_at.urls(secure)[0]
        finally:
            looked_at.close()
    host = f"[{bind.host}]" if ":" in bind.host else bind.host
    return f"{'https' if secure else 'http'}://{host}:{bind.port or '(any free port: see the log)'}"
