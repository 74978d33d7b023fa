"""What a process has logged since a moment of the test."""

from __future__ import annotations

import time

from tests.e2e.harness import PATIENCE, Process

__all__ = ["NewLog", "new_log"]


class NewLog:
    """The log of a process from here on."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._start = len(process.log())

    def __call__(self) -> str:
        """All that is new."""
        return self._process.log()[self._start :]

    def wait_for(self, text: str) -> str:
        """Wait until it holds the text; all that is new then."""
        end = time.monotonic() + PATIENCE
        while text not in (new := self()):
            assert time.monotonic() < end, f"{text!r} never appeared in the log{self._process.report()}"
            time.sleep(0.01)
        return new


def new_log(process: Process) -> NewLog:
    """Look at what the process logs from now on."""
    return NewLog(process)
