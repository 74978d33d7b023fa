"""The source tree as data, for the tests that hold it to the rules of the house.

A `House` is a set of parsed modules: the real one is read from disk, a small one is planted by a test to show that a
rule fires. Nothing is imported or run: the rules hold for a module even where its optional dependency is missing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import pytest

__all__ = [
    "PACKAGE",
    "ROOT",
    "FunctionNode",
    "House",
    "Import",
    "Module",
    "bound_names",
    "called_name",
    "cycles",
    "face_table",
    "functions",
    "lazily_loaded",
    "none",
    "own_nodes",
    "plant",
    "public_definitions",
    "real_house",
    "root_name",
]

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "lilya"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ScopeNode = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Import:
    """One imported module: who, whom, where, and whether it happens when the importer is loaded."""

    importer: str
    target: str
    names: tuple[str, ...]
    line: int
    hidden: str = ""  # why it does not happen at load time: "in a function", "for types only"

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


@dataclass(frozen=True)
class Module:
    """A parsed source file under its dotted name."""

    name: str
    source: str
    is_package: bool = False
    tree: ast.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", ast.parse(self.source, filename=self.name))

    @property
    def room(self) -> str:
        """The part after `lilya.`; empty for the package's own face."""
        return self.name.partition(".")[2].partition(".")[0]

    @property
    def folder(self) -> str:
        """The folder it stands in; a file at the top is a room, so a folder, of its own."""
        if self.is_package or self.name.count(".") < 2:
            return self.name
        return self.name.rpartition(".")[0]

    @property
    def is_public(self) -> bool:
        """No part of its dotted name begins with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def exported(self) -> list[str] | None:
        """What `__all__` lists, None where there is none."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in bound_names(node):
                return [str(ast.literal_eval(each)) for each in getattr(node.value, "elts", [])]
        return None

    def at(self, node: ast.AST) -> str:
        """`module:line`, as a message begins."""
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


@dataclass(frozen=True, eq=False)
class House:
    """All modules by name."""

    modules: Mapping[str, Module]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())

    @cached_property
    def classes(self) -> Mapping[str, list[ast.ClassDef]]:
        """All classes by their bare name."""
        found: dict[str, list[ast.ClassDef]] = {}
        for module in self:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, []).append(node)
        return found

    def imports(self, module: Module) -> list[Import]:
        """Every import of `module`; of a `from` import whatever names a module of the house, else its source."""
        return self._all_imports[module.name]

    def own_imports(self, module: Module) -> list[Import]:
        """Those that stay in the house."""
        return [each for each in self.imports(module) if each.target.partition(".")[0] == PACKAGE]

    @cached_property
    def _all_imports(self) -> Mapping[str, list[Import]]:
        return {module.name: list(self._imports(module, module.tree.body, "")) for module in self}

    def _imports(self, module: Module, nodes: Iterable[ast.AST], hidden: str) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(module.name, alias.name, (), node.lineno, hidden)
            elif isinstance(node, ast.ImportFrom):
                yield from self._from_imports(module, node, hidden)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                lazy = set(lazily_loaded(module, node.orelse))
                for each in self._imports(module, node.body, hidden):
                    yield each if each.target in lazy else replace(each, hidden=hidden or "for types only")
                yield from self._imports(module, node.orelse, hidden)
            else:
                inside = "in a function" if isinstance(node, ScopeNode) else hidden
                yield from self._imports(module, ast.iter_child_nodes(node), inside)

    def _from_imports(self, module: Module, node: ast.ImportFrom, hidden: str) -> Iterator[Import]:
        source = node.module or ""
        if node.level:
            parts = module.name.split(".")
            base = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
            source = ".".join([*base, source] if source else base)
        plain: list[str] = []
        for alias in node.names:
            if f"{source}.{alias.name}" in self.modules:
                yield Import(module.name, f"{source}.{alias.name}", (), node.lineno, hidden)
            else:
                plain.append(alias.name)
        if plain:
            yield Import(module.name, source, tuple(plain), node.lineno, hidden)


@cache
def real_house() -> House:
    """The package as it lies on disk."""
    modules = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        relative = path.relative_to(ROOT).with_suffix("")
        if any(not part.isidentifier() for part in relative.parts):
            continue  # a template of `lilya create`, not a module
        is_package = relative.name == "__init__"
        name = ".".join(relative.parts[:-1] if is_package else relative.parts)
        modules[name] = Module(name, path.read_text(encoding="utf-8"), is_package)
    return House(modules)


def plant(sources: Mapping[str, str]) -> House:
    """A house of a few modules; one whose name ends in `.__init__` is a package's face."""
    modules = {}
    for key, source in sources.items():
        name = key.removesuffix(".__init__")
        modules[name] = Module(name, source, is_package=name != key)
    return House(modules)


def none(found: Iterable[object]) -> None:
    """Fail with one line for each thing found."""
    lines = [str(each) for each in found]
    if lines:
        pytest.fail("\n".join([f"{len(lines)} found:", *lines]), pytrace=False)


def lazily_loaded(module: Module, nodes: Iterable[ast.stmt]) -> Iterator[str]:
    """The modules that `lilya._lazy` is told to load later, by these statements."""
    for node in nodes:
        value = getattr(node, "value", None)
        if not isinstance(node, ast.Assign) or not isinstance(value, ast.Call):
            continue
        if called_name(value) == "lazily":
            yield str(ast.literal_eval(value.args[0]))
        elif called_name(value) == "face":
            yield from (home for home, _ in face_table(module, node).values())


def face_table(module: Module, node: ast.stmt) -> dict[str, tuple[str, str]]:
    """What `__getattr__, __dir__ = face(__name__, {...})` shows: each name with the module and the name it has there.

    Empty for any other statement.
    """
    if not isinstance(node, ast.Assign) or bound_names(node) != ["__getattr__", "__dir__"]:
        return {}
    if not isinstance(node.value, ast.Call) or called_name(node.value) != "face" or len(node.value.args) != 2:
        return {}
    found = {}
    for home, names in ast.literal_eval(node.value.args[1]).items():
        for each in names.split():
            name, _, own = each.partition("=")
            found[name] = (module.name + home if home.startswith(".") else home, own or name)
    return found


def bound_names(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """The plain names an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]


def called_name(node: ast.expr) -> str:
    """The last part of what is called or named: `create_task_group` of `anyio.create_task_group(...)`."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def root_name(node: ast.expr) -> str:
    """The first part: `anyio` of `anyio.create_task_group(...)`."""
    while isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def functions(module: Module) -> Iterator[tuple[str, FunctionNode]]:
    """Every function and method with its qualified name, nested ones included."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + child.name, child
                yield from walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    return walk(module.tree, "")


def public_definitions(house: House, module: Module) -> Iterator[tuple[str, FunctionNode | ast.ClassDef]]:
    """The functions and classes a public module exports, and the public methods of those classes.

    A method that a base class in the house has too is documented there; one marked `@override`, elsewhere.
    """
    if not module.is_public:
        return
    for node in module.tree.body:
        if not isinstance(node, FunctionNode | ast.ClassDef) or node.name not in (module.exported or ()):
            continue
        if not _is_half(node):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            inherited = {name for base in node.bases for name in _methods_of(house, called_name(base))}
            for method in node.body:
                if not isinstance(method, FunctionNode) or method.name in inherited or _is_half(method):
                    continue
                if not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method


def _is_half(node: FunctionNode | ast.ClassDef) -> bool:
    """An overload, the setter of a property, or what overrides a documented one."""
    return bool({called_name(each) for each in node.decorator_list} & {"deleter", "overload", "override", "setter"})


def _methods_of(house: House, class_name: str) -> set[str]:
    """The methods of all classes of that name and of their bases; names are enough here, a wrong hit is harmless."""
    found: set[str] = set()
    pending, seen = [class_name], set[str]()
    while pending:
        name = pending.pop()
        seen.add(name)
        for node in house.classes.get(name, ()):
            found |= {each.name for each in node.body if isinstance(each, FunctionNode)}
            pending += [called_name(base) for base in node.bases if called_name(base) not in seen]
    return found


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All that is inside `node`, but not what is inside a function of its own."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ScopeNode):
            yield from own_nodes(child)


def cycles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other, each sorted (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1 or node in graph.get(node, ()):
                found.append(sorted(component))

    for node in list(graph):
        if node not in index:
            visit(node)
    return sorted(found)
