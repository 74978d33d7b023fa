"""Fan-out: what is published to a topic goes to everybody who has subscribed to it."""

from lilya.protocols.pubsub import Event, PubSub, Subscription, SubscriptionOverflow
from lilya.pubsub._memory import MemoryPubSub, PubSubStatistics

__all__ = ["Event", "MemoryPubSub", "PubSub", "PubSubStatistics", "Subscription", "SubscriptionOverflow"]
