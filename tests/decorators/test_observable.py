"""`observable`: who hears of an event, with what, and what becomes of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya.apps import Lilya
from lilya.concurrency.threads import run_in_threadpool
from lilya.decorators import LISTENERS, EventDispatcher, observable
from lilya.exceptions import HTTPException, ImproperlyConfigured
from lilya.routing import Path
from lilya.testclient import AsyncTestClient


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Who listens in a test does not listen in the next."""
    before = LISTENERS._by_event
    yield
    LISTENERS._by_event = before


class Heard(list[Any]):
    """What was heard."""


async def test_listeners_are_called_before_the_answer_at_the_same_time_and_with_its_arguments() -> None:
    heard = Heard()

    @observable(listen=["created"])
    async def slow(name: str) -> None:
        await anyio.sleep(1)
        heard.append(f"slow {name}")

    @observable(listen=["created"])
    def blocking(name: str) -> None:
        heard.append(f"blocking {name}")

    @observable(listen=["created"])
    async def all_of(**kwargs: Any) -> None:
        heard.append(sorted(kwargs))

    @observable(listen=["created"])
    async def nothing() -> None:
        heard.append("nothing")

    @observable(send=["created", "unheard"])
    async def create(name: str) -> str:
        return name

    app = Lilya(routes=[Path("/{name}", create)])
    async with AsyncTestClient(app) as client:
        assert (await client.get("/ada")).json() == "ada"
    assert heard[-1] == "slow ada"
    assert set(map(str, heard[:-1])) == {"blocking ada", "['name']", "nothing"}


async def test_a_sync_function_sends_from_its_thread() -> None:
    heard = Heard()

    @observable(listen=["done"])
    async def hear(what: str) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(what)

    @observable(send=["done"])
    def work(what: str) -> str:
        return what

    assert await run_in_threadpool(work, "x") == "x"
    assert heard == ["x"]
    with pytest.raises(RuntimeError, match="event loop"):
        work("y")


@pytest.mark.realtime
def test_a_sync_function_sends_where_there_is_no_loop() -> None:
    heard = Heard()

    @observable(listen=["done"])
    async def hear(what: str) -> None:
        heard.append(what)

    @observable(send=["done"])
    def work(what: str) -> str:
        return what

    assert work("x") == "x"
    assert heard == ["x"]


async def test_what_fails_in_a_listener_fails_the_call_as_itself_when_all_are_done() -> None:
    heard = Heard()

    @observable(listen=["a", "b"])
    async def failing() -> None:
        raise HTTPException(status_code=418)

    @observable(listen=["b"])
    async def failing_too() -> None:
        raise ValueError

    @observable(listen=["a"])
    async def slow() -> None:
        await anyio.sleep(1)
        heard.append("slow")

    @observable(send=["a"])
    async def handler() -> None: ...

    async with AsyncTestClient(Lilya(routes=[Path("/", handler)])) as client:
        assert (await client.get("/")).status_code == 418
    assert heard == ["slow"]
    with pytest.raises(ExceptionGroup, match="'b'"):
        await EventDispatcher.emit("b")


async def test_who_unsubscribes_hears_no_more() -> None:
    heard = Heard()

    async def hear(what: str) -> None:
        heard.append(what)

    EventDispatcher.subscribe("x", hear)
    await EventDispatcher.emit("x", "one")
    EventDispatcher.unsubscribe("x", hear)
    await EventDispatcher.emit("x", "two")
    assert heard == ["one"]


def test_events_are_a_list() -> None:
    with pytest.raises(ImproperlyConfigured, match="lists"):
        observable(send="created")
