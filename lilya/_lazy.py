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
    """Stands for a module: to ask it for an attribute loads the module, if need be, and asks that."""

    __slots__ = ("_module",)

    def __init__(self, module: str) -> None:
        self._module: Final = module

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._module), name)

    def __repr__(self) -> str:
        return f"<{self._module}, loaded when it is used>"


def lazily(module: str) -> Any:
    """The module of this dotted name, loaded at its first use; then, what import errors it raises are raised.

    For modules only some applications need. What is sure to be needed is imported: better at the start of the process
    than in the middle of its first request. Asking it for an attribute takes half a microsecond: nothing for the way
    of every request.
    """
    return Lazy(module)


def load(module: Any) -> None:
    """Load what `lazily` has put off, now: it is sure to be needed."""
    import_module(object.__getattribute__(module, "_module"))


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
