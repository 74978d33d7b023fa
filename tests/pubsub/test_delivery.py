"""What is published reaches every subscriber, in one order, within bounds; a slow one concerns nobody else."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from lilya.concurrency.nursery import open_nursery
from lilya.exceptions import WebSocketException
from lilya.pubsub import Event, MemoryPubSub, PubSub, Subscription, SubscriptionOverflow
from lilya.pubsub._subscription import MemorySubscription


async def got(events: Subscription, count: int) -> list[Any]:
    """The data of the next `count` events."""
    return [(await anext(aiter(events))).data for _ in range(count)]


@asynccontextmanager
async def stuck(pubsub: MemoryPubSub, **options: Any) -> AsyncIterator[MemorySubscription]:
    """A subscriber of "t" that does not read."""
    async with pubsub.subscribe("t", **options) as events:
        yield events


def test_it_is_a_pubsub_and_its_subscriptions_are() -> None:
    pubsub: PubSub = MemoryPubSub()
    assert isinstance(pubsub.subscribe("t"), Subscription)


# -- topics and patterns ------------------------------------------------------------------------------------------


async def test_each_subscriber_gets_what_was_published_to_its_topics_in_order() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("a", "b", "a") as both, pubsub.subscribe("b") as one:
        ids = [await pubsub.publish(topic, number) for number, topic in enumerate(["a", "b", "c", "a"])]
        assert await got(both, 3) == [0, 1, 3]
        event = await anext(aiter(one))
    assert (event.id, event.topic, event.data) == (ids[1], "b", 1)
    assert len(set(ids)) == 4


async def test_all_get_the_same_object() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("t") as one, pubsub.subscribe("t") as other:
        await pubsub.publish("t", {})
        assert await anext(one) is await anext(other)


@pytest.mark.parametrize(
    ("pattern", "topic", "matched"),
    [
        ("room.*", "room.1", True),
        ("room.*", "room.", True),
        ("room.*", "room", False),
        ("room.*", "room.1.typing", False),
        ("room.*.typing", "room.1.typing", True),
        ("room.*.typing", "room.1.left", False),
        ("room.**", "room.1.typing", True),
        ("room.**", "room.1", True),
        ("room.**", "room", False),
        ("*", "room", True),
        ("*", "room.1", False),
        ("**", "room.1", True),
        ("room", "room", True),
    ],
)
async def test_a_pattern_matches_segment_by_segment(pattern: str, topic: str, matched: bool) -> None:
    pubsub = MemoryPubSub(history=1)
    async with pubsub.subscribe(pattern=pattern) as events:
        await pubsub.publish(topic, 1)
        assert len(events.take(10)) == matched
    async with pubsub.subscribe(pattern=pattern, after="") as events:
        assert len(events.take(10)) == matched


async def test_who_subscribed_by_name_and_by_pattern_gets_an_event_once() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("room.1", pattern="room.*") as events:
        await pubsub.publish("room.1", 1)
        await pubsub.publish("room.2", 2)
        assert [event.data for event in events.take(10)] == [1, 2]


async def test_a_name_is_taken_literally_whatever_a_client_put_into_it() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("room.*") as events:
        await pubsub.publish("room.1", "secret")
        await pubsub.publish("room.*", "mine")
        assert [event.data for event in events.take(10)] == ["mine"]


@pytest.mark.parametrize("pattern", ["room*", "*room", "room.**.x", "***", "room.*x.y", "", "a\nb"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"is no pattern|is printable text"):
        MemoryPubSub().subscribe(pattern=pattern)


@pytest.mark.parametrize("topic", ["", "a\nb", "a\0b"])
async def test_what_is_no_topic_is_refused(topic: str) -> None:
    pubsub = MemoryPubSub()
    with pytest.raises(ValueError, match="printable text on one line"):
        pubsub.subscribe(topic)
    with pytest.raises(ValueError, match="printable text on one line"):
        await pubsub.publish(topic, 1)
    with pytest.raises(TypeError, match="a topic is text, not 1"):
        await pubsub.publish(1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"buffer": 0}, {"buffer": True}, {"overflow": "drop"}, {"patience": 0}, {"patience": float("inf")}],
)
def test_a_subscription_that_can_never_work_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="not"):
        MemoryPubSub().subscribe("t", **options)


def test_so_is_a_subscription_to_nothing_and_a_hub_without_room() -> None:
    with pytest.raises(ValueError, match="got no topic"):
        MemoryPubSub().subscribe()
    with pytest.raises(ValueError, match="history"):
        MemoryPubSub(-1)
    with pytest.raises(ValueError, match="topics"):
        MemoryPubSub(topics=0)


# -- reading ------------------------------------------------------------------------------------------------------


async def test_who_waits_is_woken_by_the_event() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("t") as events, open_nursery() as nursery:

        async def later() -> None:
            await anyio.sleep(3)
            await pubsub.publish("t", "now")

        nursery.start_soon(later)
        assert await got(events, 1) == ["now"]
        assert anyio.current_time() == 3


@pytest.mark.parametrize("publish_first", [True, False])
async def test_a_cancelled_wait_loses_nothing(publish_first: bool) -> None:
    pubsub = MemoryPubSub()
    seen: list[Any] = []

    async def publish_and_cancel(number: int, scope: anyio.CancelScope) -> None:
        if not publish_first:
            scope.cancel()
        with anyio.CancelScope(shield=True):
            await pubsub.publish("t", number)
        scope.cancel()

    async with pubsub.subscribe("t") as events, open_nursery() as nursery:
        for number in range(50):
            with anyio.CancelScope() as scope:
                nursery.start_soon(publish_and_cancel, number, scope)
                seen.append((await anext(events)).data)
            await anyio.wait_all_tasks_blocked()
            seen += [event.data for event in events.take(100)]
    assert seen == list(range(50))


async def test_two_cannot_wait_for_the_same_subscription() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("t") as events, anyio.create_task_group() as group:
        group.start_soon(anext, events)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await anext(events)
        group.cancel_scope.cancel()


async def test_a_subscription_is_read_inside_its_block_and_entered_once() -> None:
    pubsub = MemoryPubSub()
    subscription = pubsub.subscribe("t")
    with pytest.raises(RuntimeError, match="inside its block"):
        await anext(subscription)
    async with subscription:
        pass
    with pytest.raises(RuntimeError, match="inside its block"):
        await anext(subscription)
    with pytest.raises(RuntimeError, match="entered once"):
        await subscription.__aenter__()


async def test_a_reader_that_is_cancelled_before_it_begins_is_only_cancelled() -> None:
    pubsub = MemoryPubSub()
    async with open_nursery() as nursery:
        async with pubsub.subscribe("t") as events:
            nursery.start_soon(anext, events)
            nursery.cancel_scope.cancel()


async def test_who_left_is_forgotten_whole() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("a", "b", pattern="c.*"), pubsub.subscribe("a", pattern="c.*"):
        await pubsub.publish("a", 1)
        statistics = pubsub.statistics()
        assert (statistics.subscribers, statistics.topics, statistics.buffered) == (2, 2, 2)
    statistics = pubsub.statistics()
    assert (statistics.subscribers, statistics.topics, statistics.buffered) == (0, 0, 0)
    assert (pubsub._names, pubsub._patterns) == ({}, {})


async def test_a_reader_of_a_burst_lets_others_run() -> None:
    pubsub = MemoryPubSub()
    ran = 0

    async def other() -> None:
        nonlocal ran
        while True:
            ran += 1
            await anyio.lowlevel.checkpoint()

    async with pubsub.subscribe("t") as events, anyio.create_task_group() as group:
        for number in range(50):
            await pubsub.publish("t", number)
        group.start_soon(other)
        await got(events, 50)
        group.cancel_scope.cancel()
    assert ran >= 25


async def test_a_publisher_of_a_burst_lets_its_subscribers_run() -> None:
    pubsub = MemoryPubSub()
    async with pubsub.subscribe("t", buffer=8) as events, open_nursery() as nursery:

        async def read() -> None:
            assert await got(events, 1000) == list(range(1000))

        nursery.start_soon(read)
        for number in range(1000):
            await pubsub.publish("t", number)


async def test_a_thread_publishes_through_anyio() -> None:
    pubsub = MemoryPubSub()
    names: list[str] = []

    def work() -> None:
        names.append(threading.current_thread().name)
        anyio.from_thread.run(pubsub.publish, "t", "from a thread")

    async with pubsub.subscribe("t") as events:
        await anyio.to_thread.run_sync(work)
        assert await got(events, 1) == ["from a thread"]
    assert names != [threading.current_thread().name]


def test_one_hub_serves_one_loop_after_another() -> None:
    pubsub = MemoryPubSub(history=10)

    async def once() -> None:
        async with pubsub.subscribe("t") as events:
            await pubsub.publish("t", 1)
            assert await got(events, 1) == [1]

    for backend in ("trio", "asyncio", "trio"):
        anyio.run(once, backend=backend)
    assert pubsub.statistics().published == 3


# -- full ---------------------------------------------------------------------------------------------------------


async def test_close_gives_what_waits_and_then_says_what_was_lost() -> None:
    pubsub = MemoryPubSub(history=10)
    async with stuck(pubsub, buffer=2) as events:
        ids = [await pubsub.publish("t", number) for number in range(4)]
        assert pubsub.statistics().subscribers == 0  # nothing more is put into a buffer nobody reads
        assert await got(events, 2) == [0, 1]
        for _ in range(2):  # and says so whoever asks
            with pytest.raises(SubscriptionOverflow, match="2 events were waiting when") as caught:
                await anext(events)
    assert (caught.value.after, caught.value.lost) == (ids[1], ids[2])
    assert isinstance(caught.value, WebSocketException)
    assert caught.value.code == 1013
    assert pubsub.statistics().closed == 1
    async with pubsub.subscribe("t", after=caught.value.after) as events:
        assert (await got(events, 2), events.gap) == ([2, 3], False)


async def test_drop_oldest_keeps_the_newest_and_counts() -> None:
    pubsub = MemoryPubSub()
    async with stuck(pubsub, buffer=2, overflow="drop_oldest") as events:
        for number in range(5):
            await pubsub.publish("t", number)
        assert (await got(events, 2), events.dropped) == ([3, 4], 3)
    assert pubsub.statistics().dropped == 3


async def test_wait_holds_the_publisher_and_nobody_else() -> None:
    pubsub = MemoryPubSub()
    times: list[float] = []
    async with (
        stuck(pubsub, buffer=1, overflow="wait") as slow,
        pubsub.subscribe("t") as quick,
        open_nursery() as nursery,
    ):

        async def publish() -> None:
            for number in range(3):
                await pubsub.publish("t", number)
                times.append(anyio.current_time())

        nursery.start_soon(publish)
        assert await got(quick, 2) == [0, 1]  # the second while its publisher waits
        assert anyio.current_time() == 0
        assert pubsub.statistics().publishers_waiting == 1
        await anyio.sleep(2)
        assert await got(slow, 1) == [0]
        assert await got(quick, 1) == [2]
        await anyio.sleep(1)
        assert await got(slow, 2) == [1, 2]
    assert times == [0, 2, 3]
    assert pubsub.statistics().dropped == 0


async def test_many_publishers_that_wait_are_served_in_their_order() -> None:
    pubsub = MemoryPubSub()
    async with stuck(pubsub, buffer=1, overflow="wait") as slow, open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(pubsub.publish, "t", number)
            await anyio.wait_all_tasks_blocked()
        assert await got(slow, 5) == [0, 1, 2, 3, 4]


async def test_patience_ends_and_the_subscriber_is_closed_in_the_order_they_are_due() -> None:
    pubsub = MemoryPubSub()
    options: Any = {"buffer": 1, "overflow": "wait"}
    async with stuck(pubsub, patience=9, **options) as patient, stuck(pubsub, patience=2, **options) as hasty:
        first = await pubsub.publish("t", 0)
        async with open_nursery() as nursery:
            nursery.start_soon(pubsub.publish, "t", 1)
            await anyio.sleep(2.5)
            assert pubsub.statistics().closed == 1
        assert anyio.current_time() == 9
        for events in (patient, hasty):
            assert await got(events, 1) == [0]
            with pytest.raises(SubscriptionOverflow) as caught:
                await anext(events)
            assert caught.value.after == first
    assert pubsub.statistics().closed == 2


async def test_a_publisher_that_is_cancelled_while_it_waits_is_counted() -> None:
    pubsub = MemoryPubSub()
    async with stuck(pubsub, buffer=1, overflow="wait") as slow, pubsub.subscribe("t") as quick:
        for number in range(4):
            with anyio.move_on_after(1):
                await pubsub.publish("t", number)
        assert await got(quick, 4) == [0, 1, 2, 3]
        assert (await got(slow, 1), slow.dropped) == ([0], 3)
        assert pubsub.statistics().publishers_waiting == 0


async def test_a_subscriber_that_leaves_lets_its_publishers_go() -> None:
    pubsub = MemoryPubSub()
    async with open_nursery() as nursery:
        async with stuck(pubsub, buffer=1, overflow="wait"):
            for number in range(3):
                nursery.start_soon(pubsub.publish, "t", number)
            await anyio.sleep(1)
    assert anyio.current_time() == 1


async def test_publishing_in_a_cancelled_scope_publishes_nothing() -> None:
    pubsub = MemoryPubSub()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await pubsub.publish("t", 1)
    assert pubsub.statistics().published == 0


async def test_ten_that_never_read_do_not_slow_down_a_thousand() -> None:
    pubsub = MemoryPubSub()
    done = 0

    async def read() -> None:
        nonlocal done
        async with pubsub.subscribe("t", buffer=4) as events:
            assert await got(events, 20) == list(range(20))
        done += 1

    async def never_read() -> None:
        async with pubsub.subscribe("t", buffer=4):
            await anyio.sleep(60)

    async with open_nursery() as nursery:
        for number in range(1000):
            nursery.start_soon(read if number % 100 else never_read)
        await anyio.wait_all_tasks_blocked()
        for number in range(20):
            await pubsub.publish("t", number)
        await anyio.sleep(0.001)
        assert (done, pubsub.statistics().closed) == (990, 10)


# -- shared work --------------------------------------------------------------------------------------------------


def test_what_is_made_of_an_event_is_made_once() -> None:
    made: list[tuple[Any, ...]] = []

    def make(event: Event, *args: Any) -> str:
        made.append(args)
        return f"{event.data}{args}"

    event = Event("1", "t", "x")
    assert [event.once(make), event.once(make), event.once(make, 1), event.once(make, 1)] == ["x()"] * 2 + ["x(1,)"] * 2
    assert made == [(), (1,)]
    assert repr(event) == "Event('1', 't', 'x')"
