"""Where a connection comes from and goes to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Address"]


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a connection, as in `scope["client"]` and `scope["server"]` (ASGI HTTP, "Connection scope").

    Attributes:
        host: name or IP address; the path of a unix socket.
        port: `None` for a unix socket.
    """

    host: str
    port: int | None
