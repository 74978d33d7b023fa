"""uvicorn, on the loop it would choose itself (uvloop where that is installed)."""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Final

import uvicorn

from lilya.concurrency.nursery import open_nursery
from lilya.exceptions import ImproperlyConfigured
from lilya.servers._engine import Engine, Job, refuse_owned, refuse_unknown
from lilya.types import Receive, Scope, Send

__all__ = ["configure"]

logger = logging.getLogger("uvicorn.error")

# uvicorn has no bound for the lifespan; these are hypercorn's, in seconds. A mapping may set them by these names.
TIMEOUTS: Final[Mapping[str, float]] = {"startup_timeout": 60.0, "shutdown_timeout": 60.0}

_OWNED: Final[Mapping[str, str]] = {
    "host": "give the addresses as bind=",
    "port": "give the addresses as bind=",
    "uds": "give the addresses as bind=, here bind='unix:/path'",
    "fd": "give the addresses as bind=, here bind='fd://3'",
    "lifespan": "it always runs the lifespan; an application that has none is served without",
    "timeout_graceful_shutdown": "give the seconds as drain_timeout=",
    "workers": "it serves in this process; start several of them, or use uvicorn's own command",
    "reload": "use `lilya runserver --reload`",
    "factory": "call the factory and give it the application",
}


def configure(config: object) -> Engine:
    """Read `config` (see `serve`); raises `ImproperlyConfigured`."""
    return _Engine(config)


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the application until there is one: uvicorn wants it in its configuration."""


class _Engine:
    secure: bool
    umask = None
    linger = 0.0

    def __init__(self, given: object) -> None:
        timeouts = dict(TIMEOUTS)
        if given is None:
            config = uvicorn.Config(_nobody)
        elif isinstance(given, uvicorn.Config):
            config = copy.copy(given)
        elif isinstance(given, Mapping):
            options = dict(given)
            timeouts.update({name: float(options.pop(name)) for name in TIMEOUTS if name in options})
            refuse_unknown("uvicorn", options, set(inspect.signature(uvicorn.Config).parameters) - {"app"})
            config = uvicorn.Config(_nobody, **options)
        else:
            raise ImproperlyConfigured(f"config is a uvicorn.Config or a mapping of its options, not {given!r}")
        refuse_owned(config, uvicorn.Config(_nobody, log_config=None, workers=1), _OWNED)
        self._config = config
        self.secure = config.is_ssl
        self.backlog = config.backlog
        self.startup_timeout = timeouts["startup_timeout"]
        self.shutdown_timeout = timeouts["shutdown_timeout"]

    def loop_options(self) -> dict[str, Any]:
        factory = self._config.get_loop_factory()
        return {} if factory is None else {"loop_factory": factory}

    async def serve(self, job: Job) -> None:
        config = copy.copy(self._config)
        config.app, config.loaded, config.lifespan = job.app, False, "on"
        # Typed as an int, used as a number of seconds.
        config.timeout_graceful_shutdown = job.backstop  # type: ignore[assignment]
        server = _Server(config, job)
        async with open_nursery() as nursery:
            nursery.start_soon(server.close_when_told)
            try:
                await server.serve(sockets=job.sockets)
            finally:
                server.close_listeners()
            nursery.cancel_scope.cancel()


class _Server(uvicorn.Server):
    """uvicorn's server without its own signal handling, and with our order of stopping."""

    def __init__(self, config: uvicorn.Config, job: Job) -> None:
        super().__init__(config)
        self._job = job

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        urls = self._job.started()
        logger.info("Uvicorn running on %s (Press CTRL+C to quit)", ", ".join(urls))

    async def close_when_told(self) -> None:
        """uvicorn looks at `should_exit` ten times a second; the listeners close at once."""
        await self._job.wait_closing()
        self.close_listeners()
        self.should_exit = True

    def close_listeners(self) -> None:
        """Take no new connection. Idempotent."""
        for each in getattr(self, "servers", ()):
            each.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # First the calls end: uvicorn then closes what is connected, and would close a websocket in mid-sentence.
        await self._job.quiet()
        await super().shutdown(sockets=sockets)
