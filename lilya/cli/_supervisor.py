"""Processes that serve on sockets of this one: several of them, or one that starts anew when a file changes.

The sockets stay open here all the time: who connects in between waits, and is not refused. Each process is an ordinary
`lilya runserver --bind fd://N`.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

__all__ = ["Supervisor"]

logger = logging.getLogger("lilya.cli")

# How often to look after the processes, in seconds.
LOOK: Final = 0.1
# How long a process may take to stop, in seconds, besides its drain: farewells, clean-up, tasks, lifespans.
STOP_TIMEOUT: Final = 80.0
# The same at a restart, where a person waits.
RELOAD_STOP_TIMEOUT: Final = 5.0
# A worker that dies is replaced; so many within so many seconds, and there is something wrong with all of them.
MAX_DEATHS: Final = 5
DEATHS_WITHIN: Final = 60.0
# Exit codes of `lilya` that another try does not change: refused, bad usage, did not start.
HOPELESS: Final = frozenset({2, 3})

# What a change of is a change of the program.
SUFFIXES: Final = (".env", ".toml", ".yaml", ".yml")


class Supervisor:
    """Runs `lilya` with the arguments `words`, `count` times, on the sockets `descriptors`.

    `watched`: what is looked at for changes; with any there is one process. `drain` in seconds is theirs, if given.
    """

    def __init__(
        self, words: Sequence[str], descriptors: Sequence[int], count: int, drain: float | None, watched: Sequence[str]
    ) -> None:
        self._command = [sys.executable, "-m", "lilya", *words]
        self._descriptors = list(descriptors)
        self._count = count
        self._drain = 30.0 if drain is None else drain
        self._watched = list(watched)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._signals: list[int] = []
        self._deaths: list[float] = []
        self._started = 0

    def run(self) -> int:
        """Supervise until a signal, or until it makes no sense any more; returns the exit code."""
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for _ in range(self._count):
                self._start()
            return self._look_after() if not self._watched else self._reload()
        finally:
            for each in self._processes:
                each.kill()
                each.wait()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        self._signals.append(number)

    def _start(self) -> None:
        self._started += 1
        quiet = [] if self._started == 1 else ["--no-banner"]
        self._processes.append(subprocess.Popen([*self._command, *quiet], pass_fds=self._descriptors))

    # -- several ----------------------------------------------------------------------------------------------------

    def _look_after(self) -> int:
        while not self._signals:
            for each in [process for process in self._processes if process.poll() is not None]:
                self._processes.remove(each)
                code = each.returncode
                self._deaths = [*(at for at in self._deaths if time.monotonic() - at < DEATHS_WITHIN), time.monotonic()]
                if code in HOPELESS or (code == 1 and self._started <= self._count) or len(self._deaths) > MAX_DEATHS:
                    logger.error("a worker ended with exit code %s: stopping all", code)
                    self._stop(signal.SIGTERM, STOP_TIMEOUT + self._drain)
                    return code if code > 0 else 1
                logger.warning("worker %d ended with exit code %s: starting another", each.pid, code)
                self._start()
            time.sleep(LOOK)
        return self._stop(self._signals[0], STOP_TIMEOUT + self._drain)

    # -- anew at each change ----------------------------------------------------------------------------------------

    def _reload(self) -> int:
        reported = False
        for changed in self._changes():
            if self._signals:
                break
            if changed:
                began = time.monotonic()
                names = sorted(os.path.relpath(path) for path in changed)
                logger.info("changed: %s; starting anew", ", ".join(names[:3]) + (" ..." if len(names) > 3 else ""))
                self._stop(signal.SIGTERM, RELOAD_STOP_TIMEOUT)
                if self._signals:
                    return 0
                self._start()
                reported = False
                logger.debug("stopped and started in %.2f s", time.monotonic() - began)
            elif not reported and self._processes[-1].poll() is not None:
                logger.error("it ended with exit code %s: waiting for a change", self._processes[-1].returncode)
                reported = True
        return self._stop(self._signals[0], STOP_TIMEOUT + self._drain)

    def _changes(self) -> Iterator[set[str]]:
        """The files that have changed, or none, several times a second."""
        watchfiles: Any = import_module("watchfiles")
        python = watchfiles.PythonFilter(extra_extensions=SUFFIXES)
        looks = watchfiles.watch(
            *self._watched, watch_filter=python, rust_timeout=int(LOOK * 1000), yield_on_timeout=True, debounce=400
        )
        for changes in looks:
            yield {path for _, path in changes}

    # -- stopping ---------------------------------------------------------------------------------------------------

    def _stop(self, number: int, seconds: float) -> int:
        """Pass a signal on, wait, pass on further ones; returns the worst exit code. Bounded by `seconds`."""
        passed = len(self._signals)
        if not (number == signal.SIGINT and _had_it_too()):
            self._send(number)
        end = time.monotonic() + seconds
        while any(process.poll() is None for process in self._processes):
            if len(self._signals) > passed:
                passed = len(self._signals)
                if not (self._signals[-1] == signal.SIGINT and _had_it_too()):
                    self._send(self._signals[-1])
            if time.monotonic() > end:
                logger.warning("killed what did not stop within %g s", seconds)
                self._send(signal.SIGKILL)
            time.sleep(0.01)
        # One that had not yet begun to listen to signals has ended as it was told, too.
        codes = [0 if code == -signal.SIGTERM else abs(code) for code in (each.wait() for each in self._processes)]
        self._processes.clear()
        return max(codes, default=0)

    def _send(self, number: int) -> None:
        for process in self._processes:
            process.send_signal(number)


def _had_it_too() -> bool:
    """Whether Ctrl-C reached the processes themselves: a terminal sends it to all that run in its foreground."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
