"""The last events of each topic."""

from __future__ import annotations

from collections import OrderedDict, deque
from operator import attrgetter
from typing import Any

from lilya.protocols.pubsub import Event
from lilya.pubsub._topics import matches

__all__ = ["History", "Numbered"]


class Numbered(Event):
    """An event that knows its place without reading its id."""

    __slots__ = ("number",)

    def __init__(self, number: int, id: str, topic: str, data: Any) -> None:
        super().__init__(id, topic, data)
        self.number = number


class _Kept:
    """The last events of one topic; `lost` is the number of the last one it has not any more."""

    __slots__ = ("events", "lost")

    def __init__(self, lost: int) -> None:
        self.events: deque[Numbered] = deque()
        self.lost = lost


class History:
    """Keeps the last `length` events of each of `topics` topics; a new one takes the place of the longest silent."""

    __slots__ = ("_forgotten", "_kept", "_length", "_topics")

    def __init__(self, length: int, topics: int) -> None:
        self._length = length
        self._topics = topics
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._forgotten = 0  # the number of the last event of a topic that is not kept any more

    @property
    def topics(self) -> frozenset[str]:
        """Those that have a history."""
        return frozenset(self._kept)

    def __len__(self) -> int:
        return sum(len(kept.events) for kept in self._kept.values())

    def add(self, event: Numbered) -> None:
        """Keep an event, and let go of another if need be."""
        if not self._length:
            self._forgotten = event.number
            return
        kept = self._kept.get(event.topic)
        if kept is None:
            if len(self._kept) >= self._topics:
                _, silent = self._kept.popitem(last=False)
                self._forgotten = max(self._forgotten, silent.events[-1].number)
            # What it may have had before it was forgotten is not known any more.
            kept = self._kept[event.topic] = _Kept(self._forgotten)
        else:
            self._kept.move_to_end(event.topic)
        if len(kept.events) == self._length:
            kept.lost = kept.events.popleft().number
        kept.events.append(event)

    def after(
        self, number: int, names: tuple[str, ...], pattern: tuple[str, ...] | None
    ) -> tuple[list[Numbered], bool]:
        """The newer events of these topics, in order, and whether that is all there were."""
        found = {name: self._kept[name] for name in names if name in self._kept}
        if pattern is not None:
            found |= {name: kept for name, kept in self._kept.items() if matches(pattern, name.split("."))}
        # A topic that is not kept, one of the names or any that matches, may have been forgotten.
        complete = pattern is None and len(found) == len(names)
        lost = max((kept.lost for kept in found.values()), default=0)
        whole = lost <= number and (complete or self._forgotten <= number)
        newer = [event for kept in found.values() for event in kept.events if event.number > number]
        newer.sort(key=attrgetter("number"))
        return newer, whole
