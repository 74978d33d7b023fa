"""Finding the application a command is about.

--app module:attribute, else LILYA_DEFAULT_APP, else the first application in application.py, app.py or main.py of
the folder, else of one of its sub-folders
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from lilya.apps import ChildLilya, Lilya
from lilya.cli.exceptions import AppImportError
from lilya.conf.exceptions import FieldException
from lilya.exceptions import EnvError

__all__ = ["DEFAULT_APP", "DirectiveEnv", "Scaffold", "extend_path"]

DEFAULT_APP: Final = "LILYA_DEFAULT_APP"

FILES: Final = ("application.py", "app.py", "main.py")
FACTORIES: Final = ("get_application", "get_app")
WRAPPERS: Final = ("application", "app")

# Middleware around an application keeps it as `app`; nobody stacks more by hand.
MAX_LAYERS: Final = 50
# Files looked through for something to propose.
MAX_FILES: Final = 200


@dataclass(frozen=True)
class Scaffold:
    """An application and how it is imported: `module:attribute`."""

    path: str
    app: Any


@dataclass
class DirectiveEnv:
    """An application that was found. `app` is what is served, `lilya_app` the Lilya application in it, if there is one.

    `path` is how `app` is imported, `command_path` the folder where it was looked for, `module_info` its module.
    """

    path: str | None = None
    app: Any = None
    command_path: str | None = None
    lilya_app: Lilya | None = None
    module_info: ModuleType | None = None

    def load_from_env(self, path: str | None = None, cwd: str | os.PathLike[str] | None = None) -> DirectiveEnv:
        """Find the application: at `path`, else as the environment says, else in the folder `cwd`.

        Raises `EnvError`, with a hint, when there is none; `AppImportError` where its file cannot be imported.
        """
        folder = Path.cwd() if cwd is None else Path(cwd).resolve()
        extend_path(folder)
        wanted = path or os.environ.get(DEFAULT_APP) or None
        if wanted is not None:
            source = "--app" if path else DEFAULT_APP
            found = _Named(wanted, source, folder).find()
        else:
            found = self.find_app(None, folder)
        module = sys.modules.get(found.path.partition(":")[0])
        return DirectiveEnv(found.path, found.app, str(folder), lilya_inside(found.app), module)

    def import_app_from_string(self, path: str) -> Scaffold:
        """The application at `module:attribute`. Raises `EnvError`."""
        return _Named(path, "--app", Path.cwd()).find()

    def find_app(self, path: str | None, cwd: str | os.PathLike[str]) -> Scaffold:
        """The application at `path`, else the first one in the folder `cwd`. Raises `EnvError`."""
        if path:
            return _Named(path, "--app", Path(cwd)).find()
        folder = Path(cwd)
        looked = []
        for file, module in candidates(folder):
            looked.append(file.relative_to(folder).as_posix())
            found = application_of(import_user_module(module, file))
            if found is not None:
                return Scaffold(f"{module}:{found[0]}", found[1])
        raise EnvError(detail=_nothing_found(folder, looked))


def extend_path(folder: Path) -> None:
    """Let modules of `folder` be imported. First: an installed package may be called `app`, too."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def candidates(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files that may hold an application with the names of their modules, those of the folder itself first."""
    below = [each for each in sorted(folder.iterdir()) if each.is_dir() and is_source_folder(each)]
    for parent, prefix in [(folder, ""), *((each, f"{each.name}.") for each in below)]:
        for name in FILES:
            if (parent / name).is_file():
                yield parent / name, f"{prefix}{name.removesuffix('.py')}"


def is_source_folder(folder: Path) -> bool:
    """Whether somebody's own modules may be in it: no hidden folder, no virtual environment, no cache."""
    hidden = folder.name.startswith((".", "__")) or folder.name in ("node_modules", "site-packages")
    return not hidden and folder.name.isidentifier() and not (folder / "pyvenv.cfg").exists()


def import_user_module(name: str, shown: object = None) -> ModuleType:
    """A module of the user's. Raises `ModuleNotFoundError` where there is none, `FieldException` for bad settings,

    `AppImportError` for whatever else goes wrong in it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            raise
        raise AppImportError(detail=f"{shown or name} cannot be imported: {exc}") from exc
    except FieldException:  # says all there is to say: which setting, and what is wrong with it
        raise
    except Exception as exc:
        raise AppImportError(detail=f"{shown or name} cannot be imported: {type(exc).__name__}: {exc}") from exc


def lilya_inside(app: Any) -> Lilya | None:
    """The Lilya application in `app`, which may be middleware around it."""
    for _ in range(MAX_LAYERS):
        if isinstance(app, Lilya) or app is None:
            return app
        app = getattr(app, "app", None)
    return None


def application_of(module: ModuleType) -> tuple[str, Any] | None:
    """The application of a module and its name: an object, else a wrapped one, else what a factory makes."""
    names = vars(module)
    whole = [(name, each) for name, each in names.items() if isinstance(each, Lilya)]
    # A child is there to be included; it is meant only where there is nothing else.
    for name, app in sorted(whole, key=lambda pair: isinstance(pair[1], ChildLilya)):
        return name, app
    for name in WRAPPERS:
        if not isinstance(names.get(name), type) and lilya_inside(names.get(name)) is not None:
            return name, names[name]
    for name in FACTORIES:
        if inspect.isfunction(names.get(name)):
            return name, made_by(names[name], f"{module.__name__}:{name}")
    return None


def made_by(factory: Any, path: str) -> Any:
    """What a factory makes. Raises `AppImportError` with what it raised."""
    try:
        return factory()
    except Exception as exc:
        raise AppImportError(detail=f"{path}() failed: {type(exc).__name__}: {exc}") from exc


class _Named:
    """An application that is named: `text` as it was given in `source`."""

    def __init__(self, text: str, source: str, folder: Path) -> None:
        self._text = text
        self._source = source
        self._folder = folder

    def find(self) -> Scaffold:
        module_name, colon, attribute = self._text.partition(":")
        if module_name.endswith(".py") or "/" in module_name:
            dotted = module_name.removesuffix(".py").strip("./").replace("/", ".")
            raise self._wrong("that is a file", f"{dotted}:{attribute or self._proposed(dotted)}")
        if not colon or not attribute or not module_name.strip(".") or module_name.startswith("."):
            module_name = module_name.strip(".")
            proposed = self._proposed(module_name) if module_name else "app"
            raise self._wrong("the form is module:attribute", f"{module_name or 'main'}:{attribute or proposed}")
        try:
            module = import_user_module(module_name)
        except (ModuleNotFoundError, ValueError) as exc:
            missing = getattr(exc, "name", None) or module_name
            known = [name for _, name in candidates(self._folder)]
            near = get_close_matches(module_name, known, n=1, cutoff=0.5)
            meant = f"{near[0]}:{attribute}" if near else ""
            raise self._wrong(f"there is no module {missing!r} in {self._folder} or installed", meant) from None
        return Scaffold(self._text, self._object(module, attribute))

    def _object(self, module: ModuleType, attribute: str) -> Any:
        found: Any = module
        for part in attribute.split("."):
            if not hasattr(found, part):
                own = [name for name, each in vars(module).items() if lilya_inside(each) and not name.startswith("_")]
                near = get_close_matches(part, [name for name in vars(module) if not name.startswith("_")], n=1)
                meant = (own or near or [""])[0]
                raise self._wrong(
                    f"the module {module.__name__!r} has no {part!r}", meant and f"{module.__name__}:{meant}"
                )
            found = getattr(found, part)
        if inspect.isfunction(found) and not inspect.iscoroutinefunction(found) and _needs_nothing(found):
            found = made_by(found, self._text)
        if not callable(found):
            raise self._wrong(f"that is a {type(found).__name__}, no ASGI application: it cannot be called")
        return found

    def _proposed(self, module_name: str) -> str:
        """The name of an application in a module that is there, without importing it."""
        file = self._folder.joinpath(*module_name.split(".")).with_suffix(".py")
        return next(iter(applications_in(file)), "app")

    def _wrong(self, why: str, meant: str = "") -> EnvError:
        hint = f"\ndid you mean {self._source}{' ' if self._source == '--app' else '='}{meant} ?" if meant else ""
        return EnvError(detail=f"{self._source}: no application at {self._text!r}: {why}{hint}")


def _needs_nothing(function: Any) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    return True


def applications_in(file: Path) -> list[str]:
    """The names a file seems to give to applications; it is read, not run."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    names = []
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            made = ast.unparse(node.value.func).rpartition(".")[2]
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if made in ("Lilya", "ChildLilya"):
                names += [target.id for target in targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.FunctionDef) and not node.args.args and node.name.endswith(("_app", "_application")):
            names.append(node.name)
    return names


def _nothing_found(folder: Path, looked: list[str]) -> str:
    """The message when no file has an application, with the likeliest place of one."""
    if looked:
        where = f"found {', '.join(looked)}, but no Lilya object in {'it' if len(looked) == 1 else 'them'}"
    else:
        where = f"{folder} has no {_or()}"
    files = [file for parent in (folder, *_below(folder)) for file in sorted(parent.glob("*.py"))]
    for file in files[:MAX_FILES]:
        for name in applications_in(file):
            dotted = ".".join(file.relative_to(folder).with_suffix("").parts)
            return f"Could not find a Lilya application: {where}.\ndid you mean --app {dotted}:{name} ?"
    return (
        f"Could not find a Lilya application: {where}.\n"
        f"name it by --app module:attribute or {DEFAULT_APP}, or name the folder by --path"
    )


def _or() -> str:
    return " or ".join([", ".join(FILES[:-1]), FILES[-1]])


def _below(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.is_dir() and is_source_folder(each)]
