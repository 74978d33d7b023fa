"""Tools for testing ASGI applications, whatever they are written with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.testing.exceptions import (
        ASGISpecViolation,
        HandshakeDenied,
        LifespanFailed,
        LifespanTimeout,
        ResponseAborted,
        UncleanExit,
    )
    from lilya.testing.exchange import MemoryExchange, ResponseHead
    from lilya.testing.leaks import assert_no_leaks
    from lilya.testing.lifespan import MemoryLifespan
    from lilya.testing.linting import lint
    from lilya.testing.options import DEFAULT_EXTENSIONS, ServerOptions
    from lilya.testing.pace import read_slowly, trickle
    from lilya.testing.script import (
        AfterSent,
        Disconnect,
        Fail,
        ScriptedExchange,
        SentMessage,
        Sleep,
        cancel_everywhere,
        disconnect_everywhere,
    )
    from lilya.testing.server import MemoryServer, http_scope, websocket_scope
    from lilya.testing.websocket import MemoryWebSocket
    from lilya.testing.wire import Wire
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".exceptions": "ASGISpecViolation HandshakeDenied LifespanFailed LifespanTimeout ResponseAborted UncleanExit",  # noqa: E501
            ".exchange": "MemoryExchange ResponseHead",
            ".leaks": "assert_no_leaks",
            ".lifespan": "MemoryLifespan",
            ".linting": "lint",
            ".options": "DEFAULT_EXTENSIONS ServerOptions",
            ".pace": "read_slowly trickle",
            ".script": "AfterSent Disconnect Fail ScriptedExchange SentMessage Sleep cancel_everywhere "
            "disconnect_everywhere",
            ".server": "MemoryServer http_scope websocket_scope",
            ".websocket": "MemoryWebSocket",
            ".wire": "Wire",
        },
    )

__all__ = [
    "DEFAULT_EXTENSIONS",
    "ASGISpecViolation",
    "AfterSent",
    "Disconnect",
    "Fail",
    "HandshakeDenied",
    "LifespanFailed",
    "LifespanTimeout",
    "MemoryExchange",
    "MemoryLifespan",
    "MemoryServer",
    "MemoryWebSocket",
    "ResponseAborted",
    "ResponseHead",
    "ScriptedExchange",
    "SentMessage",
    "ServerOptions",
    "Sleep",
    "UncleanExit",
    "Wire",
    "assert_no_leaks",
    "cancel_everywhere",
    "disconnect_everywhere",
    "http_scope",
    "lint",
    "read_slowly",
    "trickle",
    "websocket_scope",
]
