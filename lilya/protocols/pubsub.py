"""Publishing to whoever has subscribed: what every back-end means by it, in one process or over a network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from lilya.exceptions import WebSocketException

__all__ = ["Event", "Overflow", "PubSub", "Subscription", "SubscriptionOverflow"]

T = TypeVar("T")

# IANA's registry of RFC 6455, section 11.7: "try again later".
TRY_AGAIN_LATER: Final = 1013

# What happens to a subscriber whose buffer is full when the next event comes (see `PubSub.subscribe`).
Overflow: TypeAlias = Literal["close", "drop_oldest", "wait"]


class Event:
    """What was published: one object for all who get it, which nobody changes.

    `id` is text that only its back-end can read; it names a place in the order of all events, and is what `after=`
    takes. `topic` and `data` are as they were published.
    """

    __slots__ = ("_made", "data", "id", "topic")

    def __init__(self, id: str, topic: str, data: Any) -> None:
        self.id = id
        self.topic = topic
        self.data = data
        self._made: dict[Any, Any] | None = None

    def once(self, make: Callable[..., T], *args: Any) -> T:
        """What `make(event, *args)` returns, made for the first who asks and shared by all who ask for the same.

        A message for a thousand clients is encoded once. `make` is a function at module level, `args` are hashable:
        a new lambda for each subscriber shares nothing. What was made is kept as long as the event is.
        """
        if self._made is None:
            self._made = {}
        key = (make, *args)
        try:
            made: T = self._made[key]
        except KeyError:
            made = self._made[key] = make(self, *args)
        return made

    def __repr__(self) -> str:
        return f"Event({self.id!r}, {self.topic!r}, {self.data!r})"


class SubscriptionOverflow(WebSocketException):
    """A subscriber was too slow, and its subscription is closed; all that had waited for it was delivered before.

    `lost` is the id of the first event it did not get, `after` that of the last it did: subscribe with `after=` to have
    the rest from the history. A websocket whose handler lets this pass is closed with 1013.
    """

    def __init__(self, lost: str, after: str, buffer: int) -> None:
        super().__init__(TRY_AGAIN_LATER, "too slow")
        self.lost = lost
        self.after = after
        self.buffer = buffer

    def __str__(self) -> str:
        return (
            f"{self.buffer} events were waiting when {self.lost!r} came, the first one lost: the subscriber was too "
            f"slow; subscribe with after={self.after!r}, a larger buffer=, or overflow='drop_oldest'"
        )


@runtime_checkable
class Subscription(Protocol):
    """The events of one subscriber, in the order of their ids: `async for event in events`."""

    @property
    def gap(self) -> bool:
        """Whether events after the `after` that was asked for are gone: what is replayed is not all there was."""

    @property
    def dropped(self) -> int:
        """How many events this subscriber missed because its buffer was full."""

    @property
    def cursor(self) -> str:
        """An id to give as `after=` later: all that came before it has been taken, nothing that came after it."""

    def take(self, limit: int) -> list[Event]:
        """Up to `limit` events that are here already, without waiting.

        Raises `SubscriptionOverflow` when there are none, and it was closed.
        """

    def on_arrival(self, call: Callable[[], object] | None) -> None:
        """Have `call` called when `take` has something to say; None takes it back. For who waits for more than that."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Event:
        """Wait for the next event; raises `SubscriptionOverflow` when it was closed. Cancelling it loses nothing."""


class PubSub(Protocol):
    """A back-end. What it promises:

    * Each subscriber gets the events of its topics in one order, that of their ids, each at most once.
    * A subscriber is served from a bounded buffer of its own: how slow it is does not delay any other.
    * `after=id` gives what is newer than `id` first, as far as the history has it, then what comes, without a seam;
      what the history lacks is said by `gap`. An `id` the back-end cannot place (another's, one from before a restart,
      nonsense from a client) is no error but a gap, and all that is kept is replayed. "" stands before all events.
    """

    async def publish(self, topic: str, data: Any) -> str:
        """Give `data` to whoever is subscribed to `topic`; returns the id of the event."""

    def subscribe(
        self,
        *topics: str,
        pattern: str | None = None,
        buffer: int = 64,
        overflow: Overflow = "close",
        patience: float = 5.0,
        after: str | None = None,
    ) -> AbstractAsyncContextManager[Subscription]:
        """Subscribe to topics by name, to all that match a pattern, or both, for the length of an `async with`.

        `buffer` is how many events may wait for this subscriber; one more, and `overflow` says what happens:
        "close" ends the subscription with an exception that names the first event lost, behind those that wait;
        "drop_oldest" drops the one that has waited longest, and counts it; "wait" makes the publisher wait, for
        `patience` seconds at most, after which the subscription is closed.

        What it returns should be the `Subscription` itself, not entered yet: then an `EventStreamResponse` of it is one
        task, and tells its client of gaps.
        """
