"""Which websocket message may follow which, in both directions (ASGI WebSocket 2.5, denial response extension).

All legality of websocket exchanges is in the two tables below, and the rules for close codes (RFC 6455, section 7.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
    "check_close_code",
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


def check_close_code(code: object) -> int:
    """The code, if a close frame may carry it (RFC 6455, section 7.4, and what IANA added to it); else `ValueError`."""
    if isinstance(code, int) and not isinstance(code, bool):
        if 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in NEVER_SENT):
            return int(code)
        if code in NEVER_SENT:
            raise ValueError(f"close code {code} is never sent (RFC 6455, section 7.4.1): {NEVER_SENT[code]}")
        if 100 <= code <= 599:
            raise ValueError(
                f"{code} is a status of HTTP and no close code; before `accept` raise HTTPException({code}), after it "
                f"close with a code of your own, such as {4000 + code}"
            )
    raise ValueError(f"a close code is 1000 to 1014, or 3000 to 4999 (RFC 6455, section 7.4), not {code!r}")


# What stands for something else than a close frame of this code.
NEVER_SENT: Final[Mapping[int, str]] = {
    1004: "it is reserved",
    1005: "it says that a close frame had no code",
    1006: "it says that there was no close frame",
    1015: "it says that TLS failed",
}
