"""Fan-out: what is published to a topic goes to everybody who has subscribed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.protocols.pubsub import Event, PubSub, Subscription, SubscriptionOverflow
    from lilya.pubsub._memory import MemoryPubSub, PubSubStatistics
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "lilya.protocols.pubsub": "Event PubSub Subscription SubscriptionOverflow",
            "._memory": "MemoryPubSub PubSubStatistics",
        },
    )

__all__ = ["Event", "MemoryPubSub", "PubSub", "PubSubStatistics", "Subscription", "SubscriptionOverflow"]
