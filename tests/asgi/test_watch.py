"""The watch: who is looked at, when it gets a reader, and what it costs while there is nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from lilya._asgi.watch import LOOK_EVERY, Watch
from lilya.apps import Lilya
from lilya.requests import Request
from lilya.responses import PlainText
from lilya.routing import Path
from tests.support.life import running
from tests.support.wire import Wire, http_scope, request


class Fake:
    """An exchange of which the watch sees only what it asks."""

    def __init__(self, needs_reader: bool = True) -> None:
        self.needs_reader = needs_reader
        self.looks: list[float] = []
        self.read: list[float] = []

    def note(self) -> bool:
        self.looks.append(anyio.current_time())
        return self.needs_reader

    def read_ahead(self) -> None:
        self.read.append(anyio.current_time())


@asynccontextmanager
async def watching(interval: float = 1) -> AsyncIterator[Watch]:
    async with anyio.create_task_group() as group:
        watch = Watch(group, interval)
        group.start_soon(watch.run)
        yield watch
        group.cancel_scope.cancel()


async def test_one_that_still_needs_a_reader_at_the_second_look_gets_one() -> None:
    async with watching() as watch:
        slow = Fake()
        watch.add(slow)
        await anyio.sleep(10)
    assert slow.looks == [1, 2]
    assert slow.read == [2]


async def test_one_that_needs_none_any_more_is_let_go() -> None:
    async with watching() as watch:
        quick, busy = Fake(needs_reader=False), Fake()
        watch.add(quick)
        watch.add(busy)
        await anyio.sleep(1.5)
        busy.needs_reader = False
        await anyio.sleep(10)
    assert (quick.looks, quick.read) == ([1], [])
    assert (busy.looks, busy.read) == ([1, 2], [])


async def test_one_that_lists_itself_anew_is_looked_at_twice_from_there() -> None:
    async with watching() as watch:
        one = Fake()
        watch.add(one)
        await anyio.sleep(1.5)
        watch.add(one)
        await anyio.sleep(10)
    assert one.looks == [1, 2, 3]
    assert one.read == [3]


async def test_the_watch_sleeps_while_nobody_is_listed_and_wakes_for_the_next() -> None:
    async with watching() as watch:
        await anyio.sleep(100.5)
        one, other = Fake(), Fake()
        watch.add(one)
        watch.add(other)
        await anyio.sleep(100)
        third = Fake()
        watch.add(third)
        await anyio.sleep(5)
    assert one.looks == other.looks == [101.5, 102.5]
    assert third.looks == [201.5, 202.5]


async def test_all_are_looked_at_in_one_look_and_each_once() -> None:
    async with watching() as watch:
        many = [Fake() for _ in range(1000)]
        for each in many:
            watch.add(each)
        await anyio.sleep(3)
    assert {tuple(each.looks) for each in many} == {(1, 2)}
    assert {tuple(each.read) for each in many} == {(2,)}


async def test_one_may_list_another_while_it_is_looked_at() -> None:
    late = Fake()

    class Listing(Fake):
        def read_ahead(self) -> None:
            watch.add(late)
            super().read_ahead()

    async with watching() as watch:
        watch.add(Listing())
        await anyio.sleep(10)
    assert late.looks == [3, 4]


async def test_a_handler_that_works_on_message_after_message_gets_no_reader_and_one_that_stops_does() -> None:
    async def handler(request: Request) -> PlainText:
        async for _ in request.stream():  # releases nothing: the handler is still the watch's
            await anyio.sleep(LOOK_EVERY / 2)
            readers.append(wire.readers)
        await anyio.sleep(5 * LOOK_EVERY)
        readers.append(wire.readers)
        return PlainText("x")

    readers: list[int] = []
    app = Lilya(routes=[Path("/", handler)])
    wire = Wire(*(request(b"x", n < 20) for n in range(21)))
    async with running(app):
        await app(http_scope(), wire.receive, wire.send)
    assert readers[:-2] == [0] * (len(readers) - 2)
    assert readers[-1] == 1


async def test_a_handler_that_waits_for_a_message_reads_for_itself() -> None:
    async def handler(request: Request) -> PlainText:
        return PlainText(await request.body())

    async def client() -> None:
        await anyio.sleep(10)
        (each,) = app.statistics().exchanges
        assert each.age >= 0
        wire.put(request(b"late"))

    app = Lilya(routes=[Path("/", handler)])
    wire = Wire()
    async with running(app), anyio.create_task_group() as group:
        group.start_soon(client)
        await app(http_scope(), wire.receive, wire.send)
    assert wire.body == b"late"
    assert wire.most_readers == 1


def test_two_looks_are_short_beside_what_a_person_notices() -> None:
    assert 2 * LOOK_EVERY <= 0.05
