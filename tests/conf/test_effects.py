"""The table of the guide says of every setting what it does, and it is so."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.caches import InMemoryCache
from lilya.clientip import get_ip
from lilya.conf.global_settings import Settings
from lilya.controllers import Controller
from lilya.decorators import cache
from lilya.exceptions import ImproperlyConfigured
from lilya.middleware import DefineMiddleware
from lilya.middleware.clickjacking import XFrameOptionsMiddleware
from lilya.middleware.csrf import CSRFMiddleware
from lilya.requests import Request
from lilya.routing import Include, Path
from tests.routing.client import call
from tests.support.house import ROOT

TABLE: dict[str, str] = dict(
    re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "docs/guide/settings.md").read_text(), re.MULTILINE)
)


def test_the_table_names_every_setting() -> None:
    fields = set(Settings.__annotations__)
    properties = {name for name, value in vars(Settings).items() if isinstance(value, property)}
    assert set(TABLE) == {name for name in fields | properties if not name.startswith("_")}


@pytest.mark.parametrize("name", [name for name, effect in TABLE.items() if effect.startswith("the argument")])
def test_what_is_an_argument_is_taken_from_the_settings(name: str) -> None:
    assert name in inspect.signature(Lilya).parameters
    asked: list[str] = []

    class Asked(Lilya):
        def load_settings_value(self, name: str, value: Any = None, is_boolean: bool = False) -> Any:
            asked.append(name)
            return super().load_settings_value(name, value, is_boolean)

    Asked()
    assert name in asked


READ = re.compile(r"\b(?:setting|load_settings_value|setting_of)\((?:[\w()]+, )?\"(\w+)\"")


def test_what_has_no_effect_is_read_nowhere_and_the_others_are() -> None:
    read = set()
    for file in sorted((ROOT / "lilya").rglob("*.py")):
        if file.relative_to(ROOT / "lilya").parts[0] not in ("cli", "conf", "testclient"):
            read |= set(READ.findall(file.read_text()))
    assert {name for name in TABLE if name in read} == {
        name for name, effect in TABLE.items() if not effect.startswith("none")
    }


# -- those that are no arguments --------------------------------------------------------------------------------------


def with_settings(handler: Callable[..., Any], *layers: Any, methods: Any = None, **values: Any) -> Lilya:
    """An application whose settings say these values."""
    layered = [DefineMiddleware(layer, *args) for layer, *args in layers]
    return Lilya(routes=[Path("/", handler, methods=methods)], middleware=layered, settings_module=Settings(**values))


class Counting:
    """A function that is cached, and how often it was called."""

    def __init__(self) -> None:
        self.calls = 0
        self.cached = cache()(self.ask)

    async def ask(self) -> int:
        self.calls += 1
        return self.calls


async def test_the_cache_keeps_for_as_long_and_where_the_settings_say() -> None:
    counting, backend = Counting(), InMemoryCache()

    async def home() -> int:
        answer: int = await counting.cached()
        return answer

    app = with_settings(home, cache_backend=backend)
    assert [(await call(app)).json, (await call(app)).json, len(backend)] == [1, 1, 1]
    never = with_settings(home, cache_default_ttl=0)
    assert [(await call(never)).json, (await call(never)).json] == [2, 3]
    other = InMemoryCache()
    child = ChildLilya(routes=[Path("/", home)], settings_module=Settings(cache_backend=other))
    assert (await call(Lilya(routes=[Include("/", app=child)]))).json == 4
    assert len(other) == 1
    assert [await counting.cached(), await counting.cached()] == [5, 5]  # outside of any application


async def test_the_field_of_forms_the_frames_and_the_proxies_are_as_the_settings_say() -> None:
    async def home(request: Request) -> str:
        return get_ip(request.scope)

    app = with_settings(home, [XFrameOptionsMiddleware], x_frame_options="SAMEORIGIN", trusted_proxies=["127.0.0.1"])
    answer = await call(app, headers=[(b"host", b"a.test"), (b"x-forwarded-for", b"192.0.2.7")])
    assert (answer.json, answer.headers["x-frame-options"]) == ("192.0.2.7", "SAMEORIGIN")

    async def token(request: Request) -> str:
        given: str = request.scope["csrf_token"]
        return given

    app = with_settings(token, [CSRFMiddleware, "key"], methods=["GET", "POST"], csrf_token_name="t")
    value = (await call(app)).json
    form = [(b"content-type", b"application/x-www-form-urlencoded"), (b"cookie", f"csrftoken={value}".encode())]
    assert (await call(app, "/", "POST", headers=form, body=f"t={value}".encode())).status == 200
    assert (await call(app, "/", "POST", headers=form, body=f"csrf_token={value}".encode())).status == 403


def test_handlers_say_what_they_return_where_the_settings_want_it() -> None:
    def says() -> None:
        """Says it."""

    def says_not() -> None:
        """Does not, in a moment."""

    class SaysNot(Controller):
        """Has a method that does not."""

        async def get(self) -> str:
            return "x"

    for function in (says_not, SaysNot.get):
        del function.__annotations__["return"]
    strict = Settings(enforce_return_annotation=True)
    app = Lilya(routes=[Path("/", says)], settings_module=strict)
    for handler in (says_not, SaysNot):
        with pytest.raises(ImproperlyConfigured, match=r"SaysNot|says_not"):
            Lilya(routes=[Include("/in", routes=[Path("/", handler)])], settings_module=strict)
    with pytest.raises(ImproperlyConfigured, match="says_not"):
        app.add(Path("/later", says_not))
