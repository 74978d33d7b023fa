"""Hooks of the process: which applications call them, when, and in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lilya.apps import ChildLilya, Lilya
from lilya.exceptions import ImproperlyConfigured
from lilya.lifecycle import forget, get_hooks, on_shutdown, on_startup
from lilya.routing import Include
from lilya.testclient import AsyncTestClient


class Log(list[str]):
    """What happened, in its order."""

    def hook(self, name: str) -> Any:
        return lambda: self.append(name)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """A hook of a test is no hook of the next."""
    yield
    forget()


async def test_they_stand_around_the_hooks_of_an_application_built_before() -> None:
    log = Log()
    app = Lilya(on_startup=[log.hook("app starts")], on_shutdown=[log.hook("app stops")])

    @on_startup
    async def first() -> None:
        log.append("first")

    on_startup(log.hook("second"))
    on_shutdown(log.hook("last"))
    on_shutdown(log.hook("next to last"))
    assert first in get_hooks().startup
    for _ in range(2):
        log.clear()
        async with AsyncTestClient(app):
            assert log == ["first", "second", "app starts"]
        assert log[3:] == ["app stops", "next to last", "last"]


async def test_an_application_with_a_lifespan_calls_them_and_a_child_does_not_call_them_again() -> None:
    log = Log()

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        log.append("lifespan")
        yield

    on_startup(log.hook("start"))
    on_shutdown(log.hook("stop"))
    async with AsyncTestClient(Lilya(lifespan=lifespan, routes=[Include("/", app=ChildLilya())])):
        pass
    assert log == ["start", "lifespan", "stop"]


async def test_a_start_that_fails_is_undone() -> None:
    log = Log()

    def fail() -> None:
        raise ValueError("no")

    on_startup(fail)
    on_startup(log.hook("never"))
    on_shutdown(log.hook("stop"))
    with pytest.raises(ValueError, match="no"):
        async with AsyncTestClient(Lilya()):
            pass
    assert log == ["stop"]


def test_a_hook_can_be_called_and_can_be_forgotten() -> None:
    hook, other = Log().hook("x"), Log().hook("y")
    on_startup(hook)
    on_startup(other)
    forget(hook)
    assert get_hooks().startup == (other,)
    with pytest.raises(ImproperlyConfigured):
        on_startup("x")  # type: ignore[type-var]
