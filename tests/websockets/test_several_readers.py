"""Several tasks that receive on one websocket: each is told once that it is over, wherever it was when that came."""

from __future__ import annotations

import gc
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lilya._asgi.watch import LOOK_EVERY
from lilya.exceptions import WebSocketDisconnect, WebSocketRuntimeError
from lilya.types import Message
from lilya.websockets import WebSocket
from tests.support.wire import left, text
from tests.websockets.talking import RECEIVED_ALL, Over, binary, everywhere


async def steps(count: int) -> None:
    """Be at work for so many steps of the event loop."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


@everywhere
@pytest.mark.parametrize("work", [0, LOOK_EVERY * 4], ids=["at once", "while a reader reads ahead"])
@pytest.mark.parametrize("messages", [0, 1, 4])
async def test_every_task_is_told_once_wherever_it_was_when_the_client_left(
    talk_over: Over, messages: int, work: float
) -> None:
    for late in range(12):
        heard: list[Any] = []

        async def read(websocket: WebSocket, first: int, each: int, heard: list[Any] = heard) -> None:
            await anyio.sleep(work)
            await steps(first)
            try:
                while True:
                    await websocket.receive_text()
                    await steps(each)
            except WebSocketDisconnect as exc:
                heard.append(exc.code)
            for receive in (websocket.receive_text, websocket.receive_bytes, websocket.receive):
                with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
                    await receive()

        async def loop(websocket: WebSocket, first: int, each: int, heard: list[Any] = heard) -> None:
            await steps(first)
            async for _ in websocket.iter_text():
                await steps(each)
            heard.append("ended")

        async def look(websocket: WebSocket, first: int, each: int, heard: list[Any] = heard) -> None:
            await steps(first)
            while (message := await websocket.receive())["type"] != "websocket.disconnect":
                await steps(each)
            heard.append(message["code"])

        async def talk(websocket: WebSocket, late: int = late) -> None:
            await websocket.accept()
            async with anyio.create_task_group() as group:
                for reader in (read, loop, look):
                    group.start_soon(reader, websocket, 0, 0)
                    group.start_soon(reader, websocket, late, late)

        wire = await talk_over(talk, *(text(str(n)) for n in range(messages)), left(4000))
        assert sorted(map(str, heard)) == ["4000"] * 4 + ["ended"] * 2
        assert wire.most_readers == 1


@everywhere
async def test_a_task_that_comes_long_after_the_others_is_told_too(talk_over: Over) -> None:
    told: list[int] = []

    async def ask(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive_json()
        told.append(caught.value.code)

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await ask(websocket)
        for _ in range(20):  # one after the other: what is remembered is the task, and not where its memory was
            async with anyio.create_task_group() as group:
                group.start_soon(ask, websocket)
            gc.collect()
        with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
            await websocket.receive_text()

    await talk_over(talk, left(4001))
    assert told == [4001] * 21


@everywhere
@pytest.mark.parametrize("raw", [False, True], ids=["close", "send"])
async def test_who_closes_knows_and_the_others_are_told_with_what(talk_over: Over, raw: bool) -> None:
    heard: list[Any] = []

    async def wait(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive_text()
        heard.append((caught.value.code, caught.value.reason))
        with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
            await websocket.receive_text()

    async def be_busy(websocket: WebSocket) -> None:
        await closed.wait()
        async for _ in websocket.iter_bytes():
            raise AssertionError("nothing is received after the end")
        heard.append("ended")
        await wait_at_last(websocket)

    async def wait_at_last(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketRuntimeError, match=RECEIVED_ALL):
            await websocket.receive_json()

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        async with anyio.create_task_group() as group:
            group.start_soon(be_busy, websocket)
            await steps(3)
            if raw:
                await websocket.send({"type": "websocket.close", "code": 4100, "reason": "done"})
            else:
                await websocket.close(4100, "done")
            await wait_at_last(websocket)
            closed.set()
            group.start_soon(wait, websocket)

    closed = anyio.Event()
    wire = await talk_over(talk, text("unread"))
    assert sorted(map(str, heard)) == ["(4100, 'done')", "ended"]
    assert wire.types == ["websocket.accept", "websocket.close"]


@everywhere
async def test_a_message_of_the_wrong_kind_ends_it_for_all(talk_over: Over) -> None:
    for late in range(8):
        heard: list[int] = []

        async def read(websocket: WebSocket, first: int, heard: list[int] = heard) -> None:
            await steps(first)
            try:
                while True:
                    await websocket.receive_text()
                    await steps(first)
            except WebSocketDisconnect as exc:
                heard.append(exc.code)

        async def talk(websocket: WebSocket, late: int = late) -> None:
            await websocket.accept()
            async with anyio.create_task_group() as group:
                group.start_soon(read, websocket, 0)
                group.start_soon(read, websocket, late)

        messages: list[Message] = [text("a"), binary(b"b"), left(1003)]
        await talk_over(talk, *messages)
        assert heard == [1003, 1003]
