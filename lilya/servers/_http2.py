"""Two faults of hypercorn's HTTP/2 that an application behind it cannot mend, mended from the outside.

Both are there in hypercorn 0.18, on trio and on asyncio, also without TLS (a client may begin with HTTP/2 anywhere):

* The body of a request that was answered already is a `KeyError`. On trio it ends the whole server, on asyncio the
  connection with all its streams: any upload that is answered before it is read through does it.
* A flow control window of 0 bytes counts as room in the buffer: an application is never held back by a client that
  does not read, and what it sends is kept in memory without a bound.

Only that version is touched. When another does this right the end-to-end tests of HTTP/2 pass, and this module goes.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import hypercorn.protocol
import hypercorn.protocol.h2
from h2.errors import ErrorCodes
from h2.events import DataReceived
from h2.exceptions import ProtocolError

__all__ = ["mend_http2"]

# The version that was looked into.
FAULTY: Final = "0.18"


class Buffer(hypercorn.protocol.h2.StreamBuffer):
    """What waits to be sent of one stream: who adds to it is held until most of it has been sent."""

    async def pop(self, max_length: int) -> bytes:
        """Take what may be sent now. Only what is really gone makes room."""
        data = bytes(self.buffer[:max_length])
        del self.buffer[:max_length]
        if len(self.buffer) < hypercorn.protocol.h2.BUFFER_LOW_WATER:
            await self._paused.set()
        if not self.buffer:
            await self._is_empty.set()
        return data


class Connection(hypercorn.protocol.h2.H2Protocol):
    """A connection that knows what to do with the body of a stream it has forgotten."""

    async def _handle_events(self, events: list[Any]) -> None:
        for event in events:  # one by one: each may be the last of a stream
            if isinstance(event, DataReceived) and event.stream_id not in self.streams:
                await self._refuse(event)
            else:
                await super()._handle_events([event])
        await self._flush()

    async def _refuse(self, event: DataReceived) -> None:
        """Give its bytes back to the connection's window, and ask for no more of it (RFC 9113, section 8.1)."""
        stream = event.stream_id or 0
        try:
            self.connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            self.connection.reset_stream(stream, ErrorCodes.NO_ERROR)
        except ProtocolError:  # the client has ended it itself by now
            pass
        await self._flush()


def mend_http2() -> None:
    """Let hypercorn use these two, in this process; done twice is done once. Another version's insides are its own."""
    if version("hypercorn").startswith(f"{FAULTY}."):
        protocol: Any = hypercorn.protocol  # two names of modules that are not ours to assign to: there is no other way
        protocol.H2Protocol = Connection
        protocol.h2.StreamBuffer = Buffer
