"""hypercorn's asyncio worker, on the standard loop or (`worker_class="uvloop"`) on uvloop.

Since Python 3.12 it waits for its connections without a bound, before it looks at its own `graceful_timeout`. The bound
is ours: `Life` ends the calls and cuts what is still connected.
"""

from __future__ import annotations

from typing import Any

import hypercorn.asyncio

from lilya.servers._engine import Engine, Job
from lilya.servers._hypercorn import Hypercorn

__all__ = ["configure"]


def configure(config: object) -> Engine:
    """Read `config` (see `serve`); raises `ImproperlyConfigured`."""
    return _Engine(config)


class _Engine(Hypercorn):
    async def serve(self, job: Job) -> None:
        app: Any = job.app  # hypercorn has TypedDicts of its own for the same messages
        await hypercorn.asyncio.serve(app, self.config_for(job), shutdown_trigger=self.trigger(job), mode="asgi")
