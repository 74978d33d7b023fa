"""The back-end for one process: what is published to a topic goes to everybody who has subscribed to it.

    pubsub = MemoryPubSub(history=100)

    async with pubsub.subscribe("news", "weather") as events:
        async for event in events:
            ...

    await pubsub.publish("news", {"title": "It works"})

Nothing here waits while it delivers. An event is put into the buffer of each subscriber, all in one go, so that all see
the same order and none delays another; only then, and holding nothing, does a publisher wait for those who asked for
that (`overflow="wait"`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final, get_args

from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

from lilya.protocols.pubsub import Overflow
from lilya.pubsub._history import History, Numbered
from lilya.pubsub._subscription import MemorySubscription, wait_for
from lilya.pubsub._topics import check_topic, matches, segments_of

__all__ = ["BUFFER", "PATIENCE", "TOPICS", "MemoryPubSub", "PubSubStatistics"]

# Of how many topics the last events are kept; those longest without one are forgotten. Topics are often named by users.
TOPICS: Final = 1000
# In events; what a client may lag behind. A burst fits, and a thousand stuck clients hold little.
BUFFER: Final = 64
# How long a publisher waits for a subscriber that wants it to, in seconds. Short for those who publish.
PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class PubSubStatistics:
    """A picture of a `MemoryPubSub`.

    Now: `subscribers`, `topics` with subscribers or a history, events `kept` for replay and `buffered` for subscribers,
    `publishers_waiting`. Since the start: events `published`, `dropped` on the way to a subscriber, subscriptions
    `closed` for being too slow.
    """

    subscribers: int
    topics: int
    kept: int
    buffered: int
    publishers_waiting: int
    published: int
    dropped: int
    closed: int


class MemoryPubSub:
    """Pub/sub for one process. Make it anywhere, at import time too: it belongs to no event loop.

    Publish and subscribe in tasks of one loop, however many nurseries they are in. From a thread that anyio started:
    `anyio.from_thread.run(pubsub.publish, topic, data)`.

    Args:
        history: how many events of each topic are kept for replay.
        topics: of how many topics they are kept; the one that was silent longest is forgotten for a new one.
    """

    def __init__(self, history: int = 0, *, topics: int = TOPICS) -> None:
        self._history = History(_whole("history", history, 0), _whole("topics", topics, 1))
        self._epoch = token_hex(4)  # an id of another process, or from before a restart, is told by it
        self._names: dict[str, dict[MemorySubscription, None]] = {}
        self._patterns: dict[tuple[str, ...], dict[MemorySubscription, None]] = {}
        self._subscribers: dict[MemorySubscription, None] = {}
        self.published = 0
        self.dropped = 0
        self.closed = 0

    async def publish(self, topic: str, data: Any) -> str:
        """Give `data` to whoever is subscribed to `topic`; returns the id of the event.

        All get the same object: do not change it afterwards. Waits only for subscribers with `overflow="wait"` that
        have no room, each for its `patience` at most; those who are still full then are closed. Cancelled there, those
        who had no room miss the event, which is counted as dropped; everybody else has it.

        Raises `TypeError` or `ValueError` for what is no topic.
        """
        check_topic(topic)
        await checkpoint_if_cancelled()
        self.published += 1
        event = Numbered(self.published, self.id_of(self.published), topic, data)
        self._history.add(event)
        # All at once, without a wait; copied, for one that is closed leaves its group.
        offered = [each.offer(event) for group in tuple(self._groups(topic)) for each in tuple(group)]
        arrears = [due for due in offered if due is not None]
        if arrears:
            await wait_for(arrears)
        await cancel_shielded_checkpoint()  # a burst of one publisher must let its subscribers run
        return event.id

    def subscribe(
        self,
        *topics: str,
        pattern: str | None = None,
        buffer: int = BUFFER,
        overflow: Overflow = "close",
        patience: float = PATIENCE,
        after: str | None = None,
    ) -> MemorySubscription:
        """Subscribe for the length of an `async with`, which gives an iterator of events.

        Args:
            topics: names, taken literally whatever they hold; so a name that came from a client matches but itself.
            pattern: segments between dots, `*` for any one of them, `**` at the end for any that follow, one at least:
                "room.*" matches "room.1" and not "room.1.typing", "room.**" both.
            buffer: how many live events may wait; what is replayed does not count.
            overflow: what happens to one more. "close": the subscriber gets those that wait, then
                `SubscriptionOverflow`. "drop_oldest": `dropped` of the subscription counts it. "wait": its publisher
                waits until there is room.
            patience: how long a publisher waits, in seconds; then the subscription is closed.
            after: the id of the last event that was seen: newer ones of the history come first. "" for all it has.
        """
        for topic in topics:
            check_topic(topic)
        if not topics and pattern is None:
            raise ValueError("subscribe() got no topic: name one, or several, or give pattern='room.*'")
        if overflow not in get_args(Overflow):
            raise ValueError(f"overflow is one of {', '.join(map(repr, get_args(Overflow)))}, not {overflow!r}")
        if not patience > 0 or math.isinf(patience):
            raise ValueError(f"patience is a number of seconds, more than 0 and finite, not {patience!r}")
        segments = None if pattern is None else segments_of(pattern)
        return MemorySubscription(self, topics, segments, _whole("buffer", buffer, 1), overflow, patience, after)

    def statistics(self) -> PubSubStatistics:
        """What it holds now, and what became of it since the start."""
        return PubSubStatistics(
            subscribers=len(self._subscribers),
            topics=len(self._names.keys() | self._history.topics),
            kept=len(self._history),
            buffered=sum(each.buffered for each in self._subscribers),
            publishers_waiting=sum(each.waiting for each in self._subscribers),
            published=self.published,
            dropped=self.dropped,
            closed=self.closed,
        )

    # -- subscribers ------------------------------------------------------------------------------------------------

    def enter(self, subscriber: MemorySubscription, after: str | None) -> tuple[deque[Numbered] | None, bool, int]:
        """List a subscriber; returns what is replayed to it, whether that has a gap, and the number it stands at."""
        self._subscribers[subscriber] = None
        for name in subscriber.names:
            self._names.setdefault(name, {})[subscriber] = None
        if subscriber.pattern is not None:
            self._patterns.setdefault(subscriber.pattern, {})[subscriber] = None
        if after is None:
            return None, False, self.published
        number = self._number_of(after)
        newer, whole = self._history.after(number or 0, subscriber.names, subscriber.pattern)
        return (deque(newer) if newer else None), not whole or number is None, number or 0

    def leave(self, subscriber: MemorySubscription) -> None:
        """Take a subscriber off the list, if it is on it."""
        if subscriber not in self._subscribers:
            return
        del self._subscribers[subscriber]
        for name in subscriber.names:
            group = self._names[name]
            del group[subscriber]
            if not group:
                del self._names[name]
        if subscriber.pattern is not None:
            group = self._patterns[subscriber.pattern]
            del group[subscriber]
            if not group:
                del self._patterns[subscriber.pattern]

    def _groups(self, topic: str) -> Iterator[dict[MemorySubscription, None]]:
        if topic in self._names:
            yield self._names[topic]
        if self._patterns:
            segments = topic.split(".")
            for pattern, group in self._patterns.items():
                if matches(pattern, segments):
                    yield group

    # -- ids --------------------------------------------------------------------------------------------------------

    def id_of(self, number: int) -> str:
        """The id of an event by its number."""
        return f"{self._epoch}-{number}"

    def _number_of(self, id: str) -> int | None:
        """The number of an event by its id, 0 for ""; None for what is no id of ours, or not yet."""
        if not id:
            return 0
        epoch, _, digits = id.partition("-")
        # Not longer than the count: `int` refuses, or takes long for, what somebody else may have written.
        if (
            epoch != self._epoch
            or not (digits.isascii() and digits.isdigit())
            or len(digits) > len(str(self.published))
        ):
            return None
        number = int(digits)
        return number if number <= self.published else None


def _whole(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is a whole number, {least} or more, not {value!r}")
    return value
