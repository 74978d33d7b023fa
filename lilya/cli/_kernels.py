"""The shells. Each runs in the main thread, which gets Ctrl-C; what is awaited runs in the loop of the application."""

from __future__ import annotations

import ast
import code
import inspect
import os
import types
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from anyio.from_thread import BlockingPortal

from lilya.conf._current import settings

__all__ = ["Runner", "ipython", "plain", "ptpython", "run_source"]

ARGUMENTS: Final = "IPYTHON_ARGUMENTS"
AWAITABLE: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Runner:
    """Awaits in the loop of the application what the shell has; Ctrl-C cancels it."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal

    def __call__(self, awaitable: Awaitable[Any]) -> Any:
        """Its result, or what it raises."""
        future = self._portal.start_task_soon(_wait, awaitable)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def execute(self, compiled: types.CodeType, names: dict[str, Any]) -> Any:
        """Run compiled code, which may await at its top level."""
        result = types.FunctionType(compiled, names)()
        return self(result) if inspect.iscoroutine(result) else result


async def _wait(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def run_source(source: str, names: dict[str, Any], runner: Runner) -> None:
    """Run a whole program. Raises what it raises."""
    names["__name__"] = "__main__"
    runner.execute(compile(source, "<stdin>", "exec", flags=AWAITABLE), names)


class _Console(code.InteractiveConsole):
    """Python's own prompt, with `await`."""

    def __init__(self, names: dict[str, Any], runner: Runner) -> None:
        super().__init__(names)
        self._names = names
        self._runner = runner
        self.compile.compiler.flags |= AWAITABLE

    def runcode(self, code: types.CodeType) -> None:
        """Run what was typed; what it raises is printed, but for the end of the shell."""
        try:
            self._runner.execute(code, self._names)
        except SystemExit:
            raise
        except KeyboardInterrupt:
            self.write("\nKeyboardInterrupt\n")
        except Exception:
            self.showtraceback()


def plain(names: dict[str, Any], runner: Runner) -> None:
    """Python's own prompt."""
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    _Console(names, runner).interact(banner="", exitmsg="")


def ipython(names: dict[str, Any], runner: Runner) -> None:
    """IPython, with the arguments of the settings, else of the environment."""
    application: Any = import_module("IPython.terminal.ipapp").TerminalIPythonApp
    arguments = list(getattr(settings, "ipython_args", None) or os.environ.get(ARGUMENTS, "--no-banner").split())
    app = application.instance(user_ns=names)
    app.initialize(arguments)
    app.shell.loop_runner = runner
    app.shell.autoawait = True
    app.start()


def ptpython(names: dict[str, Any], runner: Runner) -> None:
    """ptpython, with its own configuration."""
    repl: Any = import_module("ptpython.repl")
    made = type("Repl", (repl.PythonRepl,), {"eval": _evaluate(runner), "_lilya": names})
    editor = os.environ.get("EDITOR", "")
    shell = made(
        get_globals=lambda: names,
        get_locals=lambda: names,
        vi_mode=editor.startswith("vi") or editor.endswith("vim"),
    )
    config = os.path.expanduser(settings.ptpython_config_file)
    if os.path.exists(config):
        repl.run_config(shell, config)
    shell.run()


def _evaluate(runner: Runner) -> Callable[[Any, str], Any]:
    """What ptpython calls with each input: the value of an expression is shown."""

    def evaluate(repl: Any, line: str) -> Any:
        names = repl._lilya
        try:
            compiled = compile(line, "<stdin>", "eval", flags=AWAITABLE, dont_inherit=True)
        except SyntaxError:
            compiled = compile(line, "<stdin>", "exec", flags=AWAITABLE, dont_inherit=True)
        return runner.execute(compiled, names)

    return evaluate
