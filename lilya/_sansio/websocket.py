"""Which websocket message may follow which, in both directions (ASGI WebSocket 2.5, denial response extension).

All legality of websocket exchanges is in the two tables below, and the rules for close codes (RFC 6455, section 7.4).
"""

from __future__ import annotations

from lilya._sansio.machine import Phase

__all__ = [
    "ARRIVING",
    "CONNECTING",
    "DENYING",
    "DONE",
    "GONE",
    "MAX_REASON",
    "OPEN",
    "RECEIVING",
    "closing_reason",
    "complaint",
]

# What the application sends. `CONNECTING`: the handshake is open. `DENYING`: it is being refused with an HTTP response.
CONNECTING = Phase("CONNECTING")
OPEN = Phase("OPEN")
DENYING = Phase("DENYING")
DONE = Phase("DONE")

(
    CONNECTING.on("websocket.accept", OPEN)
    .on("websocket.close", DONE)
    .on("websocket.http.response.start", DENYING)
    .on("http.response.debug", CONNECTING)
)
DENYING.on("websocket.http.response.body", DONE, more_body=DENYING)
OPEN.on("websocket.send", OPEN).on("websocket.close", DONE)

# What the server sends.
ARRIVING = Phase("ARRIVING")
RECEIVING = Phase("RECEIVING")
GONE = Phase("GONE")

ARRIVING.on("websocket.connect", RECEIVING).on("websocket.disconnect", GONE)
RECEIVING.on("websocket.receive", RECEIVING).on("websocket.disconnect", GONE)
GONE.on("websocket.disconnect", GONE)

NOT_CONNECTED = 'WebSocket is not connected. Need to call "accept" first.'
SEND_AFTER_CLOSE = 'Cannot call "send" once a close message has been sent.'


def complaint(phase: Phase, kind: str) -> str:
    """What to say of a message that an application may not send in this phase."""
    if phase is DONE:
        return SEND_AFTER_CLOSE
    if phase is CONNECTING and kind == "websocket.send":
        return NOT_CONNECTED
    return f"Expected ASGI message {phase.expected()}, but got {kind!r}."


# A close frame's payload is at most 125 bytes, two of them the code (RFC 6455, sections 5.5 and 5.5.1).
MAX_REASON = 123


def closing_reason(reason: str | None) -> str:
    """`reason` cut to what a close frame can carry, never in the middle of a character."""
    return (reason or "").encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore")
