"""Who comes back with the id of the last event it saw gets the rest, or is told that something is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilya.pubsub import MemoryPubSub
from lilya.pubsub._subscription import MemorySubscription


def data(events: MemorySubscription, limit: int = 10_000) -> list[Any]:
    return [event.data for event in events.take(limit)]


async def test_the_history_comes_first_and_then_what_is_new_without_a_seam() -> None:
    pubsub = MemoryPubSub(history=10)
    ids = [await pubsub.publish("t", number) for number in range(5)]
    async with pubsub.subscribe("t", after=ids[1]) as events:
        await pubsub.publish("t", 5)
        assert data(events, 2) == [2, 3]
        await pubsub.publish("t", 6)
        assert (data(events), events.gap) == ([4, 5, 6], False)


async def test_what_is_replayed_takes_no_room_in_the_buffer() -> None:
    pubsub = MemoryPubSub(history=100)
    for number in range(100):
        await pubsub.publish("t", number)
    async with pubsub.subscribe("t", buffer=1, after="") as events:
        await pubsub.publish("t", 100)
        assert data(events) == list(range(101))


async def test_without_an_id_nothing_is_replayed_and_with_an_empty_one_everything() -> None:
    pubsub = MemoryPubSub(history=3)
    for number in range(3):
        await pubsub.publish("t", number)
    async with pubsub.subscribe("t") as events:
        assert (data(events), events.gap) == ([], False)
    async with pubsub.subscribe("t", after="") as events:
        assert (data(events), events.gap) == ([0, 1, 2], False)
    await pubsub.publish("t", 3)
    async with pubsub.subscribe("t", after="") as events:
        assert (data(events), events.gap) == ([1, 2, 3], True)


async def test_several_topics_are_replayed_in_the_order_of_their_ids() -> None:
    pubsub = MemoryPubSub(history=10)
    for number in range(9):
        await pubsub.publish(f"t.{number % 3}", number)
    async with pubsub.subscribe("t.0", "t.2", after="") as events:
        assert data(events) == [0, 2, 3, 5, 6, 8]
    async with pubsub.subscribe(pattern="t.*", after="") as events:
        assert data(events) == list(range(9))


async def test_a_busy_topic_does_not_push_out_a_quiet_one() -> None:
    pubsub = MemoryPubSub(history=2)
    first = await pubsub.publish("quiet", "q")
    for number in range(100):
        await pubsub.publish("busy", number)
    async with pubsub.subscribe("quiet", after="") as events:
        assert (data(events), events.gap) == (["q"], False)
    async with pubsub.subscribe("quiet", after=first) as events:
        assert (data(events), events.gap) == ([], False)
    async with pubsub.subscribe("busy", after=first) as events:
        assert (data(events), events.gap) == ([98, 99], True)


async def test_a_topic_that_was_forgotten_may_have_had_more() -> None:
    pubsub = MemoryPubSub(history=2, topics=2)
    ids = [await pubsub.publish(f"t{number}", number) for number in range(3)]
    assert pubsub.statistics().kept == 2
    async with pubsub.subscribe("t0", after="") as events:
        assert (data(events), events.gap) == ([], True)
    async with pubsub.subscribe("t0", after=ids[0]) as events:
        assert (data(events), events.gap) == ([], False)
    async with pubsub.subscribe(pattern="*", after="") as events:
        assert (data(events), events.gap) == ([1, 2], True)
    await pubsub.publish("t1", 3)
    await pubsub.publish("t0", 4)  # t2 was silent longest
    async with pubsub.subscribe("t1", after=ids[1]) as events:
        assert (data(events), events.gap) == ([3], False)
    async with pubsub.subscribe("t0", after="") as events:
        assert (data(events), events.gap) == ([4], True)


async def test_without_a_history_every_absence_is_a_gap() -> None:
    pubsub = MemoryPubSub()
    seen = await pubsub.publish("t", 1)
    async with pubsub.subscribe("t", after=seen) as events:
        assert not events.gap
    await pubsub.publish("t", 2)
    async with pubsub.subscribe("t", after=seen) as events:
        assert events.gap


@pytest.mark.parametrize(
    "nonsense", ["x", "-1", "{epoch}-", "{epoch}-99", "{epoch}--1", "{epoch}-1.5", "{epoch}-²", "1", "ffffffff-1"]
)
async def test_an_id_that_cannot_be_placed_is_a_gap_and_gets_all_there_is(nonsense: str) -> None:
    pubsub = MemoryPubSub(history=5)
    seen = await pubsub.publish("t", 1)
    after = nonsense.format(epoch=seen.partition("-")[0])
    async with pubsub.subscribe("t", after=after) as events:
        assert (data(events), events.gap) == ([1], True)


async def test_an_endless_id_is_no_work() -> None:
    pubsub = MemoryPubSub(history=5)
    seen = await pubsub.publish("t", 1)
    async with pubsub.subscribe("t", after=seen[:-1] + "1" * 100_000) as events:
        assert events.gap


async def test_an_id_of_the_process_before_is_a_gap() -> None:
    before, after = MemoryPubSub(history=5), MemoryPubSub(history=5)
    seen = await before.publish("t", 0)
    for number in range(3):
        await after.publish("t", number)
    async with after.subscribe("t", after=seen) as events:
        assert (data(events), events.gap) == ([0, 1, 2], True)


async def test_the_cursor_moves_with_what_was_taken_and_with_what_was_not_for_us() -> None:
    pubsub = MemoryPubSub(history=10)
    ids = [await pubsub.publish("t", number) for number in range(3)]
    async with pubsub.subscribe("t", after=ids[0]) as events:
        assert events.cursor == ids[0]
        await anext(events)
        assert events.cursor == ids[1]
        await anext(events)
        assert events.cursor == ids[2]
        other = await pubsub.publish("other", 1)
        assert events.cursor == other
        await pubsub.publish("t", 3)
        assert events.cursor == other
    assert events.cursor == other
    async with pubsub.subscribe("t", after=events.cursor) as events:
        assert (data(events), events.gap) == ([3], False)


@given(st.data())
async def test_whoever_comes_and_goes_misses_nothing_that_is_kept_and_gets_nothing_twice(given: st.DataObject) -> None:
    history = given.draw(st.integers(0, 5), "history")
    pubsub = MemoryPubSub(history=history, topics=given.draw(st.integers(1, 3), "topics"))
    published: list[int] = []  # the numbers of the events of "t"
    after = None

    async def publish(topics: list[str]) -> None:
        for topic in topics:
            published.extend([pubsub.published + 1] * (topic == "t"))
            await pubsub.publish(topic, pubsub.published)

    topics = st.lists(st.sampled_from("tuvw"), max_size=6)
    for _ in range(given.draw(st.integers(1, 5), "visits")):
        async with pubsub.subscribe("t", after=after) as events:
            start = pubsub.published if after is None else int(after.partition("-")[2])
            await publish(given.draw(topics, "while here"))
            taken = [number + 1 for number in data(events, given.draw(st.integers(0, 10), "taken"))]
            after = events.cursor
        passed = [number for number in published if start < number <= int(after.partition("-")[2])]
        if events.gap:
            assert taken == passed[len(passed) - len(taken) :]
        else:
            assert taken == passed
        await publish(given.draw(topics, "while away"))
