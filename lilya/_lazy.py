"""What is loaded when it is first used: the names of a package's face, and modules that few applications need.

The import system of Python loads what an import statement names at once. Both helpers here put that off; type checkers
and editors read the import statements beside them, which never run:

    if TYPE_CHECKING:
        import csv
    else:
        csv = lazily("csv")
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final


class Lazy:
    """Stands for a module: what it is asked for it fetches there, loading the module if need be, and keeps."""

    def __init__(self, module: str) -> None:
        self.__module: Final = module

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__[name] = getattr(import_module(self.__module), name)
        return value

    def __repr__(self) -> str:
        return f"<{self.__module}, loaded when it is used>"


def lazily(module: str) -> Any:
    """The module of this dotted name, loaded at its first use; errors of importing it are raised there.

    For what only some applications need, and for what each needs when it is built, but none before. What would first be
    used in the middle of a request, and takes long to load, is loaded at the start: by using it. A name is looked up
    once: then it costs what any attribute does, and what is put into the module in its place later is not seen.
    """
    return Lazy(module)


def load(module: Any) -> None:
    """Load what `lazily` stands for now, where it is known to be needed later, when there is no time for it."""
    import_module(vars(module)["_Lazy__module"])


def face(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` (PEP 562) of a package that shows what its modules define.

    `modules` names for each module, by its dotted name (one that begins with a dot is the package's own), what is shown
    of it, separated by spaces; `Other=Name` shows `Name` as `Other`. A name is looked up once: then the package has it.
    """
    homes: dict[str, tuple[str, str]] = {}
    for module, names in modules.items():
        for shown in names.split():
            name, _, own = shown.partition("=")
            homes[name] = module, own or name

    def __getattr__(name: str) -> Any:
        if name in homes:
            module, own = homes[name]
            value = getattr(import_module(module, package), own)
            setattr(sys.modules[package], name, value)
            return value
        if f".{name}" in modules:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return __getattr__, __dir__
