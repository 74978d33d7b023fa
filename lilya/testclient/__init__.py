"""Clients that test an ASGI application in memory: real streams, real disconnects, virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.conf._current import override_settings
    from lilya.testclient._create import create_async_client, create_client
    from lilya.testclient.async_client import AsyncTestClient
    from lilya.testclient.client import TestClient
    from lilya.testclient.exceptions import (
        ASGISpecViolation,
        LifespanFailed,
        LifespanTimeout,
        WebSocketDenialResponse,
        WebSocketDisconnect,
    )
    from lilya.testclient.websockets import AsyncWebSocketSession, WebSocketSession, WebSocketTestSession
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "lilya.conf._current": "override_settings",
            "._create": "create_async_client create_client",
            ".async_client": "AsyncTestClient",
            ".client": "TestClient",
            ".exceptions": "ASGISpecViolation LifespanFailed LifespanTimeout WebSocketDenialResponse WebSocketDisconnect",  # noqa: E501
            ".websockets": "AsyncWebSocketSession WebSocketSession WebSocketTestSession",
        },
    )

__all__ = [
    "ASGISpecViolation",
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "LifespanFailed",
    "LifespanTimeout",
    "TestClient",
    "WebSocketDenialResponse",
    "WebSocketDisconnect",
    "WebSocketSession",
    "WebSocketTestSession",
    "create_async_client",
    "create_client",
    "override_settings",
]
