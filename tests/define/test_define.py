"""Layers are named now and built later, and what is wrong with them is said in words."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lilya._define import DefineMiddleware, DefinePermission, build_stack, define_all, import_string
from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp, Receive, Scope, Send


async def innermost(scope: Scope, receive: Receive, send: Send) -> None:
    pass


class Named:
    """A layer with a name."""

    def __init__(self, app: ASGIApp, name: str = "", *, strict: bool = False) -> None:
        self.app = app
        self.name = name
        self.strict = strict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Forgetful:
    """A layer that does not keep what it wraps."""

    app: ASGIApp

    def __init__(self, app: ASGIApp) -> None:
        pass

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Slotted:
    __slots__ = ("wrapped",)

    def __init__(self, app: ASGIApp) -> None:
        self.wrapped = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.wrapped(scope, receive, send)


def test_a_definition_unpacks_into_class_arguments_and_keywords() -> None:
    cls, args, kwargs = DefineMiddleware(Named, "a", strict=True)
    assert (cls, args, kwargs) == (Named, ("a",), {"strict": True})


def test_a_definition_reads_like_its_call() -> None:
    assert repr(DefineMiddleware(Named, "foo", bar=1)) == "DefineMiddleware(Named, 'foo', bar=1)"
    assert repr(DefinePermission("pkg.Admin")) == "DefinePermission(pkg.Admin)"
    assert repr(DefineMiddleware(partial(Named))).startswith("DefineMiddleware(functools.partial(")


def test_what_a_layer_wraps_comes_first_and_positionally() -> None:
    layer: Any = DefineMiddleware(Named, "a", strict=True)(innermost)
    assert (layer.app, layer.name, layer.strict) == (innermost, "a", True)


def test_a_dotted_path_is_imported_when_it_is_needed() -> None:
    define = DefineMiddleware("tests.routing.layers.Passes")
    assert define.cls.__name__ == "Passes"
    assert define.cls is define.cls


def test_a_layer_that_does_not_keep_what_it_wraps_is_given_it() -> None:
    layer: Any = DefineMiddleware(Forgetful)(innermost)
    assert layer.app is innermost


def test_a_layer_with_slots_is_left_alone() -> None:
    assert isinstance(DefineMiddleware(Slotted)(innermost), Slotted)


def test_a_factory_that_adds_no_layer_does_not_make_the_app_wrap_itself() -> None:
    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    app = App()
    assert DefineMiddleware(lambda inner: inner)(app) is app
    assert not hasattr(app, "app")


def test_wrong_arguments_are_an_error_that_shows_the_definition() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DefineMiddleware\(Named, nmae='a'\) cannot be built.*'nmae'"):
        DefineMiddleware(Named, nmae="a")(innermost)


def test_a_list_may_mix_classes_dotted_paths_and_definitions() -> None:
    given = DefineMiddleware(Named, "a")
    layers = define_all([Named, "lilya._define.DefineMiddleware", given], DefinePermission)
    assert [type(layer) for layer in layers] == [DefinePermission, DefinePermission, DefineMiddleware]
    assert layers[2] is given
    assert define_all(None, DefineMiddleware) == []


def test_what_is_no_layer_is_refused_with_what_would_be_one() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"42 is no layer: .* DefineMiddleware\(cls, ...\)"):
        define_all([42], DefineMiddleware)


def test_the_first_layer_is_outermost() -> None:
    stack: Any = build_stack(
        innermost, define_all([DefineMiddleware(Named, "a"), DefineMiddleware(Named, "b")], DefinePermission)
    )
    assert (stack.name, stack.app.name, stack.app.app) == ("a", "b", innermost)


@pytest.mark.parametrize("dotted", ["lilya.status.HTTP_200_OK", "lilya.status:HTTP_200_OK"])
def test_an_object_is_found_by_a_dot_or_a_colon(dotted: str) -> None:
    assert import_string(dotted) == 200


@pytest.mark.parametrize(
    ("dotted", "said"),
    [
        ("name", "'name' is not the dotted path of an object, like 'package.module.name'"),
        ("", "is not the dotted path"),
        (".name", "is not the dotted path"),
        ("..module.name", "is not the dotted path"),
        ("nowhere.name", "'nowhere.name' cannot be imported: there is no module 'nowhere'"),
        ("lilya.nowhere.name", "there is no module 'lilya.nowhere'"),
        ("lilya.status.NAME", "'lilya.status' has no 'NAME'"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(dotted: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        import_string(dotted)


@pytest.mark.parametrize("missing", ["not_installed", "mod"])  # "mod" begins like the module that wants it
def test_a_module_that_misses_another_one_is_not_said_to_be_missing(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_a_user.py").write_text(f"import {missing}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "module_of_a_user", raising=False)
    with pytest.raises(ModuleNotFoundError, match=missing):
        import_string("module_of_a_user.Layer")


def test_a_layer_that_fails_while_it_is_built_is_not_blamed_on_its_arguments() -> None:
    class Broken:
        def __init__(self, app: ASGIApp) -> None:
            len(3)  # type: ignore[arg-type]

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    with pytest.raises(TypeError, match=r"len\(\)") as error:
        DefineMiddleware(Broken)(innermost)
    assert not isinstance(error.value, ImproperlyConfigured)
