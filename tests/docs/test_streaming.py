"""The guide to streaming: its programs, and the rows of its tables."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from lilya.apps import Lilya
from lilya.concurrency import as_channel, open_nursery
from lilya.responses import StreamingResponse
from lilya.routing import Path
from lilya.testclient import AsyncTestClient
from tests.docs.pages import program

PAGE = "docs/guide/streaming.md"


def streaming(content: Any) -> Lilya:
    async def handler() -> StreamingResponse:
        return StreamingResponse(content)

    return Lilya(routes=[Path("/", handler)])


async def text_of(content: Any) -> str:
    async with AsyncTestClient(streaming(content)) as client:
        text: str = (await client.get("/")).text
        return text


async def test_the_program_streams() -> None:
    app = program(PAGE).app
    async with AsyncTestClient(app) as client:
        async with client.stream("GET", "/ticks") as response:
            lines = response.aiter_lines()
            assert [await anext(lines), await anext(lines)] == ["tick 0", "tick 1"]
            app.drain()
            assert await anext(lines) == "the server is going home"
        async with client.stream("GET", "/table") as response:
            assert await anext(response.aiter_lines()) == "0,0"
        assert (await client.post("/double", content=b"ab")).content == b"abab"


async def test_a_generator_may_hold_a_nursery_at_its_yield(backend: str) -> None:
    app = program(PAGE, 2).app
    async with AsyncTestClient(app) as client:
        began = anyio.current_time()
        assert (await client.get("/prices")).text == "south sells at 42\nnorth sells at 42\n"
        assert anyio.current_time() - began == pytest.approx(2)
        async with client.stream("GET", "/prices") as response:
            await anext(response.aiter_lines())
        assert app.statistics().idle


async def test_clean_up_may_await_under_a_shield(capsys: pytest.CaptureFixture[str]) -> None:
    async with (
        AsyncTestClient(program(PAGE, 3).app) as client,
        client.stream("GET", "/dots") as response,
    ):
        await anext(response.aiter_text())
    assert capsys.readouterr().out == "signed off\n"


async def test_every_kind_of_content_is_sent() -> None:
    async def generator() -> AsyncGenerator[str]:
        yield "a"
        yield "b"

    def sync() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    @asynccontextmanager
    async def manager() -> AsyncGenerator[Any]:
        yield generator()

    sender, receiver = anyio.create_memory_object_stream[str](2)
    with sender:
        sender.send_nowait("a")
        sender.send_nowait("b")
    contents: list[Any] = [generator(), generator, manager(), receiver, sync(), sync, ["a", b"b"], "ab", b"ab"]
    for content in contents:
        assert await text_of(content) == "ab", content
    with pytest.raises(TypeError, match="a streaming body must be"):
        StreamingResponse(5)  # type: ignore[arg-type]


async def test_a_body_that_raises_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncGenerator[str]:
        yield "a"
        raise ValueError("no more")

    async with AsyncTestClient(streaming(broken()), raise_server_exceptions=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")
    async with AsyncTestClient(streaming(broken())) as client:
        with pytest.raises((httpx.RemoteProtocolError, ValueError)):
            await client.get("/")
    caplog.set_level(logging.ERROR)


async def test_what_a_context_manager_raises_before_its_yield_may_be_answered() -> None:
    @asynccontextmanager
    async def manager() -> AsyncGenerator[Any]:
        raise FileNotFoundError("no such table")
        yield "never"

    async def missing(request: Any, exc: Exception) -> str:
        return str(exc)

    app = streaming(manager())
    app.add_exception_handler(FileNotFoundError, missing)
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == "no such table"


async def test_head_closes_the_content_and_never_runs_it() -> None:
    ran: list[str] = []

    async def generator() -> AsyncGenerator[str]:
        ran.append("begun")
        yield "a"

    async with AsyncTestClient(streaming(generator())) as client:
        assert (await client.head("/")).status_code == 200
    assert ran == []


async def test_a_piece_is_made_when_the_one_before_is_taken() -> None:
    made: list[int] = []

    async def generator() -> AsyncGenerator[str]:
        for number in range(5):
            made.append(number)
            yield f"{number}\n"

    async with AsyncTestClient(streaming(generator())) as client, client.stream("GET", "/") as response:
        await anext(response.aiter_lines())
        await anyio.wait_all_tasks_blocked()
        assert made == [0, 1]


async def test_as_channel_protects_a_generator_elsewhere() -> None:
    @as_channel
    async def numbers() -> AsyncGenerator[int]:
        async with open_nursery() as nursery:
            nursery.start_soon(anyio.sleep_forever)
            yield 1
            yield 2

    async with numbers() as items:
        async for item in items:
            assert item == 1
            break
