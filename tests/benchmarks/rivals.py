"""Others, each in an environment of its own: installed on demand, and measured by a worker that runs there.

So the versions of what they depend on cannot clash. A worker times its peer and the floor in turns; what is compared
between environments is the ratio to the floor.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.asking import Gone, Process
from tests.benchmarks.cases import Case
from tests.benchmarks.figures import Quartiles, quartiles, ratios

__all__ = ["PEERS", "Peer", "Rival", "prepare"]

# What every environment has beside its peer: the floor runs on both backends.
COMMON: Final = ("anyio", "trio")
STAMP: Final = "benchmarks-installed"
# Seconds an installation may take, and characters shown of what it said when it fails.
INSTALLING: Final = 600
SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody to be compared with: what to install, and the module of `tests.benchmarks.peers` that uses it.

    The first requirement is the one whose version is shown.
    """

    title: str
    module: str
    requirements: tuple[str, ...]


PEERS: Final[Mapping[str, Peer]] = {
    "starlette": Peer("Starlette", "with_starlette", ("starlette", "python-multipart")),
    "fastapi": Peer("FastAPI", "with_fastapi", ("fastapi", "python-multipart")),
    "litestar": Peer("Litestar", "with_litestar", ("litestar",)),
    "falcon": Peer("Falcon", "with_falcon", ("falcon",)),
    "quart-trio": Peer("Quart-Trio", "with_quart", ("quart-trio",)),
    "blacksheep": Peer("BlackSheep", "with_blacksheep", ("blacksheep",)),
}


def prepare(name: str, directory: Path) -> Path:
    """The interpreter of the environment of a peer below `directory`, made and filled where it is not there yet.

    Delete the directory for the newest versions. Raises `RuntimeError` where something cannot be installed.
    """
    wanted = [*PEERS[name].requirements, *COMMON]
    place = directory.absolute() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = place / STAMP
    mark = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == mark:
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLING, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RuntimeError(f"{name} cannot be installed: {error}") from None
        if done.returncode:
            raise RuntimeError(f"{name} cannot be installed: {done.stderr.strip()[-SHOWN:]}")
    stamp.write_text(mark)
    return python


@dataclass(slots=True)
class Rival:
    """A peer that is installed. `refused`: why a case was not measured, by case."""

    name: str
    python: Path
    backend: str
    versions: Mapping[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def _start(self) -> Process:
        module = PEERS[self.name].module
        return Process([str(self.python), "-m", "tests.benchmarks.worker", module, "--backend", self.backend])

    def measure(self, cases: Sequence[Case], rounds: int, seconds: float) -> dict[str, list[float]]:
        """The ratios of its rounds, by case; what it cannot do is left out. A worker that ends is started afresh."""
        found: dict[str, list[float]] = {}
        left = list(cases)
        while left:
            with self._start() as worker:
                try:
                    self.versions = worker.ask({"about": [PEERS[self.name].requirements[0], *COMMON]})["versions"]
                except Gone as error:
                    self.refused |= {case.name: str(error) for case in left}
                    return found
                while left:
                    case = left.pop(0)
                    try:
                        taken = self._rounds(worker, case, rounds, seconds)
                    except Gone as error:  # what kills or holds up one case of an application does so to the others
                        alike = [other for other in left if other.app == case.app and case.app.startswith("routes")]
                        self.refused |= {each.name: str(error) for each in (case, *alike)}
                        left = [other for other in left if other not in alike]
                        break
                    if taken is not None:
                        found[case.name] = ratios(taken["raw"], taken["peer"])
        return found

    def _rounds(self, worker: Process, case: Case, rounds: int, seconds: float) -> dict[str, list[float]] | None:
        taken: dict[str, list[float]] = {"raw": [], "peer": []}
        for number in range(rounds):
            for contender in ("raw", "peer") if number % 2 else ("peer", "raw"):
                question = {"case": case.name, "contender": contender, "seconds": seconds}
                answer: Mapping[str, Any] = worker.ask(question)
                if "seconds" not in answer:
                    self.refused[case.name] = answer.get("missing") or answer["error"]
                    return None
                taken[contender].append(answer["seconds"])
        return taken

    @staticmethod
    def summary(found: Mapping[str, Sequence[float]], case: Case) -> Quartiles | None:
        """The quartiles of a case, if it was measured."""
        return quartiles(found[case.name]) if case.name in found else None
