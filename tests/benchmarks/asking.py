"""The other side of the protocol: starts a process that answers each line with one, and asks it."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["ROOT", "Gone", "Process"]

ROOT: Final = Path(__file__).parents[2]
# Seconds that an answer may take, and that a process is given to end when nobody asks any more.
PATIENCE: Final = 90.0
LEAVE: Final = 5.0
# Characters of what a process said that are shown when it is gone.
SHOWN: Final = 600


class Gone(Exception):
    """The process does not answer: it ended, or took too long and was ended."""


class Process:
    """A process started with `command` in the root of the tree. A context manager: it is ended on leaving.

    It sees no `PYTHONPATH` but that root, so that what is imported is what its own environment has.
    """

    def __init__(self, command: Sequence[str], *, patience: float = PATIENCE) -> None:
        self.patience = patience
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, question: object) -> dict[str, Any]:
        """Its answer; raises `Gone`, after which nothing else can be asked."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
        except OSError:
            raise Gone(self._last_words()) from None
        if not select.select([stdout], [], [], self.patience)[0]:
            raise Gone(f"no answer in {self.patience:.0f} s")
        answer = stdout.readline()
        if not answer:
            raise Gone(self._last_words())
        found: dict[str, Any] = json.loads(answer)
        return found

    def _last_words(self) -> str:
        """The end of what it said on its standard error."""
        self._process.kill()
        assert self._process.stderr is not None
        return f"ended: {self._process.stderr.read().strip()[-SHOWN:]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ask no more, and wait until it has ended."""
        process = self._process
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with suppress(OSError):  # what was to be said to a process that is gone
                pipe.close()
        try:
            process.wait(LEAVE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
