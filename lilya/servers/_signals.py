"""Signals to the one who runs a server: the first asks, the second insists, the third is the system's own."""

from __future__ import annotations

import logging
import signal
import sys
import threading

import anyio
from anyio.abc import TaskStatus

from lilya.concurrency.nursery import in_trio
from lilya.servers._life import Life

__all__ = ["Signals"]

logger = logging.getLogger("lilya.servers")


class Signals:
    """Turns SIGINT and SIGTERM into the stop of a life. `insisted` is the second one, once it came."""

    def __init__(self) -> None:
        self.insisted: signal.Signals | None = None

    async def watch(self, life: Life, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Wait for signals: an orderly stop at the first, everything cancelled at the second.

        With that it returns, and the handlers of before are back: a third one ends the process at once. Signals reach
        only the main thread, and asyncio on Windows has no handlers: there Ctrl-C is a `KeyboardInterrupt`, which
        cancels `serve`, and that is an orderly stop as well.
        """
        if threading.current_thread() is not threading.main_thread() or (sys.platform == "win32" and not in_trio()):
            task_status.started()
            return
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            task_status.started()
            asked = False
            async for number in received:
                if asked:
                    logger.warning("%s again: cancelling everything now", number.name)
                    self.insisted = number
                    life.hurry()
                    return
                logger.info("%s: stopping (once more to cancel everything now)", number.name)
                asked = True
                life.stop()
