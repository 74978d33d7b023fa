from __future__ import annotations

import anyio
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.testing.pipe import Pipe


async def test_with_a_bound_of_0_a_writer_waits_until_its_item_is_taken() -> None:
    pipe: Pipe[bytes] = Pipe(0, len)
    order: list[str] = []

    async def write() -> None:
        await pipe.put(b"a")
        order.append("put")

    async with open_nursery() as nursery:
        nursery.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        order.append("get")
        assert await pipe.get() == b"a"
    assert order == ["get", "put"]


async def test_a_writer_goes_on_while_the_bound_is_kept() -> None:
    pipe: Pipe[bytes] = Pipe(2, len)
    with anyio.move_on_after(1) as scope:
        await pipe.put(b"ab")
        await pipe.put(b"c")
    assert scope.cancelled_caught
    assert [await pipe.get(), await pipe.get()] == [b"ab", b"c"]  # a cancelled writer has written


async def test_several_readers_get_an_item_each() -> None:
    pipe: Pipe[int] = Pipe(10, int)
    got: list[int | None] = []

    async def read() -> None:
        got.append(await pipe.get())
        got.append(await pipe.get())

    async with open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        for item in range(4):
            pipe.put_nowait(item)
    assert sorted(item for item in got if item is not None) == [0, 1, 2, 3]


async def test_a_cancelled_reader_has_taken_nothing() -> None:
    pipe: Pipe[bytes] = Pipe(0, len)
    with anyio.move_on_after(1):
        await pipe.get()
    pipe.put_nowait(b"a")
    assert await pipe.get() == b"a"


async def test_closing_lets_the_reader_have_the_rest_and_frees_the_writer() -> None:
    pipe: Pipe[bytes] = Pipe(0, len)
    async with open_nursery() as nursery:
        nursery.start_soon(pipe.put, b"a")
        await anyio.wait_all_tasks_blocked()
        pipe.close()
    assert await pipe.get() == b"a"
    assert await pipe.get() is None


async def test_closing_ends_the_wait_of_a_reader() -> None:
    pipe: Pipe[bytes] = Pipe(0, len)
    async with open_nursery() as nursery:
        nursery.start_soon(pipe.get)
        await anyio.wait_all_tasks_blocked()
        pipe.close()


@pytest.mark.parametrize("drop", [True, False])
async def test_a_closed_pipe_takes_no_more_and_may_drop_what_it_has(drop: bool) -> None:
    pipe: Pipe[bytes] = Pipe(0, len)
    pipe.put_nowait(b"before")
    pipe.close(drop=drop)
    await pipe.put(b"after")
    assert await pipe.get() == (None if drop else b"before")
    assert await pipe.get() is None
