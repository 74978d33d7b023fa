"""Where directives are: files in folders called `operations`. They are found by reading, and imported one by one."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

__all__ = ["directives_below", "import_file", "shown_directives"]

FOLDER: Final = "operations"
# Folders looked through, so that a call in the root of a disk ends.
MAX_FOLDERS: Final = 5000
NOT_ENTERED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})


def directives_below(folder: Path) -> dict[str, Path]:
    """The directives below a folder, by name, sorted. Of two that have one name the first found counts: the folders

    are walked in the order of their paths.
    """
    found: dict[str, Path] = {}
    for operations in _operations(folder):
        for file in sorted(operations.glob("*.py")):
            if not file.name.startswith("_"):
                found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def _operations(folder: Path) -> Iterator[Path]:
    for count, (path, folders, _) in enumerate(os.walk(folder)):
        if count >= MAX_FOLDERS:
            return
        here = Path(path)
        folders[:] = sorted(name for name in folders if _is_entered(here, name))
        if here.name == FOLDER:
            yield here


def _is_entered(parent: Path, name: str) -> bool:
    return not name.startswith(".") and name not in NOT_ENTERED and not (parent / name / "pyvenv.cfg").exists()


def shown_directives(folder: Path) -> dict[str, Path]:
    """The directives that are commands of their own (`@directive(display_in_cli=True)`), by the command's name.

    Their files are read, not imported.
    """
    shown: dict[str, Path] = {}
    for file in directives_below(folder).values():
        name = _shown_name(file)
        if name is not None:
            shown.setdefault(name, file)
    return shown


def _shown_name(file: Path) -> str | None:
    try:
        source = file.read_bytes()
        tree = ast.parse(source) if b"display_in_cli" in source else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return None  # whoever runs it is told
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
            if any(_last_name(call) == "directive" and _is_true(call, "display_in_cli") for call in calls):
                named = [name for call in calls if _last_name(call) == "command" for name in _names(call)]
                return named[0] if named else node.name.replace("_", "-")
    return None


def _last_name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _is_true(call: ast.Call, keyword: str) -> bool:
    return any(
        each.arg == keyword and isinstance(each.value, ast.Constant) and each.value.value for each in call.keywords
    )


def _names(call: ast.Call) -> list[str]:
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "name")]
    return [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def import_file(file: Path, folder: Path) -> ModuleType:
    """Import a file below `folder`, under its dotted name where it has one: then it is the module others import, too.

    Raises whatever it raises.
    """
    parts = file.relative_to(folder).with_suffix("").parts
    name = ".".join(parts)
    if not all(part.isidentifier() for part in parts) or parts[0] in sys.stdlib_module_names:
        name = f"lilya_directive_{file.stem}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    spec = spec_from_file_location(name, file)
    assert spec is not None, "it ends with .py"
    assert spec.loader is not None, "it ends with .py"
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
