"""Which lifespan message may follow which, in both directions (ASGI Lifespan 2.0)."""

from __future__ import annotations

from lilya._sansio.machine import Phase

__all__ = ["ASLEEP", "DONE", "ENDED", "RUNNING", "SERVING", "STARTING"]

# What the application sends. `shutdown.failed` may come while it serves: it is how a crash is told.
STARTING = Phase("STARTING")
SERVING = Phase("SERVING")
DONE = Phase("DONE")

STARTING.on("lifespan.startup.complete", SERVING).on("lifespan.startup.failed", DONE)
SERVING.on("lifespan.shutdown.complete", DONE).on("lifespan.shutdown.failed", DONE)

# What the server sends.
ASLEEP = Phase("ASLEEP")
RUNNING = Phase("RUNNING")
ENDED = Phase("ENDED")

ASLEEP.on("lifespan.startup", RUNNING)
RUNNING.on("lifespan.shutdown", ENDED)
