"""hypercorn's trio worker."""

from __future__ import annotations

from typing import Any

import hypercorn.trio

from lilya.servers._engine import Engine, Job
from lilya.servers._hypercorn import Hypercorn

__all__ = ["configure"]


def configure(config: object) -> Engine:
    """Read `config` (see `serve`); raises `ImproperlyConfigured`."""
    return _Engine(config)


class _Engine(Hypercorn):
    def loop_options(self) -> dict[str, Any]:
        return {}

    async def serve(self, job: Job) -> None:
        app: Any = job.app  # hypercorn has TypedDicts of its own for the same messages
        await hypercorn.trio.serve(app, self.config_for(job), shutdown_trigger=self.trigger(job), mode="asgi")
