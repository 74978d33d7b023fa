"""Protocols: the shape of what users plug in, for type checkers; some are good to inherit from, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.protocols.authentication import AuthenticationProtocol
    from lilya.protocols.cache import CacheBackend
    from lilya.protocols.logging import LoggerProtocol
    from lilya.protocols.middleware import MiddlewareProtocol
    from lilya.protocols.observer import Observer, Outcome
    from lilya.protocols.permissions import PermissionProtocol
    from lilya.protocols.pubsub import PubSub, Subscription
    from lilya.protocols.serializer import SerializerProtocol
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".authentication": "AuthenticationProtocol",
            ".cache": "CacheBackend",
            ".logging": "LoggerProtocol",
            ".middleware": "MiddlewareProtocol",
            ".observer": "Observer Outcome",
            ".permissions": "PermissionProtocol",
            ".pubsub": "PubSub Subscription",
            ".serializer": "SerializerProtocol",
        },
    )

__all__ = [
    "AuthenticationProtocol",
    "CacheBackend",
    "LoggerProtocol",
    "MiddlewareProtocol",
    "Observer",
    "Outcome",
    "PermissionProtocol",
    "PubSub",
    "SerializerProtocol",
    "Subscription",
]
