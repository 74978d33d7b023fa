"""Does the same to every framework and prints the table: `python -m tests.compare`; with names, for these only.

Needs the dependency group `compare`. Ten minutes; nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.compare.situations import SITUATIONS, start_fails
from tests.e2e.harness import Process

HERE: Final = Path(__file__).parent

# Column -> the program, and the command of its server.
UVICORN: Final = ("uvicorn", "--port", "0", "--timeout-graceful-shutdown", "3", "--log-level", "info")
HYPERCORN: Final = ("hypercorn", "--worker-class", "trio", "--bind", "127.0.0.1:0", "--graceful-timeout", "3")
COLUMNS: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "Lilya, `run`": ("ours", ()),
    "Lilya, hypercorn on trio": ("ours", HYPERCORN),
    "Lilya, uvicorn": ("ours", UVICORN),
    "Starlette, hypercorn on trio": ("with_starlette", HYPERCORN),
    "Starlette, uvicorn": ("with_starlette", UVICORN),
    "Quart-Trio, hypercorn on trio": ("with_quart_trio", HYPERCORN),
    "Litestar, uvicorn": ("with_litestar", UVICORN),
    "Falcon, uvicorn": ("with_falcon", UVICORN),
}


def outcome(column: str, situation: str) -> str:
    """One cell."""
    name, command = COLUMNS[column]
    do = SITUATIONS[situation]
    environment = {**({"FAIL": "1"} if do is start_fails else {}), "PYTHONPATH": os.pathsep.join(PATHS)}
    with tempfile.TemporaryDirectory() as directory:
        whole = ["-m", command[0], f"{name}:app", *command[1:]] if command else [str(HERE / "apps" / f"{name}.py")]
        server = Process([sys.executable, *whole], Path(directory), environment, r"(?:[Rr]unning|serving) on (\S+)")
        try:
            if do is not start_fails:
                assert server.url
            return do(server)
        except Exception as error:
            return f"?? {type(error).__name__}: {str(error)[:300]}"
        finally:
            server.end()


PATHS: Final = (str(HERE / "apps"), str(HERE.parents[1]))


def main(names: Sequence[str]) -> None:
    """Print the rows as they are found, a column for each framework."""
    frameworks = [name for name in dict.fromkeys(column.partition(", ")[0] for column in COLUMNS) if name in names]
    sys.stdout.write(f"| | {' | '.join(frameworks)} |\n{'|---' * (len(frameworks) + 1)}|\n")
    for situation in SITUATIONS:
        cells = [cell(framework, situation) for framework in frameworks]
        sys.stdout.write(f"| {situation} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


def cell(framework: str, situation: str) -> str:
    """The outcome under each server, said once where it is the same everywhere."""
    found = {name.partition(", ")[2]: outcome(name, situation) for name in COLUMNS if name.startswith(framework)}
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return "<br>".join(f"{server}: {text}" for server, text in found.items())


if __name__ == "__main__":
    main(sys.argv[1:] or [column.partition(", ")[0] for column in COLUMNS])
