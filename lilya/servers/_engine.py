"""What is asked of a server library: the one narrow place where hypercorn, uvicorn and our own order meet."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from lilya.exceptions import ImproperlyConfigured
from lilya.types import ASGIApp

__all__ = ["Engine", "Job", "refuse_owned", "refuse_unknown"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a server.

    `app` is served on `sockets`, which listen already. Call `started`, which says where that is, once connections are
    accepted. When `wait_closing` returns, close the listeners, let what runs finish (`quiet` returns when it has) and
    then the connections go. After `backstop` seconds of that, whatever is left may be dropped: nobody waits for it.
    """

    app: ASGIApp
    sockets: list[socket.socket]
    started: Callable[[], list[str]]
    wait_closing: Callable[[], Awaitable[None]]
    quiet: Callable[[], Awaitable[None]]
    backstop: float


class Engine(Protocol):
    """A configured server library. Times are seconds."""

    @property
    def secure(self) -> bool:
        """Whether the binds speak TLS."""

    @property
    def backlog(self) -> int:
        """How many connections may wait to be accepted."""

    @property
    def umask(self) -> int | None:
        """That of a unix socket's file; None leaves the process's own."""

    @property
    def linger(self) -> float:
        """How long it still accepts, with answers that say `Connection: close`, before the listeners close."""

    @property
    def startup_timeout(self) -> float:
        """How long the application may take to start."""

    @property
    def shutdown_timeout(self) -> float:
        """How long it may take to stop, once no connection is left."""

    def loop_options(self) -> dict[str, Any]:
        """`backend_options` for `anyio.run`: the event loop the configuration asks for."""

    async def serve(self, job: Job) -> None:
        """Serve until told to close, or until the server has had enough of its own. Cancelling it drops everything."""


def refuse_unknown(server: str, given: Mapping[str, Any], known: set[str]) -> None:
    """Raise `ImproperlyConfigured` for a key of a configuration mapping that the server does not know."""
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ImproperlyConfigured(f"config: {server} has no option {key!r}{hint}")


def refuse_owned(config: object, default: object, owned: Mapping[str, str]) -> None:
    """Raise `ImproperlyConfigured` where a server's configuration sets what `serve` decides itself.

    `owned` says for each option what to do instead.
    """
    for name, instead in owned.items():
        value = getattr(config, name)
        if value != getattr(default, name):
            raise ImproperlyConfigured(f"config: {name}={value!r} is not read by serve(): {instead}")
