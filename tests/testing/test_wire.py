"""The wire: what a test gives is received in its order, what is sent is written down."""

from __future__ import annotations

import anyio
import pytest

from lilya.testing import Wire
from lilya.types import Message

PIECE: Message = {"type": "http.request", "body": b"a", "more_body": True}
LAST: Message = {"type": "http.request", "body": b"b", "more_body": False}
GONE: Message = {"type": "http.disconnect"}
START: Message = {"type": "http.response.start", "status": 201, "headers": []}


async def test_messages_come_in_their_order_and_later_ones_are_waited_for() -> None:
    wire = Wire(PIECE)
    got: list[Message] = []

    async def read() -> None:
        got.extend([await wire.receive(), await wire.receive()])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.sleep(1)
        assert (got, wire.readers) == ([], 1)
        wire.put(LAST)
    assert got == [PIECE, LAST]
    assert (wire.received, wire.readers, wire.most_readers) == (2, 0, 1)


async def test_a_disconnect_is_repeated() -> None:
    wire = Wire(GONE)
    assert [await wire.receive(), await wire.receive()] == [GONE, GONE]


async def test_a_cancelled_receive_loses_nothing() -> None:
    wire = Wire()
    with anyio.move_on_after(1):
        await wire.receive()
    wire.put(LAST)
    assert (await wire.receive(), wire.readers) == (LAST, 0)


async def test_two_readers_are_noticed() -> None:
    wire = Wire()
    async with anyio.create_task_group() as group:
        group.start_soon(wire.receive)
        group.start_soon(wire.receive)
        await anyio.sleep(1)
        wire.put(PIECE, LAST)
    assert wire.most_readers == 2


async def test_what_is_sent_is_written_down_unless_it_fails() -> None:
    wire = Wire()
    await wire.send(START)
    await wire.send({"type": "http.response.body", "body": b"a", "more_body": True})
    await wire.send({"type": "http.response.body", "body": b"b"})
    assert (wire.status, wire.body) == (201, b"ab")
    assert wire.types == ["http.response.start", "http.response.body", "http.response.body"]

    def breaks(message: Message) -> None:
        raise BrokenPipeError(message["type"])

    wire.fail = breaks
    with pytest.raises(BrokenPipeError, match=r"http\.response\.start"):
        await wire.send(START)
    assert len(wire.sent) == 3
