from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from lilya._asgi.inbox import MESSAGE_COST, NOBODY, READ_AHEAD, Inbox
from lilya.exceptions import ClientDisconnect
from tests.support.wire import GONE, Wire, request


class Owner:
    def __init__(self) -> None:
        self.gone = 0
        self.back = 0

    def disconnected(self) -> None:
        self.gone += 1

    def resumed(self) -> None:
        self.back += 1


def make(*messages: Any, limit: int = READ_AHEAD) -> tuple[Inbox, Wire, Owner]:
    wire, owner = Wire(*messages), Owner()
    return Inbox(wire.receive, owner, limit), wire, owner


async def test_messages_come_in_order_and_the_disconnect_for_ever() -> None:
    inbox, _, owner = make(request(b"a", True), request(b"b"), GONE)
    assert (await inbox.next())["body"] == b"a"
    assert (await inbox.next())["body"] == b"b"
    assert await inbox.next() == GONE
    assert await inbox.next() == GONE
    assert owner.gone == 1


async def test_two_who_receive_never_read_at_once_and_share_the_messages() -> None:
    inbox, wire, _ = make()
    got: list[bytes] = []

    async def take() -> None:
        got.append((await inbox.next())["body"])

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(take)
        await wait_all_tasks_blocked()
        assert inbox.receiving
        wire.put(request(b"1", True), request(b"2", True), request(b"3"))
    assert sorted(got) == [b"1", b"2", b"3"]
    assert wire.most_readers == 1


async def test_everybody_who_waits_hears_of_the_disconnect() -> None:
    inbox, wire, _ = make()
    got: list[str] = []

    async def take() -> None:
        got.append((await inbox.next())["type"])

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        group.start_soon(take)
        await wait_all_tasks_blocked()
        wire.put(GONE)
    assert got == ["http.disconnect"] * 2


async def test_a_cancelled_receive_loses_nothing_and_another_takes_over() -> None:
    inbox, wire, _ = make()
    got: list[bytes] = []

    async def take() -> None:
        got.append((await inbox.next())["body"])

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(1):
            group.start_soon(take)  # waits behind us
            await inbox.next()
        await wait_all_tasks_blocked()
        wire.put(request(b"x"))
    assert got == [b"x"]


async def test_the_reader_stops_at_its_bound_and_goes_on_when_there_is_room() -> None:
    inbox, wire, owner = make(*[request(b"x" * 100, True)] * 10, GONE, limit=3 * (100 + MESSAGE_COST))
    async with anyio.create_task_group() as group:
        group.start_soon(inbox.read_ahead)
        await wait_all_tasks_blocked()
        assert wire.received == 4  # the one that passed the bound, and no more
        assert owner.gone == 0
        for _ in range(10):
            await inbox.next()
        assert await inbox.next() == GONE
    assert owner.gone == 1
    assert wire.most_readers == 1


async def test_empty_messages_count_against_the_bound_too() -> None:
    inbox, wire, _ = make(*[request(b"", True)] * 10_000, limit=10 * MESSAGE_COST)
    async with anyio.create_task_group() as group:
        group.start_soon(inbox.read_ahead)
        await wait_all_tasks_blocked()
        assert wire.received == 11
        group.cancel_scope.cancel()


async def test_the_reader_waits_for_who_reads_already() -> None:
    inbox, wire, owner = make()
    async with anyio.create_task_group() as group:

        async def take() -> None:
            assert (await inbox.next())["body"] == b"mine"

        group.start_soon(take)
        await wait_all_tasks_blocked()
        group.start_soon(inbox.read_ahead)
        await wait_all_tasks_blocked()
        wire.put(request(b"mine"))
        await wait_all_tasks_blocked()
        wire.put(GONE)
    assert owner.gone == 1
    assert wire.most_readers == 1


async def test_what_receive_raises_reaches_everyone_who_asks() -> None:
    async def broken() -> Any:
        raise ConnectionResetError("cut")

    inbox = Inbox(broken, Owner())
    await inbox.read_ahead()
    for _ in range(2):
        with pytest.raises(ConnectionResetError, match="cut"):
            await inbox.next()
    direct = Inbox(broken, Owner())
    for _ in range(2):
        with pytest.raises(ConnectionResetError, match="cut"):
            await direct.next()


async def test_peeking_leaves_the_message_in_place() -> None:
    inbox, _, _ = make(request(b"a", True), request(b"b"), GONE)
    assert (await inbox.peek())["body"] == b"a"
    assert await inbox.body() == b"ab"
    assert (await inbox.peek())["body"] == b"ab"
    assert (await inbox.receive())["body"] == b"ab"
    assert await inbox.peek() == GONE


async def test_the_body_is_collected_once_for_all_and_replayed_to_an_app_further_in() -> None:
    inbox, wire, _ = make()
    got: list[bytes] = []

    async def read() -> None:
        got.append(await inbox.body())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(read)
        await wait_all_tasks_blocked()
        wire.put(request(b"1", True), request(b"2"), GONE)
    assert got == [b"12"] * 2
    assert await inbox.body() == b"12"
    assert await inbox.receive() == {"type": "http.request", "body": b"12", "more_body": False}
    assert await inbox.receive() == GONE


async def test_a_cancelled_collector_loses_no_piece() -> None:
    inbox, wire, _ = make(request(b"1", True))
    with anyio.move_on_after(1) as scope:
        await inbox.body()
    assert scope.cancelled_caught
    wire.put(request(b"2"))
    assert await inbox.body() == b"12"


async def test_a_body_larger_than_the_bound_does_not_blind_the_reader() -> None:
    inbox, wire, owner = make(request(b"x" * 10_000), limit=1000)
    await inbox.body()
    async with anyio.create_task_group() as group:
        group.start_soon(inbox.read_ahead)
        wire.put(GONE)
    assert owner.gone == 1


async def test_a_body_cut_by_the_disconnect_is_an_error_to_every_reader() -> None:
    inbox, _, _ = make(request(b"1", True), GONE)
    for _ in range(2):
        with pytest.raises(ClientDisconnect):
            await inbox.body()
    inbox, _, _ = make(request(b"1", True), GONE)
    stream = inbox.stream()
    assert await anext(stream) == b"1"
    with pytest.raises(ClientDisconnect):
        await anext(stream)


async def test_a_stream_gives_the_pieces_then_an_empty_one_and_can_be_had_once() -> None:
    inbox, _, _ = make(request(b"1", True), request(b"", True), request(b"2"))
    assert [piece async for piece in inbox.stream()] == [b"1", b"2", b""]
    with pytest.raises(RuntimeError, match="Stream consumed"):
        inbox.stream()
    with pytest.raises(RuntimeError, match="Stream consumed"):
        await inbox.body()


async def test_a_stream_after_the_body_replays_it_as_often_as_wanted() -> None:
    inbox, _, _ = make(request(b"12"))
    await inbox.body()
    for _ in range(2):
        assert [piece async for piece in inbox.stream()] == [b"12", b""]


async def test_an_empty_body_streams_as_one_empty_piece() -> None:
    inbox, _, _ = make(request())
    assert [piece async for piece in inbox.stream()] == [b""]


async def test_a_closed_stream_is_over() -> None:
    inbox, _, _ = make(request(b"1", True), request(b"2"))
    stream = inbox.stream()
    assert await anext(stream) == b"1"
    await stream.aclose()
    assert [piece async for piece in stream] == []


async def test_messages_without_a_body_key_are_empty_pieces() -> None:
    inbox, _, _ = make({"type": "http.request", "more_body": True}, {"type": "http.request"})
    assert await inbox.body() == b""


async def test_the_first_message_after_a_note_is_told_to_the_owner() -> None:
    inbox, _, owner = make(request(b"1", True), request(b"2", True), request(b"3"))
    await inbox.next()
    before = owner.back
    await inbox.next()
    assert owner.back == before
    inbox.noted = True
    await inbox.next()
    assert owner.back == before + 1


async def test_a_disowned_inbox_serves_on_and_tells_nobody() -> None:
    inbox, _, owner = make(request(b"1"), GONE)
    inbox.disown()
    assert await inbox.body() == b"1"
    assert await inbox.next() == GONE
    assert owner.gone == 0


async def test_a_message_of_another_protocol_is_the_servers_fault_and_said_so() -> None:
    inbox, _, _ = make({"type": "websocket.receive", "text": "a"})
    with pytest.raises(
        RuntimeError, match=r"Expected ASGI message 'http.request' or 'http.disconnect', but got 'websoc"
    ):
        await inbox.body()
    inbox, _, _ = make({"type": "websocket.receive", "text": "a"})
    with pytest.raises(RuntimeError, match=r"but got 'websocket.receive'"):
        await anext(inbox.stream())


async def test_what_is_put_back_while_another_reads_is_kept_and_nobody_reads_beside_it() -> None:
    for _ in range(8):  # which of the two that wait goes first is left to the event loop
        wire = Wire(request(b"a", more=True))
        inbox = Inbox(wire.receive, NOBODY)
        got: list[bytes] = []

        async def take(inbox: Inbox = inbox, got: list[bytes] = got) -> None:
            got.append((await inbox.next())["body"])

        async with anyio.create_task_group() as group:
            reader = group.start_soon(inbox.read_ahead)
            await wait_all_tasks_blocked()
            previewer = group.start_soon(inbox.preview, lambda _: False, 1000)
            await wait_all_tasks_blocked()
            group.start_soon(take)
            await wait_all_tasks_blocked()
            reader.cancel()
            await wait_all_tasks_blocked()
            previewer.cancel()
            await wait_all_tasks_blocked()
            for _ in range(2):
                group.start_soon(take)
                await wait_all_tasks_blocked()
            wire.put(request(b"b", more=True), request(b"c", more=True))
        assert sorted(got) == [b"a", b"b", b"c"]
        assert wire.most_readers == 1
