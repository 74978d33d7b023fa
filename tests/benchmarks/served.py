"""Lilya's share of what a request costs a server: `python -m tests.benchmarks.served [--server hypercorn-trio]`.

The server's own loop serves raw ASGI and Lilya in one process; a client in another has 64 keep-alive connections, and
asks for the one and the other in turns. What counts is the CPU time of the server's process for each request:
(Lilya - raw) / Lilya, in the rounds of several processes. Fails where the share is above its mark. Linux only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Final

from tests.benchmarks.asking import Process
from tests.benchmarks.figures import bounds, quartiles
from tests.benchmarks.report import Report, Table
from tests.benchmarks.serving import SERVERS, Server

__all__ = ["MARK", "measure"]

CONNECTIONS: Final = 64
PATHS: Final[Mapping[str, str]] = {"plaintext": "/", "JSON": "/json", "injected path parameter": "/injected/42"}
# Who is compared, and the query that asks for them.
CONTENDERS: Final[Mapping[str, str]] = {"raw": "raw", "lilya": "own"}
CLIENT: Final = (sys.executable, "-m", "tests.benchmarks.load")
WARM_UP: Final = 3  # rounds
# Of the CPU time of a plaintext request under hypercorn's trio worker.
MARK: Final = 0.03


def measure(server: str, rounds: int, processes: int, requests: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds of one request, by path, contender and round."""
    taken: dict[str, dict[str, list[float]]] = {name: {each: [] for each in CONTENDERS} for name in PATHS}
    for _ in range(processes):
        with Server("both", server, plain=True) as serving, Process(CLIENT) as client:

            def burst(contender: str, path: str, serving: Server = serving, client: Process = client) -> float:
                query = f"{path}?{CONTENDERS[contender]}"
                question = {"port": serving.port, "path": query, "connections": CONNECTIONS, "requests": requests}
                before = serving.cpu()
                client.ask(question)
                return (serving.cpu() - before) / requests

            for number in range(-WARM_UP, rounds):
                for case, path in PATHS.items():
                    for name in list(CONTENDERS)[:: 1 if number % 2 else -1]:
                        seconds = burst(name, path)
                        if number >= 0:
                            taken[case][name].append(seconds)
    return taken


def shares(taken: Mapping[str, list[float]]) -> list[float]:
    """Of each round."""
    return [1 - floor / own for floor, own in zip(taken["raw"], taken["lilya"], strict=True)]


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.served", description=__doc__)
    parser.add_argument("--server", action="append", choices=SERVERS, help="default: both")
    parser.add_argument("--rounds", type=int, default=50, help="in each process (default: 50)")
    parser.add_argument("--processes", type=int, default=3, help="one after the other (default: 3)")
    parser.add_argument("--requests", type=int, default=128, help="in each burst (default: 128)")
    Report.add_options(parser)
    options = parser.parse_args()
    report = Report.from_options(options)
    good = True
    rows = []
    for server in options.server or SERVERS:
        found = measure(server, options.rounds, options.processes, options.requests)
        report.figures[server] = found
        for case, taken in found.items():
            found_shares = shares(taken)
            share, (least, most) = quartiles(found_shares), bounds(found_shares)
            mark = MARK if (server, case) == ("hypercorn-trio", "plaintext") else None
            good = good and (mark is None or share.median <= mark)
            rows.append(
                [
                    server,
                    case,
                    *(f"{quartiles(taken[name]).median * 1e6:.0f}" for name in CONTENDERS),
                    f"{share.median:.1%}",
                    f"{least:.1%} to {most:.1%}",
                    f"{share.low:.1%} to {share.high:.1%}",
                    "" if mark is None else f"{mark:.0%}",
                ]
            )
    head = ["server", "request", "raw, µs", "Lilya, µs", "share", "95 % sure", "half of all rounds", "mark"]
    report.add(Table(f"Lilya's share of the server's CPU time, {CONNECTIONS} connections", head, rows))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
