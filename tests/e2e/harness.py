"""Real servers in processes of their own, for tests that want sockets, signals and exit codes.

    with serving("bare.py:app", "hypercorn-trio") as server:
        server.client().get("/ping")
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
        assert "Traceback" not in server.log()

An application is a file under `tests/e2e/apps` and a name in it. `serving` runs it by `lilya.servers.run`, `foreign`
by the server's own command, `script` runs a file of `apps` as a program, `program` any other. What is started is ended,
by its own pid, when the block is left. Its log is standard output and error together; a failing `wait_for` or
`exit_code` shows it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

__all__ = ["PATIENCE", "SERVERS", "Process", "foreign", "free_port", "program", "script", "serving"]

SERVERS = ("hypercorn-trio", "hypercorn-asyncio", "uvicorn")

# Real seconds a process gets for whatever it should do at once. Generous: the machine may be busy.
PATIENCE = 20.0

APPS = Path(__file__).parent / "apps"
ROOT = Path(__file__).parents[2]
_OURS = r"serving on (.+)"
_THEIRS = r"[Rr]unning on (\S+)"


class Process:
    """A process of ours: it is talked to by sockets and signals, and watched by its log and exit code."""

    def __init__(self, command: Sequence[str], directory: Path, environment: Mapping[str, str], url: str) -> None:
        self._url = url
        self._log = directory / "log.txt"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTHON"))}
        env = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "always", **environment}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=directory, env=env, stdout=log, stderr=subprocess.STDOUT)
        self.pid = self._process.pid

    # -- its log ----------------------------------------------------------------------------------------------------

    def log(self) -> str:
        """All it wrote so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the log has a match for the regular expression; fails with the log when it has none in time."""
        end = time.monotonic() + PATIENCE
        while True:
            ended = self._process.poll() is not None
            found = re.search(pattern, self.log(), re.MULTILINE)
            if found is not None:
                return found
            if ended or time.monotonic() > end:
                raise AssertionError(f"{pattern!r} never appeared in the log{self.report()}")
            time.sleep(0.01)

    def report(self) -> str:
        """The log, for the message of a failing assertion."""
        return f"\n--- log of process {self.pid}, exit code {self._process.poll()} ---\n{self.log()}"

    # -- its end ----------------------------------------------------------------------------------------------------

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def exit_code(self, timeout: float = PATIENCE) -> int:
        """Wait for its end, at most `timeout` seconds; minus the signal's number when a signal killed it."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {timeout} s{self.report()}") from None

    def end(self) -> None:
        """End it, politely if it listens."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    # -- its addresses ----------------------------------------------------------------------------------------------

    def urls(self) -> list[str]:
        """Where it says it listens; waits until it says so."""
        return self.wait_for(self._url)[1].split(", ")

    @property
    def url(self) -> str:
        return self.urls()[0]

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def connect(self, *, receive_buffer: int | None = None) -> socket.socket:
        """A TCP connection to it; reads and writes fail after `PATIENCE`."""
        address = ("127.0.0.1", self.port)
        sock = socket.socket()
        try:
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(PATIENCE)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock

    def client(self, **options: Any) -> httpx.Client:
        """An httpx client for it; close it, or use it in a `with`."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **options)


def free_port() -> int:
    """A TCP port that was free a moment ago. Prefer port 0, which cannot be taken by somebody else in between."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str] | None, url: str) -> Iterator[Process]:
    with tempfile.TemporaryDirectory(prefix="lilya-e2e-") as directory:
        process = Process(command, Path(directory), environment or {}, url)
        try:
            yield process
        finally:
            process.end()


def serving(
    app: str,
    server: str,
    *,
    bind: str | Sequence[str] = "127.0.0.1:0",
    drain_timeout: float | None = None,
    config: Mapping[str, Any] | None = None,
    reuse_port: bool = False,
    environment: Mapping[str, str] | None = None,
) -> contextlib.AbstractContextManager[Process]:
    """Run `app` ("file.py:name") by `lilya.servers.run` under `server`, one of `SERVERS`."""
    library, _, backend = server.partition("-")
    options = {
        "app": app,
        "bind": bind,
        "backend": backend or "asyncio",
        "server": library,
        "drain_timeout": drain_timeout,
        "config": config,
        "reuse_port": reuse_port,
    }
    return script("launcher.py", json.dumps(options), environment=environment)


def foreign(
    app: str, server: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> contextlib.AbstractContextManager[Process]:
    """Run `app` by the server's own command, as somebody would who does not know `lilya.servers`."""
    file, _, name = app.partition(":")
    library, _, backend = server.partition("-")
    command = [sys.executable, "-m", library]
    if library == "hypercorn":
        command += [f"{APPS / file}:{name}", "--worker-class", backend, "--bind", "127.0.0.1:0"]
    else:
        command += [f"{Path(file).stem}:{name}", "--app-dir", str(APPS), "--port", "0"]
    return _process([*command, *arguments], environment, _THEIRS)


def script(
    file: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> contextlib.AbstractContextManager[Process]:
    """Run a file of `apps` as a program, which says "serving on" and its URLs."""
    return _process([sys.executable, str(APPS / file), *arguments], environment, _OURS)


def program(path: Path, *arguments: str) -> contextlib.AbstractContextManager[Process]:
    """Run a program that serves, whoever wrote it: its server says "running on" and a URL."""
    return _process([sys.executable, str(path), *arguments], None, _THEIRS)
