"""What hypercorn's two workers have in common: one `Config`, made ready for one run."""

from __future__ import annotations

import copy
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from hypercorn.config import Config, Sockets

from lilya.exceptions import ImproperlyConfigured
from lilya.servers._engine import Job, refuse_owned, refuse_unknown
from lilya.servers._http2 import mend_http2

__all__ = ["Hypercorn"]

_OWNED: Final[Mapping[str, str]] = {
    "bind": "give the addresses as bind=",
    "graceful_timeout": "give the seconds as drain_timeout=",
    "workers": "it serves in this process; start several of them, or use hypercorn's own command",
    "use_reloader": "use `lilya runserver --reload`",
}


class Hypercorn:
    """What both workers' engines share. `given` is a `hypercorn.Config`, a mapping of its options, or None."""

    # Seconds. Hypercorn drops connections that are idle at the moment its listeners close. For so long before,
    # answers say `Connection: close`: whoever uses his connection in that time is not among them.
    linger = 0.1

    def __init__(self, given: object) -> None:
        if given is None:
            config = Config()
        elif isinstance(given, Config):
            config = copy.copy(given)
        elif isinstance(given, Mapping):
            refuse_unknown("hypercorn", given, {name for name in dir(Config) if not name.startswith("_")})
            config = Config.from_mapping(given)
        else:
            raise ImproperlyConfigured(f"config is a hypercorn.Config or a mapping of its options, not {given!r}")
        refuse_owned(config, Config(), _OWNED)
        self._config = config

    @property
    def secure(self) -> bool:
        return bool(self._config.ssl_enabled)

    @property
    def backlog(self) -> int:
        return int(self._config.backlog)

    @property
    def umask(self) -> int | None:
        return self._config.umask

    @property
    def startup_timeout(self) -> float:
        return float(self._config.startup_timeout)

    @property
    def shutdown_timeout(self) -> float:
        return float(self._config.shutdown_timeout)

    def loop_options(self) -> dict[str, Any]:
        return {"use_uvloop": True} if self._config.worker_class == "uvloop" else {}

    def trigger(self, job: Job) -> Callable[[], Awaitable[None]]:
        """The `shutdown_trigger`. Hypercorn begins to wait for it when its listeners are open, so it tells that too."""

        async def shutdown_trigger() -> None:
            job.started()
            await job.wait_closing()

        return shutdown_trigger

    def config_for(self, job: Job) -> Config:
        """A copy of the configuration that hands hypercorn our sockets; its insecure and QUIC binds stay its own."""
        mend_http2()
        config = copy.copy(self._config)
        config.graceful_timeout = job.backstop
        log = logging.getLogger("hypercorn.error")
        if config.errorlog == "-" and log.hasHandlers():
            config.errorlog = log  # else it adds a handler of its own, and each line appears twice
            log.setLevel(config.loglevel.upper())
        config.bind = []
        sockets = config.create_sockets()
        mine: list[socket.socket] = job.sockets
        secure, insecure = (mine, []) if self.secure else ([], mine)
        ready = Sockets(secure, [*insecure, *sockets.insecure_sockets], sockets.quic_sockets)
        vars(config)["create_sockets"] = lambda: ready
        return config
