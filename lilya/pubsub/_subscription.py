"""One subscriber: its bounded buffer, and what happens when that is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter
from types import TracebackType
from typing import Protocol, Self

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from lilya.protocols.pubsub import Event, Overflow, SubscriptionOverflow
from lilya.pubsub._history import Numbered

__all__ = ["Arrears", "MemorySubscription", "wait_for"]


class Hub(Protocol):
    """What a subscriber asks of its back-end."""

    published: int
    dropped: int
    closed: int

    def enter(self, subscriber: MemorySubscription, after: str | None) -> tuple[deque[Numbered] | None, bool, int]:
        """List it; returns what is replayed to it, whether that has a gap, and the number it stands at."""

    def leave(self, subscriber: MemorySubscription) -> None:
        """Take it off the list, if it is on it."""

    def id_of(self, number: int) -> str:
        """The id of an event by its number."""


class Arrears:
    """An event that waits for room at one subscriber, and its publisher with it."""

    __slots__ = ("deadline", "event", "settled", "subscriber")

    def __init__(self, event: Numbered, subscriber: MemorySubscription, deadline: float) -> None:
        self.event = event
        self.subscriber = subscriber
        self.deadline = deadline
        self.settled = anyio.Event()


class MemorySubscription:
    """One subscriber of a `MemoryPubSub`: enter it, then iterate. See `Subscription`."""

    __slots__ = (
        "_after",
        "_arrears",
        "_arrival",
        "_buffer",
        "_closed",
        "_hub",
        "_last",
        "_open",
        "_overflow",
        "_position",
        "_replay",
        "_size",
        "dropped",
        "gap",
        "names",
        "patience",
        "pattern",
    )

    def __init__(
        self,
        hub: Hub,
        names: Iterable[str],
        pattern: tuple[str, ...] | None,
        size: int,
        overflow: Overflow,
        patience: float,
        after: str | None,
    ) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.pattern = pattern
        self.gap = False
        self.dropped = 0
        self.patience = patience
        self._hub = hub
        self._size = size
        self._overflow = overflow
        self._after = after
        self._open: bool | None = None  # None before its block, False behind it
        # The buffers exist while something is in them: most subscribers are idle, and an empty deque takes 600 bytes.
        self._replay: deque[Numbered] | None = None
        self._buffer: deque[Numbered] | None = None
        self._arrears: deque[Arrears] | None = None
        self._arrival: Callable[[], object] | None = None  # there while the subscriber waits
        self._last = 0  # the number of the last event offered: two of its topics may match
        self._position = 0  # the number of the last event taken, or that nothing came before
        self._closed: SubscriptionOverflow | None = None

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise RuntimeError("a subscription is entered once: call subscribe() again for another")
        await checkpoint_if_cancelled()
        self._open = True
        self._replay, self.gap, self._position = self._hub.enter(self, self._after)
        self._last = self._hub.published
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._hub.leave(self)
        self._open = False
        self._replay = self._buffer = None
        self._settle()

    # -- the subscriber's side --------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event; waits for it. Cancelling it loses nothing.

        Raises `SubscriptionOverflow` when the subscriber was too slow, `anyio.BusyResourceError` when somebody else
        waits for the next one, `RuntimeError` outside the `async with`.
        """
        if not self._open:
            await checkpoint_if_cancelled()  # a reader that was cancelled before it began has done nothing wrong
            raise RuntimeError("read a subscription inside its block: async with pubsub.subscribe(...) as events")
        if self._is_ready():
            await checkpoint()  # a burst shall not keep the others from running
        while not self._is_ready():
            if self._arrival is not None:
                raise anyio.BusyResourceError("reading from")
            arrival = anyio.Event()
            self._arrival = arrival.set
            try:
                await arrival.wait()
            finally:
                self._arrival = None
        return self._next()

    def take(self, limit: int) -> list[Event]:
        """Up to `limit` events that are here already, without waiting.

        Raises `SubscriptionOverflow` when there are none, and it was closed.
        """
        taken: list[Event] = []
        while len(taken) < limit and (self._replay or self._buffer or (self._closed and not taken)):
            taken.append(self._next())
        return taken

    def on_arrival(self, call: Callable[[], object] | None) -> None:
        """Have `call` called when `take` has something to say, at once if it has; None takes it back."""
        if call is not None:
            if self._arrival is not None:
                raise anyio.BusyResourceError("reading from")
            if self._is_ready():
                call()
        self._arrival = call

    @property
    def cursor(self) -> str:
        """An id to give as `after=` later: all that came before it has been taken, nothing that came after it."""
        if self._open and not self._is_ready():
            self._position = self._hub.published  # of all there is, nothing waits for this subscriber
        return self._hub.id_of(self._position)

    @property
    def buffered(self) -> int:
        """How many live events wait for this subscriber."""
        return 0 if self._buffer is None else len(self._buffer)

    @property
    def waiting(self) -> int:
        """How many publishers wait for this subscriber."""
        return 0 if self._arrears is None else len(self._arrears)

    def _is_ready(self) -> bool:
        return bool(self._replay or self._buffer or self._closed is not None)

    def _next(self) -> Numbered:
        if self._replay:
            event = self._replay.popleft()
            if not self._replay:
                self._replay = None
        elif self._buffer:
            event = self._buffer.popleft()
            if self._arrears:
                oldest = self._arrears.popleft()
                self._buffer.append(oldest.event)
                oldest.settled.set()
            elif not self._buffer:
                self._buffer = None
        else:
            assert self._closed is not None
            raise self._closed
        self._position = event.number
        return event

    # -- the publisher's side, which never waits --------------------------------------------------------------------

    def offer(self, event: Numbered) -> Arrears | None:
        """An event of one of its topics; returns what its publisher shall wait for, if anything."""
        if event.number == self._last or self._closed is not None:
            return None
        self._last = event.number
        if self._buffer is None:
            self._buffer = deque((event,))
        elif len(self._buffer) < self._size:
            self._buffer.append(event)
        elif self._overflow == "drop_oldest":
            self._buffer.popleft()
            self._buffer.append(event)
            self.count_dropped()
        elif self._overflow == "wait":
            arrears = Arrears(event, self, anyio.current_time() + self.patience)
            self._arrears = self._arrears or deque()
            self._arrears.append(arrears)
            return arrears
        else:
            self.close(event)
        if self._arrival is not None:
            self._arrival()
        return None

    def count_dropped(self) -> None:
        """One event does not reach this subscriber."""
        self.dropped += 1
        self._hub.dropped += 1

    def close(self, lost: Numbered) -> None:
        """It was too slow, and `lost` is the first event it does not get."""
        assert self._buffer, "it is full"
        self._closed = SubscriptionOverflow(lost.id, self._buffer[-1].id, self._size)
        self._hub.closed += 1
        self._hub.leave(self)
        self._settle()

    def give_up(self, arrears: Arrears) -> None:
        """The publisher of this event does not wait any longer."""
        if self._arrears is not None and arrears in self._arrears:
            self._arrears.remove(arrears)
            self.count_dropped()

    def _settle(self) -> None:
        """Nobody need wait for this subscriber any more."""
        while self._arrears:
            self._arrears.popleft().settled.set()


async def wait_for(arrears: list[Arrears]) -> None:
    """Wait for room at each of these subscribers; close those who have none in time. Who is due first goes first."""
    arrears.sort(key=attrgetter("deadline"))
    try:
        for due in arrears:
            with anyio.CancelScope(deadline=due.deadline):
                await due.settled.wait()
            if not due.settled.is_set():
                due.subscriber.close(due.event)
    finally:
        for due in arrears:
            if not due.settled.is_set():
                due.subscriber.give_up(due)
