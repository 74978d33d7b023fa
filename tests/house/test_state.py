"""No module and no class keeps state: two apps in one process do not meet, nor does a test meet the one before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.support.house import House, bound_names, called_name, none, plant, real_house

HOUSE: Final = real_house()

MUTABLE_LITERALS: Final = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MUTABLE_CALLS: Final = frozenset(
    {"ChainMap", "Counter", "OrderedDict", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary", "bytearray", "count"}
    | {"defaultdict", "deque", "dict", "list", "set"}
)

# The language asks for these, and nobody writes to them.
PROTOCOL_NAMES: Final = frozenset({"__all__", "__slots__", "__match_args__"})

# A table under one of these annotations cannot be written to, as far as the type checker sees.
READ_ONLY: Final = frozenset(
    {"Mapping", "Sequence", "Set", "AbstractSet", "Collection", "Iterable", "frozenset", "tuple"}
)

# `module.NAME` of mutable globals that are right where they are, each with its reason.
GRANTED: Final[Mapping[str, str]] = {}


def mutable_globals(house: House) -> list[str]:
    found = []
    for module in house:
        for owner, node in _assignments(module.tree, ""):
            names = [name for name in bound_names(node) if name not in PROTOCOL_NAMES]
            granted = any(f"{module.name}.{owner}{name}" in GRANTED for name in names)
            if names and not granted and _is_mutable(node.value) and not _is_read_only(node):
                found.append(
                    f"{module.at(node)} {owner}{names[0]} can be changed by anybody: "
                    f"annotate a table as Final[Mapping[...]], or keep state on an object"
                )
    return found


def rebound_globals(house: House) -> list[str]:
    return [
        f"{module.at(node)} rebinds a global: {', '.join(node.names)}"
        for module in house
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Global)
    ]


def needless_grants(house: House) -> list[str]:
    known = {
        f"{module.name}.{owner}{name}"
        for module in house
        for owner, node in _assignments(module.tree, "")
        for name in bound_names(node)
    }
    return [f"{name} is granted and does not exist" for name in GRANTED if name not in known]


def _assignments(node: ast.AST, owner: str) -> Iterator[tuple[str, ast.Assign | ast.AnnAssign]]:
    """Those at module and class level, wherever an `if`, `try` or `with` put them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Assign | ast.AnnAssign):
            yield owner, child
        elif isinstance(child, ast.ClassDef):
            yield from _assignments(child, f"{owner}{child.name}.")
        elif isinstance(child, ast.stmt | ast.ExceptHandler) and not _is_function(child):
            yield from _assignments(child, owner)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return called_name(value) in MUTABLE_CALLS
    if isinstance(value, ast.BinOp):
        return _is_mutable(value.left) or _is_mutable(value.right)
    return isinstance(value, MUTABLE_LITERALS)


def _is_read_only(node: ast.Assign | ast.AnnAssign) -> bool:
    """Annotated `Final[...]` or `ClassVar[...]` of a type without a method that writes."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.annotation, ast.Subscript):
        return False
    inner = node.annotation.slice
    inner = inner.value if isinstance(inner, ast.Subscript) else inner
    return called_name(node.annotation.value) in {"Final", "ClassVar"} and called_name(inner) in READ_ONLY


def test_no_module_or_class_keeps_what_can_be_changed() -> None:
    none(mutable_globals(HOUSE))


def test_no_function_rebinds_a_global() -> None:
    none(rebound_globals(HOUSE))


def test_every_grant_is_needed() -> None:
    none(needless_grants(HOUSE))


@pytest.mark.parametrize(
    "source",
    [
        "registry = {}",
        "REGISTRY = []",
        "TABLE: dict[str, int] = {'a': 1}",
        "TABLE: Mapping[str, int] = {'a': 1}",
        "TABLE: Final = {'a': 1}",
        "TABLE: Final[dict[str, int]] = {}",
        "class A:\n    seen = set()",
        "class A:\n    class B:\n        seen: ClassVar[list[int]] = [1]",
        "cache = weakref.WeakKeyDictionary()",
        "names = [name for name in other]",
        "if x:\n    a = b = {}",
        "try:\n    queue = collections.deque()\nexcept ValueError:\n    pass",
        "numbers = itertools.count()",
        "TABLE = {} | OTHER",
    ],
)
def test_what_can_be_changed_is_noticed(source: str) -> None:
    assert len(mutable_globals(plant({"lilya.routing": source}))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "__all__ = ['a']",
        "TABLE: Final[Mapping[str, int]] = {'a': 1}",
        "class A:\n    table: ClassVar[Mapping[str, int]] = {}\n    __slots__ = ['a']",
        "TABLE = MappingProxyType({'a': 1})",
        "NAMES = frozenset({'a'})",
        "ORDER = ('a', 'b')",
        "Alias = dict[str, int]",
        "def f():\n    table = {}",
        "class A:\n    items: list[int] = field(default_factory=list)",
        "class A:\n    def __init__(self):\n        self.items = []",
    ],
)
def test_what_cannot_be_changed_is_fine(source: str) -> None:
    assert not mutable_globals(plant({"lilya.routing": source}))


def test_a_rebound_global_is_noticed() -> None:
    assert len(rebound_globals(plant({"lilya.routing": "n = 0\ndef f():\n    global n\n    n += 1"}))) == 1
