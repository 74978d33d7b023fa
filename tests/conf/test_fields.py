"""Fields get their values from arguments, the environment, a file, the class; all of them fit, or it is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NewType, Protocol
from uuid import UUID

import pytest

from lilya.conf._base import fields_of
from lilya.conf.exceptions import FieldException
from lilya.conf.global_settings import Settings
from lilya.datastructures import Secret


class Colour(Enum):
    RED = "red"
    BLUE = 2


UserId = NewType("UserId", int)


class Shop(Settings):
    env_prefix = "SHOP_"
    kind: ClassVar[str] = "no field"

    name: str = "corner"
    page_size: int = 20
    ratio: float = 0.5
    limit: int | None = None
    tags: list[str] = ["a"]  # noqa: RUF012  # every instance has a copy
    ports: tuple[int, ...] = (80,)
    pair: tuple[str, int] = ("a", 1)
    labels: dict[str, int] = {"a": 1}  # noqa: RUF012  # every instance has a copy
    mode: Literal["fast", "slow"] = "fast"
    level: Literal[1, 2] = 1
    colour: Colour = Colour.RED
    key: Secret = Secret("hidden")
    since: date = date(2024, 1, 1)
    every: timedelta = timedelta(seconds=1)
    price: Decimal = Decimal("1.5")
    home: Path = Path("/")
    id: UUID = UUID(int=0)
    owner: UserId = UserId(0)
    noted: Annotated[bool, "said"] = False
    hosts: Sequence[str] = ()
    unique: frozenset[int] = frozenset()
    either: int | str = 0
    anything: Any = None
    secrets: dict[str, Secret] = {}  # noqa: RUF012  # every instance has a copy


# -- where a value comes from ------------------------------------------------------------------------------------------


def test_the_class_says_what_a_field_is_by_default() -> None:
    shop = Shop()
    assert (shop.name, shop.page_size, shop.debug) == ("corner", 20, False)


def test_lists_and_dicts_of_the_class_are_not_shared() -> None:
    Shop().tags.append("b")
    Shop().labels["b"] = 2
    assert (Shop().tags, Shop().labels) == (["a"], {"a": 1})


def test_the_environment_beats_the_class_and_an_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PAGE_SIZE", "30")
    assert Shop().page_size == 30
    assert Shop(page_size=20).page_size == 20  # though it is the default


@pytest.mark.parametrize(("variable", "name"), [("DEBUG", "debug"), ("VERSION", "version"), ("ROOT_PATH", "root_path")])
def test_without_a_prefix_an_argument_beats_what_everybody_has_in_the_environment(
    variable: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    given = {"debug": False, "version": "7", "root_path": ""}[name]
    assert getattr(Settings(**{name: given}), name) == given
    assert getattr(Settings(), name) in (True, "1")


def test_with_a_prefix_other_variables_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "true")
    assert not Shop().debug
    monkeypatch.setenv("SHOP_DEBUG", "true")
    assert Shop().debug


def test_a_file_beats_the_class_and_the_environment_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("SHOP_NAME='market'\nSHOP_PAGE_SIZE=5\n")

    class Filed(Shop):
        env_file = tmp_path / ".env"

    monkeypatch.setenv("SHOP_PAGE_SIZE", "6")
    assert (Filed().name, Filed().page_size, Filed(name="x").name) == ("market", 6, "x")


def test_a_field_without_a_value_is_an_error_that_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Needy(Settings):
        env_prefix = "NEEDY_"
        token: Secret

    with pytest.raises(FieldException, match=r"Needy\.token \(Secret\) has no value: .* environment variable NEEDY_T"):
        Needy()
    monkeypatch.setenv("NEEDY_TOKEN", "x")
    assert str(Needy().token) == "x"


def test_a_keyword_sets_anything_also_what_is_a_property() -> None:
    class Own(Settings):
        @property
        def middleware(self) -> list[Any]:
            return [1]

    own = Own(colour="red", middleware=[2])
    assert (own.colour, own.middleware, Own().middleware) == ("red", [2], [1])  # type: ignore[attr-defined]


def test_post_init_sees_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    class Derived(Settings):
        env_prefix = "D_"
        host: str = "a"
        url: str = ""

        def post_init(self) -> None:
            self.url = f"http://{self.host}"

    monkeypatch.setenv("D_HOST", "b")
    assert Derived().url == "http://b"


def test_a_subclass_may_make_a_field_a_property() -> None:
    class Computed(Settings):
        @property
        def root_path(self) -> str:  # type: ignore[override]
            return "/computed"

    assert Computed().root_path == "/computed"
    assert "root_path" not in fields_of(Computed)


def test_an_init_of_ones_own_is_called() -> None:
    class Own(Settings):
        region: str
        size: int = 1

        def __init__(self, region: str) -> None:
            super().__init__(debug=True)
            self.region = region.upper()

    own = Own("eu")
    assert (own.region, own.debug, own.size) == ("EU", True, 1)


def test_annotations_for_type_checkers_alone_are_taken_as_they_are() -> None:
    class Typed(Settings):
        thing: "Missing" = 3  # type: ignore[name-defined]  # noqa: F821, UP037

    assert Typed().thing == 3
    assert Typed(thing="x").thing == "x"


# -- dataclasses -------------------------------------------------------------------------------------------------------


@dataclass
class Data(Settings):
    env_prefix = "DATA_"

    name: str = "a"
    size: int = 1
    tags: list[str] = field(default_factory=lambda: ["x"])
    environment: str = "mine"


class Plain(Data):
    environment: str = "plain"
    more: int = 1


def test_a_dataclass_takes_the_same_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_SIZE", "7")
    monkeypatch.setenv("DATA_DEBUG", "yes")
    data = Data("b", tags=["y"])
    assert (data.name, data.size, data.tags, data.debug, data.environment) == ("b", 7, ["y"], True, "mine")
    assert Data(size=1).size == 1
    assert Data(debug=False).debug is False  # type: ignore[call-arg]


def test_what_derives_from_a_dataclass_without_being_one_keeps_its_own_defaults() -> None:
    assert (Plain().environment, Plain().more, Plain().tags) == ("plain", 1, ["x"])
    assert Plain(more=2).more == 2  # type: ignore[call-arg]


def test_a_dataclass_may_be_frozen_have_slots_and_need_values(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Frozen(Settings):
        size: int
        factor: InitVar[int] = 2
        late: int = field(default=0, init=False)

        def __post_init__(self, factor: int) -> None:
            object.__setattr__(self, "late", self.size * factor)

    @dataclass(slots=True)
    class Slotted(Settings):
        size: int = 1
        other: int = field(default=5, init=False)

    monkeypatch.setenv("SIZE", "4")
    assert (Frozen().size, Frozen().late, Frozen(3, 5).late) == (4, 8, 15)  # type: ignore[call-arg]
    assert (Slotted().size, Slotted().other) == (4, 5)
    monkeypatch.delenv("SIZE")
    with pytest.raises(FieldException, match="size"):
        Frozen()  # type: ignore[call-arg]


def test_a_dataclass_says_what_is_wrong_with_its_arguments() -> None:
    with pytest.raises(TypeError, match="takes 4 positional arguments but 5"):
        Data("a", 1, [], "b", "c")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="multiple values for 'name'"):
        Data("a", name="b")  # type: ignore[misc]
    with pytest.raises(FieldException, match=r"Data\.size"):
        Data(size="many")  # type: ignore[arg-type]


# -- what fits ---------------------------------------------------------------------------------------------------------


class Talk(Protocol):
    def talk(self) -> None: ...


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("name", "  kept ", "  kept "),
        ("page_size", " 5 ", 5),
        ("ratio", "1e3", 1000.0),
        ("limit", "none", None),
        ("limit", "", None),
        ("limit", "3", 3),
        ("tags", "a, b", ["a", "b"]),
        ("tags", "", []),
        ("tags", '["a,b"]', ["a,b"]),
        ("ports", "80,443", (80, 443)),
        ("ports", "[80, 443]", (80, 443)),
        ("pair", "x,2", ("x", 2)),
        ("labels", "a=1, b=2", {"a": 1, "b": 2}),
        ("labels", '{"a": 1}', {"a": 1}),
        ("labels", "", {}),
        ("mode", "slow", "slow"),
        ("level", "2", 2),
        ("colour", "red", Colour.RED),
        ("colour", "BLUE", Colour.BLUE),
        ("colour", "2", Colour.BLUE),
        ("since", "2025-02-03", date(2025, 2, 3)),
        ("every", "1.5", timedelta(seconds=1.5)),
        ("price", "2.50", Decimal("2.50")),
        ("home", "/srv", Path("/srv")),
        ("id", "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        ("owner", "12", 12),
        ("noted", "ON", True),
        ("noted", "n", False),
        ("hosts", "a,b", ["a", "b"]),
        ("unique", "1,1,2", frozenset({1, 2})),
        ("either", "5", 5),
        ("either", "five", "five"),
        ("anything", "as it is", "as it is"),
    ],
)
def test_text_is_read_as_the_type_of_the_field(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SHOP_{name.upper()}", text)
    assert getattr(Shop(), name) == value
    assert type(getattr(Shop(), name)) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("page_size", "many", "does not read as int"),
        ("limit", "many", "does not read as int"),
        ("noted", "maybe", "write true or false"),
        ("ports", "80,http", "does not read as int"),
        ("ports", "[80", "begins like a JSON list"),
        ("pair", "x", "has 1 parts, wanted 2"),
        ("labels", "a", "write a=1,b=2 or a JSON object"),
        ("labels", "{", "begins like a JSON object"),
        ("labels", "a=x", "does not read as int"),
        ("mode", "medium", "none of 'fast', 'slow'"),
        ("colour", "green", "none of 'red', 2"),
        ("since", "yesterday", "a date as ISO 8601 has it"),
        ("every", "long", "a number of seconds"),
        ("id", "1", "does not read as UUID"),
    ],
)
def test_text_that_does_not_fit_is_named_with_its_field_type_and_source(
    name: str, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SHOP_{name.upper()}", text)
    with pytest.raises(ValueError, match=rf"Cannot cast value of Shop\.{name}: wanted .*, got a str from ") as caught:
        Shop()
    assert reason in str(caught.value)
    assert f"the environment variable SHOP_{name.upper()}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("page_size", 5, 5),
        ("page_size", "5", 5),
        ("ratio", 5, 5.0),
        ("limit", None, None),
        ("tags", ("a",), ["a"]),
        ("hosts", ("a",), ("a",)),
        ("hosts", {"a"}, ["a"]),
        ("ports", [1], (1,)),
        ("labels", {"a": "1"}, {"a": 1}),
        ("colour", Colour.BLUE, Colour.BLUE),
        ("either", "5", 5),
        ("either", 5, 5),
        ("anything", [1], [1]),
        ("every", 2, timedelta(seconds=2)),
        ("home", "/srv", Path("/srv")),
    ],
)
def test_an_argument_is_taken_or_made_to_fit(name: str, given: object, kept: object) -> None:
    assert getattr(Shop(**{name: given}), name) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("page_size", 1.5),
        ("page_size", None),
        ("page_size", True),
        ("name", 3),
        ("limit", []),
        ("tags", 3),
        ("tags", {"a": 1}),
        ("labels", [1]),
        ("noted", 1),
        ("key", 3),
        ("level", True),
        ("colour", 3),
    ],
)
def test_an_argument_of_another_type_is_an_error(name: str, given: object) -> None:
    with pytest.raises(FieldException, match=rf"Shop\.{name}: wanted .* got a {type(given).__name__} from an argument"):
        Shop(**{name: given})


def test_what_cannot_be_checked_is_taken() -> None:
    class Loose(Settings):
        talk: Talk | None = None
        mapping: Mapping[str, Any] = {}

    anyone = object()
    assert Loose(talk=anyone).talk is anyone


def test_a_file_is_named_as_the_source(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHOP_PAGE_SIZE=x\n")

    class Filed(Shop):
        env_file = str(tmp_path / ".env")

    with pytest.raises(FieldException, match=r"SHOP_PAGE_SIZE in the file .*\.env"):
        Filed()


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_a_secret_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cr3t")
    monkeypatch.setenv("SHOP_SECRETS", "a=s3cr3t")
    shop = Shop()
    assert (str(shop.key), str(shop.secrets["a"])) == ("s3cr3t", "s3cr3t")
    assert "s3cr3t" not in repr(shop) + repr(shop.dict()) + repr(shop.tuple())


@pytest.mark.parametrize("text", ["s3cr3t", "{s3cr3t"])
def test_an_error_never_shows_the_value(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRETS", text)
    monkeypatch.setenv("SHOP_PAGE_SIZE", "")
    with pytest.raises(FieldException) as caught:
        Shop()
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "s3cr3t" not in str(seen)
        seen = seen.__cause__ or seen.__context__


# -- as data -----------------------------------------------------------------------------------------------------------


class Small(Settings):
    a: int | None = None
    b: int = 1

    @property
    def c(self) -> int:
        return self.b + 1


def test_settings_as_a_dict_and_as_pairs() -> None:
    known = set(Settings().dict())
    values = Small().dict(exclude=known)
    assert values == {"a": None, "b": 1}
    assert Small().dict(exclude_none=True, upper=True, exclude=known) == {"B": 1}
    assert Small().dict(include_properties=True)["c"] == 2
    assert {"routes", "middleware"} <= Small().dict(include_properties=True).keys()
    assert Small().tuple(exclude=known) == [("a", None), ("b", 1)]
