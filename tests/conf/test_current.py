"""`lilya.conf.settings` are those of the process; an override is seen by the code inside, and by it alone."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from lilya.concurrency.threads import run_in_threadpool
from lilya.conf import override_settings, reload_settings, settings
from lilya.conf._current import global_settings, resolve_settings
from lilya.conf.enums import EnvironmentType
from lilya.conf.exceptions import FieldException
from lilya.conf.global_settings import Settings
from tests.conf.shop import ShopSettings, made


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    reload_settings()


def test_without_a_word_they_are_the_settings_of_lilya() -> None:
    assert type(global_settings()) is Settings
    assert (settings.debug, settings.environment) == (False, EnvironmentType.PRODUCTION)
    assert repr(settings).startswith("Settings(debug=False")
    assert "redirect_slashes" in dir(settings)


@pytest.mark.parametrize("dotted", ["tests.conf.shop.ShopSettings", "tests.conf.shop:ShopSettings"])
def test_a_variable_of_the_process_names_the_class(dotted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hasattr(settings, "shop")
    monkeypatch.setenv("LILYA_SETTINGS_MODULE", dotted)
    assert not hasattr(settings, "shop")  # they were made at the first access
    assert reload_settings().__name__ == "ShopSettings"
    assert settings.shop == "corner"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "dotted", ["tests.conf.shop.Nothing", "tests.conf.nowhere.Settings", "Settings", "tests.conf.shop.not_settings"]
)
def test_a_wrong_name_is_an_error_with_the_name(dotted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LILYA_SETTINGS_MODULE", dotted)
    with pytest.raises(FieldException, match=r"'settings_module' must be|LILYA_SETTINGS_MODULE: .*"):
        reload_settings()
    monkeypatch.undo()


def test_settings_are_named_by_class_instance_and_dotted_path() -> None:
    assert resolve_settings(None) is None
    assert resolve_settings(made) is made
    assert resolve_settings("tests.conf.shop.made").shop == "made"  # type: ignore[union-attr]
    assert isinstance(resolve_settings(ShopSettings), ShopSettings)
    assert resolve_settings(settings) is global_settings()
    for wrong in (int, 7, "tests.conf.shop.not_settings"):
        with pytest.raises(FieldException, match="'settings_module' must be a subclass of Settings"):
            resolve_settings(wrong)


def test_what_is_written_to_the_settings_is_read_from_them() -> None:
    settings.timezone = "Europe/Lisbon"
    assert global_settings().timezone == "Europe/Lisbon"


def test_an_override_ends_with_its_block() -> None:
    with override_settings(debug=True, colour="red") as changed:
        assert settings.debug
        assert settings.colour == "red"  # type: ignore[attr-defined]
        assert type(changed) is Settings
        with override_settings(debug=False, middleware=[1]):
            assert (settings.debug, settings.colour, settings.middleware) == (False, "red", [1])  # type: ignore[attr-defined]
        assert settings.debug
        assert settings.middleware == []
    assert not settings.debug
    assert not hasattr(settings, "colour")


def test_an_override_ends_with_an_exception_too() -> None:
    with pytest.raises(KeyError), override_settings(debug=True):
        raise KeyError
    assert not settings.debug


def test_an_override_must_fit() -> None:
    with pytest.raises(FieldException, match=r"Settings\.debug: wanted bool, got a str from override_settings"):
        with override_settings(debug="perhaps"):
            raise AssertionError("not reached")
    assert not settings.debug


def test_an_override_is_around_a_function() -> None:
    @override_settings(debug=True)
    def ask(more: int) -> tuple[bool, int]:
        return settings.debug, more

    assert ask(2) == (True, 2)
    assert not settings.debug
    with pytest.raises(TypeError, match="generator"):

        @override_settings(debug=True)
        def generate() -> Iterator[int]:
            yield 1


async def test_an_override_is_around_a_coroutine_function_and_in_its_tasks_and_threads() -> None:
    seen = []

    async def look() -> None:
        seen.append(settings.debug)

    @override_settings(debug=True)
    async def ask() -> None:
        await look()
        seen.append(await run_in_threadpool(lambda: settings.debug))
        async with anyio.create_task_group() as nursery:
            nursery.start_soon(look)

    await ask()
    await look()
    assert seen == [True, True, True, False]


async def test_two_at_once_do_not_see_each_other() -> None:
    shared = override_settings(debug=True)
    inside, leave = anyio.Event(), anyio.Event()

    async def one() -> None:
        async with shared:
            async with override_settings(timezone="A"):
                inside.set()
                await leave.wait()
                assert (settings.debug, settings.timezone) == (True, "A")
            assert (settings.debug, settings.timezone) == (True, "UTC")
        assert not settings.debug

    async with anyio.create_task_group() as nursery:
        nursery.start_soon(one)
        await inside.wait()
        assert (settings.debug, settings.timezone) == (False, "UTC")
        async with shared, override_settings(timezone="B"):
            assert settings.timezone == "B"
            leave.set()
        assert not settings.debug
