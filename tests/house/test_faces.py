"""What a package shows: its face only re-exports, `__all__` is complete and true, and what is public is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.house import (
    PACKAGE,
    House,
    Module,
    bound_names,
    face_table,
    none,
    plant,
    public_definitions,
    real_house,
)

HOUSE: Final = real_house()


def busy_faces(house: House) -> list[str]:
    """The package's own face may also hold `__version__`, which the build reads from there."""
    return [
        f"{module.at(node)} a face only re-exports, and loads nothing: see `lilya._lazy.face`"
        for module in house
        if module.is_package
        for node in module.tree.body
        if not (_is_preface(node) or _is_face(module, node) or _is_docstring(node) or _is_all(node))
        if not _is_version(module, node)
    ]


def untrue_faces(house: House) -> list[str]:
    """A face says three times what it shows: to type checkers, to Python, and in `__all__`."""
    found = []
    for module in house:
        if not module.is_package or not module.tree.body:
            continue
        face = next((node for node in module.tree.body if isinstance(node, ast.If)), None)
        typed = _typed(face.body) if face else {}
        table = face_table(module, face.orelse[0]) if face and face.orelse else {}
        shown = set(module.exported or ()) - {"__version__"}
        found += [f"{module.name} loads {name} and does not show it" for name in sorted(table.keys() - shown)]
        found += [f"{module.name} shows {name} and does not load it" for name in sorted(shown - table.keys())]
        found += [
            f"{module.name}: {name} is {typed.get(name)} for type checkers, and {table.get(name)} for Python"
            for name in sorted(typed.keys() | table.keys())
            if typed.get(name) != table.get(name)
        ]
    return found


def hidden_names(house: House) -> list[str]:
    """Python makes a module an attribute of its package once it is imported, in place of what the face showed there."""
    return [
        f"{module.name} shows {name}, and has a module of that name: rename the module"
        for module in house
        if module.is_package
        for name in module.exported or ()
        if f"{module.name}.{name}" in house.modules
    ]


def _typed(nodes: list[ast.stmt]) -> dict[str, tuple[str, str]]:
    """What imports, and second names for what they bind, show: each name with its module and the name it has there."""
    found: dict[str, tuple[str, str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: (node.module or "", alias.name) for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            found |= dict.fromkeys(bound_names(node), found.get(node.value.id, ("", node.value.id)))
    return found


def unsorted_exports(house: House) -> list[str]:
    return [
        f"{module.name}: __all__ is not sorted; ruff check --fix --select RUF022 does it"
        for module in house
        if module.exported is not None and module.exported != sorted(set(module.exported), key=_export_order)
    ]


def imported_faces(house: House) -> list[str]:
    """`from lilya import __version__` is the exception: that face defines it."""
    return [
        f"{each}: a face; import the module that defines {', '.join(each.names) or 'it'}"
        for module in house
        for each in house.own_imports(module)
        if (target := house.modules.get(each.target)) is not None and target.is_package
        if (each.target, each.names) != (PACKAGE, ("__version__",))
    ]


def missing_exports(house: House) -> list[str]:
    return [
        f"{module.name} is public and has no __all__"
        for module in house
        if module.is_public and module.tree.body and module.exported is None
    ]


def false_exports(house: House) -> list[str]:
    found = []
    for module in house:
        bound = set(_bound(module.tree))
        found += [
            f"{module.name} exports {name}, which it does not define"
            for name in module.exported or ()
            if name not in bound
        ]
    return found


def undocumented(house: House) -> list[str]:
    return [
        f"{module.at(node)} {name} has no docstring"
        for module in house
        for name, node in public_definitions(house, module)
        if ast.get_docstring(node) is None
    ]


def undocumented_modules(house: House) -> list[str]:
    return [
        f"{module.name} does not say what lives in it"
        for module in house
        if module.tree.body and ast.get_docstring(module.tree) is None
    ]


def _export_order(name: str) -> tuple[int, list[tuple[bool, int, str]]]:
    """CONSTANTS, Classes, the rest, numbers in names by their value: the order ruff keeps (RUF022)."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return kind, [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_preface(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module in {"__future__", "typing", "lilya._lazy"}


def _is_face(module: Module, node: ast.stmt) -> bool:
    """`if TYPE_CHECKING:` with imports and second names for them (`Middleware = DefineMiddleware`), `else:` a table."""
    return (
        isinstance(node, ast.If)
        and ast.unparse(node.test) == "TYPE_CHECKING"
        and all(isinstance(each, ast.ImportFrom) or _is_alias(each) for each in node.body)
        and len(node.orelse) == 1
        and bool(face_table(module, node.orelse[0]))
    )


def _is_alias(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and bound_names(node) == ["__all__"] and isinstance(node.value, ast.List)


def _is_version(module: Module, node: ast.stmt) -> bool:
    return module.name == PACKAGE and isinstance(node, ast.Assign) and bound_names(node) == ["__version__"]


def _bound(node: ast.AST) -> Iterator[str]:
    """Every name bound at module level, wherever an `if` or `try` put it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            yield from bound_names(child)
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in child.names)
        elif isinstance(child, ast.stmt | ast.ExceptHandler):
            yield from _bound(child)


def test_a_face_only_re_exports() -> None:
    none(busy_faces(HOUSE))


def test_a_face_tells_type_checkers_and_python_the_same() -> None:
    none(untrue_faces(HOUSE))


def test_no_module_hides_what_its_package_shows() -> None:
    none(hidden_names(HOUSE))


def test_exports_are_sorted() -> None:
    none(unsorted_exports(HOUSE))


def test_nobody_in_the_house_imports_a_face() -> None:
    none(imported_faces(HOUSE))


def test_every_public_module_says_what_it_exports() -> None:
    none(missing_exports(HOUSE))


def test_every_exported_name_exists() -> None:
    none(false_exports(HOUSE))


def test_every_public_function_class_and_method_is_documented() -> None:
    none(undocumented(HOUSE))


def test_every_module_says_what_lives_in_it() -> None:
    none(undocumented_modules(HOUSE))


def _face(typed: str, table: str, shown: str) -> House:
    body = "\n".join(f"    {line}" for line in typed.split("; "))
    loads = f"__getattr__, __dir__ = face(__name__, {table})"
    source = f"'''Doc.'''\nif TYPE_CHECKING:\n{body}\nelse:\n    {loads}\n__all__ = {shown}"
    return plant({"lilya.routing.__init__": source, "lilya.routing.a": ""})


@pytest.mark.parametrize(
    "source",
    [
        "VALUE = 1",
        "def f(): ...",
        "import lilya.routing.a",
        "from lilya.routing.a import A",
        "if x:\n    from a import b",
        "if TYPE_CHECKING:\n    from a import b",
        "if TYPE_CHECKING:\n    from a import b\nelse:\n    __getattr__, __dir__ = other(__name__, {'.a': 'b'})",
        "if TYPE_CHECKING:\n    x = 1\nelse:\n    __getattr__, __dir__ = face(__name__, {'.a': 'x'})",
        "__all__ = names()",
    ],
)
def test_a_busy_face_is_noticed(source: str) -> None:
    assert len(busy_faces(plant({"lilya.routing.__init__": f'"""Doc."""\n{source}'}))) == 1


@pytest.mark.parametrize(
    ("typed", "table", "shown"),
    [
        ("from lilya.routing.a import A, B", "{'.a': 'A B'}", "['A']"),
        ("from lilya.routing.a import A", "{'.a': 'A'}", "['A', 'B']"),
        ("from lilya.routing.a import A", "{'.a': 'A B'}", "['A', 'B']"),
        ("from lilya.routing.a import A, B", "{'.a': 'A'}", "['A']"),
        ("from lilya.routing.a import A", "{'.b': 'A'}", "['A']"),
        ("from lilya.routing.a import A; B = A", "{'.a': 'A B'}", "['A', 'B']"),
    ],
)
def test_a_face_that_is_not_true_is_noticed(typed: str, table: str, shown: str) -> None:
    assert len(untrue_faces(_face(typed, table, shown))) == 1


def test_a_face_may_give_a_second_name() -> None:
    house = _face("from lilya.routing.a import A, B as C; D = A", "{'.a': 'A D=A C=B'}", "['A', 'C', 'D']")
    assert not untrue_faces(house)
    assert not busy_faces(house)


def test_a_name_that_a_module_hides_is_noticed() -> None:
    sources = {
        "lilya.testing.__init__": "__all__ = ['Wire', 'lint']",
        "lilya.testing.lint": "",
        "lilya.testing.wire": "",
    }
    assert len(hidden_names(plant(sources))) == 1


def test_what_a_face_loads_later_is_an_import_like_any_other() -> None:
    house = _face("from lilya.routing.a import A", "{'.a': 'A'}", "['A']")
    assert [each.hidden for each in house.own_imports(house.modules["lilya.routing"])] == [""]


@pytest.mark.parametrize("names", [["b", "a"], ["a", "B"], ["a", "a"], ["A", "B", "A"], ["Aa", "AA"], ["a10", "a9"]])
def test_exports_out_of_order_or_given_twice_are_noticed(names: list[str]) -> None:
    assert len(unsorted_exports(plant({"lilya.routing": f"__all__ = {names!r}"}))) == 1


def test_exports_in_the_order_of_the_linter_are_fine() -> None:
    names = ["LAST_CONSTANT", "ASGIApp", "ApplicationType", "T", "_private", "a9", "a10", "b"]
    assert not unsorted_exports(plant({"lilya.routing": f"__all__ = {names!r}"}))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from lilya.routing import Path", 1),
        ("import lilya.routing", 1),
        ("from lilya import routing", 1),
        ("from lilya import Lilya", 1),
        ("from lilya import __version__", 0),
        ("from lilya.routing.paths import Path", 0),
        ("from lilya.routing import paths", 0),
    ],
)
def test_an_imported_face_is_noticed(source: str, found: int) -> None:
    sources = {"lilya.__init__": "", "lilya.routing.__init__": "", "lilya.routing.paths": "", "lilya.apps": source}
    assert len(imported_faces(plant(sources))) == found


@pytest.mark.parametrize(("name", "found"), [("lilya.routing.paths", 1), ("lilya._paths.tree", 0), ("lilya.cli._x", 0)])
def test_a_public_module_without_exports_is_noticed(name: str, found: int) -> None:
    assert len(missing_exports(plant({name: "def f(): ..."}))) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("__all__ = ['missing']", 1),
        ("__all__ = ['f']\ndef f():\n    g = 1", 0),
        ("__all__ = ['g']\ndef f():\n    g = 1", 1),
        ("__all__ = ['f', 'x', 'y']\ntry:\n    import a.b as x\nexcept ImportError:\n    y: int = 1\nf = y", 0),
        ("__all__ = ['method']\nclass A:\n    def method(self): ...", 1),
    ],
)
def test_an_export_that_does_not_exist_is_noticed(source: str, found: int) -> None:
    assert len(false_exports(plant({"lilya.types": source}))) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(): ...", 1),
        ("class A:\n    x = 1", 1),
        ("class A:\n    '''Doc.'''\n    async def f(self): ...", 1),
        ("class A:\n    '''Doc.'''\n    @property\n    def f(self): ...", 1),
        ("class A:\n    '''Doc.'''\n    def _f(self): ...\n    def __init__(self): ...", 0),
        ("class B:\n    '''D'''\n    def f(self):\n        '''D'''\nclass A(B):\n    '''D'''\n    def f(self): ...", 0),
        ("class A:\n    '''Doc.'''\n    @overload\n    def f(self): ...\n    @f.setter\n    def f(self, x): ...", 0),
        ("class A:\n    '''Doc.'''\n    @override\n    def f(self): ...", 0),
        ("def _f(): ...\ndef g():\n    '''Doc.'''\n    def f(): ...", 0),
        ("@overload\ndef f(a: int): ...\n@overload\ndef f(a: str): ...\ndef f(a):\n    '''Doc.'''", 0),
        ("f = 1", 0),
    ],
)
def test_what_is_public_and_undocumented_is_noticed(source: str, found: int) -> None:
    assert len(undocumented(plant({"lilya.types": f"__all__ = ['A', 'B', 'f', 'g']\n{source}"}))) == found


def test_a_module_without_a_word_about_itself_is_noticed() -> None:
    assert len(undocumented_modules(plant({"lilya.types": "x = 1", "lilya.routing.__init__": ""}))) == 1
