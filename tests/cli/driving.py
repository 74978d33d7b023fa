"""The command line as a user has it: in a process of its own, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

__all__ = ["APP", "PATIENCE", "ROOT", "Result", "Server", "environment", "files", "get", "lilya", "python", "serving"]

ROOT = Path(__file__).parents[2]
# Real seconds for what should happen at once. Generous: the machine may be busy.
PATIENCE = 20.0

# An application that says when it starts and stops.
APP = """
from lilya.apps import Lilya
from lilya.routing import Path

async def up() -> None:
    print("UP", flush=True)

async def down() -> None:
    print("DOWN", flush=True)

async def home() -> str:
    return "home"

app = Lilya(routes=[Path("/", home)], on_startup=[up], on_shutdown=[down])
"""


@dataclass(frozen=True)
class Result:
    """How a call ended."""

    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """What a process inherits, without what would steer it."""
    steering = ("COV_", "PYTHON", "LILYA_", "COLUMNS", "FORCE_COLOR", "NO_COLOR")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}


def python(*arguments: str, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Result:
    """Run Python."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(**(env or {})),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def lilya(*arguments: str, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Result:
    """Run the command."""
    return python("-m", "lilya", *arguments, cwd=cwd, stdin=stdin, env=env)


def files(folder: Path, **texts: str) -> Path:
    """Write files, whose paths have `__` for `/`, and end with .py unless they have a dot; returns the folder."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def get(url: str, tls: ssl.SSLContext | None = None) -> tuple[int, str]:
    """Status and body of an answer; waits for the server to listen."""
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=tls))
    try:
        with opener.open(url, timeout=PATIENCE) as response:
            return response.status, response.read().decode().strip('"')
    except HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


class Server:
    """A process that serves, with its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def log(self) -> str:
        """All it wrote so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Wait for so many matches in the log; returns the last."""
        end = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            found = list(re.finditer(pattern, self.log(), re.MULTILINE))
            if len(found) >= count:
                return found[-1]
            assert not ended, f"it ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < end, f"{pattern!r} never appeared:\n{self.log()}"
            time.sleep(0.01)

    @property
    def url(self) -> str:
        """Where it serves."""
        return self.wait_for(r"lilya.servers: serving on (http\S+)")[1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def serving(
    *arguments: str, cwd: Path, log: Path, env: Mapping[str, str] | None = None, module: str = "lilya"
) -> Iterator[Server]:
    """Run `lilya` with the arguments in the background; it is ended with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=cwd,
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
