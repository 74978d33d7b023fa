"""What is loaded when: little by an import, the rest when an application is built, and what few need when it is used.

Modules are counted, not milliseconds: the same on every machine.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.house import ROOT, House, Module, called_name, none, plant, real_house

HOUSE: Final = real_house()

# Of ours, and of others' besides those that anyio and logging load: for the class `Lilya` alone.
OWN: Final = 26
OTHERS: Final = 3
# The same for an application with a route.
OWN_BUILT: Final = 98
OTHERS_BUILT: Final = 45

# What an import of the class must not load: dear, and not needed to name it.
DEAR: Final = frozenset(
    {"asyncio", "trio", "concurrent.futures", "csv", "difflib", "email", "html", "http.cookies", "importlib.metadata"}
    | {"json", "logging.config", "multidict", "pathlib", "python_multipart", "secrets", "socket", "ssl", "tempfile"}
    | {"urllib.parse", "urllib.request", "jinja2", "yaml", "msgspec", "pydantic"}
)
# What an application without forms, pages and files must not load.
FOR_FEW: Final = frozenset(
    {"asyncio", "trio", "concurrent.futures", "csv", "difflib", "email", "html", "http.cookies", "importlib.metadata"}
    | {"logging.config", "mimetypes", "python_multipart", "random", "secrets", "socket", "ssl", "tempfile"}
    | {"urllib.request", "jinja2", "yaml", "msgspec", "pydantic", "lilya.introspection"}
    | {
        "lilya._forms",
        "lilya._handling.debug",
        "lilya._handling.body",
        "lilya.encoders._defaults",
        "lilya.introspection",
    }
    | {"lilya.responses.files", "lilya.responses.formats", "lilya.responses.sse", "lilya.contrib", "lilya.logging"}
)
CLASS: Final = "import lilya.apps"
APPLICATION: Final = """
from lilya.apps import Lilya
from lilya.routing import Path

async def home(): ...

Lilya(routes=[Path("/", home)])
"""
BELOW: Final = "import anyio, anyio.abc, anyio.lowlevel, contextvars, dataclasses, http, logging"


def loaded_by(code: str) -> frozenset[str]:
    """The modules a fresh process has when it has run `code`."""
    code += "\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return frozenset(done.stdout.split())


def dear(loaded: frozenset[str], names: frozenset[str]) -> list[str]:
    return sorted(each for each in loaded if any(f"{each}.".startswith(f"{name}.") for name in names))


def untrue_lazies(house: House) -> list[str]:
    """What type checkers are told a name stands for, and what is loaded for it, must be the same module."""
    found = []
    for module in house:
        for typed, later in _lazies(module):
            if typed != later:
                found.append(f"{module.name}: {typed} for type checkers, {later} for Python")
    return found


def lazies_elsewhere(house: House) -> list[str]:
    """`lazily` beside an import that type checkers read, at the top of the module, and nowhere else."""
    found = []
    for module in house:
        allowed = {id(call) for branch in _branches(module) for _, call in _calls(branch)}
        found += [
            f"{module.at(node)} puts an import off where nobody looks for it"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and called_name(node) == "lazily" and id(node) not in allowed
        ]
    return found


def _branches(module: Module) -> Iterator[ast.If]:
    for node in module.tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node


def _calls(branch: ast.If) -> Iterator[tuple[str, ast.Call]]:
    """What is put off, by the name it is given."""
    for node in branch.orelse:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and called_name(node.value) == "lazily":
            yield ast.unparse(node.targets[0]), node.value


def _lazies(module: Module) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    for branch in _branches(module):
        later = {name: str(ast.literal_eval(call.args[0])) for name, call in _calls(branch)}
        if later:
            yield dict(_named(branch.body)), later


def _named(nodes: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.asname or each.name, each.name) for each in node.names)


def test_what_is_loaded_later_is_what_type_checkers_see() -> None:
    none(untrue_lazies(HOUSE))


def test_imports_are_put_off_at_the_top_of_a_module_only() -> None:
    none(lazies_elsewhere(HOUSE))


def test_an_import_of_the_class_loads_little() -> None:
    loaded, below = loaded_by(CLASS), loaded_by(BELOW)
    none(dear(loaded, DEAR))
    own = sorted(each for each in loaded if each.startswith("lilya"))
    others = sorted(loaded - below - set(own))
    assert len(own) <= OWN, own
    assert len(others) <= OTHERS, others


def test_an_application_loads_what_it_needs_and_nothing_that_few_need() -> None:
    loaded, below = loaded_by(APPLICATION), loaded_by(BELOW)
    none(dear(loaded, FOR_FEW))
    own = sorted(each for each in loaded if each.startswith("lilya"))
    others = sorted(loaded - below - set(own))
    assert len(own) <= OWN_BUILT, own
    assert len(others) <= OTHERS_BUILT, others


def test_the_page_for_debugging_is_there_before_the_first_request() -> None:
    loaded = loaded_by("from lilya.apps import Lilya\nLilya(debug=True)")
    assert "lilya._handling._debug_page" in loaded


def test_a_module_of_a_package_loads_none_of_its_others() -> None:
    loaded = loaded_by("import lilya.responses.base")
    assert not dear(loaded, frozenset({"lilya.responses.files", "lilya.responses.formats", "lilya.responses.sse"}))


@pytest.mark.parametrize("package", ["lilya.routing", "lilya.responses", "lilya.datastructures", "lilya.testing"])
def test_a_face_shows_all_its_names_and_has_none_until_it_is_asked(package: str) -> None:
    code = f"""
import json, sys
import {package} as face
before = [name for name in face.__all__ if name in vars(face)]
listed = [name for name in face.__all__ if name not in dir(face)]
from {package} import *
after = [name for name in face.__all__ if name not in globals() or vars(face)[name] is not globals()[name]]
try:
    face.no_such_name
except AttributeError as error:
    message = str(error)
print(json.dumps([before, listed, after, message]), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stderr) == [[], [], [], f"module {package!r} has no attribute 'no_such_name'"]


@pytest.mark.parametrize(
    ("typed", "later", "found"),
    [
        ("import csv", "csv = lazily('csv')", 0),
        ("from lilya import requests as talk", "talk = lazily('lilya.requests')", 0),
        ("import csv", "csv = lazily('json')", 1),
        ("import csv", "other = lazily('csv')", 1),
        ("import csv, json", "csv = lazily('csv')", 1),
    ],
)
def test_a_lazy_import_that_is_not_true_is_noticed(typed: str, later: str, found: int) -> None:
    house = plant({"lilya.apps": f"if TYPE_CHECKING:\n    {typed}\nelse:\n    {later}", "lilya.requests": ""})
    assert len(untrue_lazies(house)) == found


@pytest.mark.parametrize("source", ["csv = lazily('csv')", "def f():\n    csv = lazily('csv')", "lazily('csv').reader"])
def test_an_import_put_off_elsewhere_is_noticed(source: str) -> None:
    assert len(lazies_elsewhere(plant({"lilya.apps": source}))) == 1


def test_what_is_loaded_later_counts_as_an_import() -> None:
    source = "if TYPE_CHECKING:\n    from lilya import requests\nelse:\n    requests = lazily('lilya.requests')"
    house = plant({"lilya.apps": source, "lilya.requests": ""})
    assert [(each.target, each.hidden) for each in house.own_imports(house.modules["lilya.apps"])] == [
        ("lilya.requests", "")
    ]
