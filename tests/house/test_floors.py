"""Who may know whom: the floors of the house, and no way round.

A room is a module or package directly under `lilya`. Each stands on one floor, and imports only what stands below it
or, on its own floor, in one direction: there is no cycle among rooms. A lower floor that must speak of a higher one
does so through a `Protocol` in `lilya.types`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests.support.house import House, cycles, none, plant, real_house

HOUSE: Final = real_house()

FLOORS: Final[Mapping[int, tuple[str, frozenset[str]]]] = {
    0: (
        "words",
        frozenset({"", "types", "enums", "status", "exceptions", "protocols", "_checks", "_define"} | {"_lazy"}),
    ),
    1: (
        "pillars and data",
        frozenset({"_sansio", "concurrency"})
        | {"datastructures", "encoders", "serializers", "transformers", "_paths", "environments", "conf", "ranges"}
        | {"clientip", "caches", "_current"},
    ),
    2: ("arch", frozenset({"_asgi"})),
    3: (
        "talk",
        frozenset({"requests", "websockets", "responses", "background", "_connection", "_forms"}),
    ),
    4: ("handling", frozenset({"_handling", "dependencies", "params", "context"})),
    5: (
        "rooms",
        frozenset({"routing", "controllers", "middleware", "permissions", "authentication", "staticfiles"})
        | {"templating", "pubsub", "decorators", "lifecycle", "compat", "crypto", "logging", "_internal"}
        | {"introspection"},
    ),
    6: ("roof", frozenset({"apps", "_living", "_serving", "_described", "_rooms"})),
    7: ("doors", frozenset({"cli", "testclient", "testing", "servers", "contrib", "__main__"})),
}
FLOOR_OF: Final[Mapping[str, int]] = {room: floor for floor, (_, rooms) in FLOORS.items() for room in rooms}

# Rooms of one floor that must not know each other.
STRANGERS: Final[tuple[tuple[str, str], ...]] = (("_sansio", "concurrency"),)

# Who reads the settings; everybody else is given values.
READERS_OF_CONF: Final = frozenset({"conf", "apps", "_rooms", "cli", "testclient"})


def unknown_rooms(house: House) -> list[str]:
    return [
        f"lilya.{module.room} stands on no floor: add it to FLOORS in tests/house/test_floors.py"
        for module in house
        if module.room not in FLOOR_OF
    ]


def upward_imports(house: House) -> list[str]:
    found = []
    for module in house:
        for each in house.own_imports(module):
            target = each.target.partition(".")[2].partition(".")[0]
            own, other = FLOOR_OF.get(module.room, -1), FLOOR_OF.get(target, -1)
            if other > own:
                found.append(f"{each}: from floor {own} ({FLOORS[own][0]}) up to {other} ({FLOORS[other][0]})")
    return found


def strangers_met(house: House) -> list[str]:
    found = []
    for module in house:
        for each in house.own_imports(module):
            target = each.target.partition(".")[2].partition(".")[0]
            if (module.room, target) in STRANGERS or (target, module.room) in STRANGERS:
                found.append(f"{each}: these two rooms must not know each other")
    return found


def hidden_imports(house: House) -> list[str]:
    return [f"{each} {each.hidden}" for module in house for each in house.own_imports(module) if each.hidden]


def file_cycles(house: House) -> list[list[str]]:
    return cycles({module.name: {each.target for each in house.own_imports(module)} for module in house})


def folder_cycles(house: House) -> list[list[str]]:
    graph: dict[str, set[str]] = {}
    for module in house:
        targets = graph.setdefault(module.folder, set())
        for each in house.own_imports(module):
            target = house.modules.get(each.target)
            if target is not None and target.folder != module.folder:
                targets.add(target.folder)
    return cycles(graph)


def imports_of_contrib(house: House) -> list[str]:
    return [
        str(each)
        for module in house
        for each in house.own_imports(module)
        if module.room != "contrib" and f"{each.target}.".startswith("lilya.contrib.")
    ]


def readers_of_settings(house: House) -> list[str]:
    return [
        f"{each}: below the apps, values come as arguments"
        for module in house
        for each in house.own_imports(module)
        if module.room not in READERS_OF_CONF and f"{each.target}.".startswith("lilya.conf.")
    ]


def test_every_room_stands_on_a_floor() -> None:
    none(unknown_rooms(HOUSE))


def test_imports_go_only_to_a_lower_floor_or_stay_on_their_own() -> None:
    none(upward_imports(HOUSE))


def test_the_two_pillars_do_not_know_each_other() -> None:
    none(strangers_met(HOUSE))


def test_no_import_of_our_own_hides_in_a_function_or_serves_types_only() -> None:
    none(hidden_imports(HOUSE))


def test_no_files_import_each_other_in_a_cycle() -> None:
    none(file_cycles(HOUSE))


def test_no_folders_import_each_other_in_a_cycle() -> None:
    none(folder_cycles(HOUSE))


def test_nobody_imports_contrib() -> None:
    none(imports_of_contrib(HOUSE))


def test_only_apps_and_doors_read_the_settings() -> None:
    none(readers_of_settings(HOUSE))


def test_a_room_on_no_floor_is_noticed_and_told_where_to_be_added() -> None:
    (message,) = unknown_rooms(plant({"lilya.attic.boxes": ""}))
    assert "lilya.attic" in message
    assert "FLOORS" in message


@pytest.mark.parametrize(
    "source",
    [
        "from lilya.apps import Lilya",
        "import lilya.apps",
        "from lilya import apps",
        "from ..apps import Lilya",
        "def f():\n    from lilya.apps import Lilya",
        "if TYPE_CHECKING:\n    from lilya.apps import Lilya",
        "try:\n    from lilya.cli.main import run\nexcept ImportError:\n    pass",
    ],
)
def test_an_import_of_a_higher_floor_is_noticed(source: str) -> None:
    assert len(upward_imports(plant({"lilya.routing.router": source, "lilya.apps": ""}))) == 1


@pytest.mark.parametrize(
    "source", ["from lilya.requests import Request", "from lilya.routing.base import x", "import anyio"]
)
def test_an_import_downward_or_on_the_same_floor_is_fine(source: str) -> None:
    house = plant({"lilya.routing.router": source, "lilya.routing.base": "", "lilya.requests": ""})
    assert not upward_imports(house)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("lilya._sansio.http", "from lilya.concurrency.nursery import open_nursery"),
        ("lilya.concurrency.nursery", "from lilya._sansio import http"),
    ],
)
def test_pillars_that_meet_are_noticed(name: str, source: str) -> None:
    assert len(strangers_met(plant({name: source}))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import lilya.types",
        "class A:\n    async def f(self):\n        if 1:\n            from lilya.types import Scope",
        "if TYPE_CHECKING:\n    from lilya.types import Scope",
        "import typing\nif typing.TYPE_CHECKING:\n    from . import types",
        "f = lambda: __import__('x')\ndef g():\n    def h():\n        from .types import Scope",
    ],
)
def test_a_hidden_import_is_noticed(source: str) -> None:
    assert len(hidden_imports(plant({"lilya.requests": source, "lilya.types": ""}))) == 1


def test_foreign_imports_may_hide() -> None:
    assert not hidden_imports(plant({"lilya.requests": "def f():\n    import jinja2"}))


def test_a_cycle_of_files_is_noticed() -> None:
    sources = {
        "lilya.routing.__init__": "from lilya.routing.a import A",
        "lilya.routing.a": "from lilya.routing import b",
        "lilya.routing.b": "def f():\n    from lilya.routing.c import C",
        "lilya.routing.c": "from .a import A",
    }
    assert file_cycles(plant(sources)) == [["lilya.routing.a", "lilya.routing.b", "lilya.routing.c"]]


def test_a_cycle_of_folders_without_one_of_files_is_noticed() -> None:
    sources = {
        "lilya.routing.a": "from lilya.middleware.x import X",
        "lilya.middleware.x": "",
        "lilya.middleware.y": "from lilya.routing.b import B",
        "lilya.routing.b": "from lilya.context import z",
        "lilya.context": "",
    }
    assert not file_cycles(plant(sources))
    assert folder_cycles(plant(sources)) == [["lilya.middleware", "lilya.routing"]]


@pytest.mark.parametrize(
    "source", ["import lilya.contrib.openapi", "from lilya.contrib import x", "from lilya import contrib"]
)
def test_an_import_of_contrib_is_noticed(source: str) -> None:
    sources = {
        "lilya.cli.main": source,
        "lilya.contrib.__init__": "",
        "lilya.contrib.a": "from lilya.contrib.b import c",
    }
    assert len(imports_of_contrib(plant(sources))) == 1


@pytest.mark.parametrize(("reader", "found"), [("lilya.routing.a", 1), ("lilya.middleware.b", 1), ("lilya.apps", 0)])
@pytest.mark.parametrize(
    "source", ["from lilya.conf.loading import settings", "from lilya import conf", "import lilya.conf"]
)
def test_a_reader_of_the_settings_below_the_apps_is_noticed(reader: str, found: int, source: str) -> None:
    assert len(readers_of_settings(plant({reader: source, "lilya.conf.__init__": ""}))) == found
