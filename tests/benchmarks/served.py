"""Lilya's share of what a request costs a server: `python -m tests.benchmarks.served [--server hypercorn-trio]`.

The server's own loop serves raw ASGI in one process and Lilya in another; a client in a third has 64 keep-alive
connections to each, and asks them in turns. What counts is the CPU time of the server's process for each request:
(Lilya - raw) / Lilya, in the rounds of several pairs of processes. Fails where the share is above its mark. Linux only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from tests.benchmarks.asking import Process
from tests.benchmarks.figures import quartiles
from tests.benchmarks.report import Report, Table
from tests.benchmarks.serving import SERVERS, Server

__all__ = ["MARK", "measure"]

CONNECTIONS: Final = 64
PATHS: Final[Mapping[str, str]] = {"plaintext": "/", "JSON": "/json", "injected path parameter": "/injected/42"}
CONTENDERS: Final = ("raw", "lilya")
# Of the CPU time of a plaintext request under hypercorn's trio worker.
MARK: Final = 0.03


def measure(server: str, rounds: int, pairs: int, requests: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds of one request, by path, contender and round."""
    taken: dict[str, dict[str, list[float]]] = {name: {each: [] for each in CONTENDERS} for name in PATHS}
    for _ in range(pairs):
        with ExitStack() as stack:
            servers = {name: stack.enter_context(Server(f"{name}-site", server, plain=True)) for name in CONTENDERS}
            client = stack.enter_context(Process([sys.executable, "-m", "tests.benchmarks.load"]))

            def burst(
                contender: str, path: str, client: Process = client, servers: dict[str, Server] = servers
            ) -> float:
                asked = servers[contender]
                question = {"port": asked.port, "path": path, "connections": CONNECTIONS, "requests": requests}
                before = asked.cpu()
                client.ask(question)
                return (asked.cpu() - before) / requests

            for path in PATHS.values():  # warms them up
                for name in CONTENDERS:
                    burst(name, path)
            for number in range(rounds):
                for case, path in PATHS.items():
                    for name in CONTENDERS if number % 2 else reversed(CONTENDERS):
                        taken[case][name].append(burst(name, path))
    return taken


def shares(taken: Mapping[str, list[float]]) -> list[float]:
    """Of each round."""
    return [1 - floor / own for floor, own in zip(taken["raw"], taken["lilya"], strict=True)]


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.served", description=__doc__)
    parser.add_argument("--server", action="append", choices=SERVERS, help="default: both")
    parser.add_argument("--rounds", type=int, default=20, help="of each pair of processes (default: 20)")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of server processes (default: 3)")
    parser.add_argument("--requests", type=int, default=500, help="in each burst (default: 500)")
    Report.add_options(parser)
    options = parser.parse_args()
    report = Report.from_options(options)
    good = True
    rows = []
    for server in options.server or SERVERS:
        found = measure(server, options.rounds, options.pairs, options.requests)
        report.figures[server] = found
        for case, taken in found.items():
            share = quartiles(shares(taken))
            mark = MARK if (server, case) == ("hypercorn-trio", "plaintext") else None
            good = good and (mark is None or share.median <= mark)
            rows.append(
                [
                    server,
                    case,
                    *(f"{quartiles(taken[name]).median * 1e6:.0f}" for name in CONTENDERS),
                    f"{share.median:.1%}",
                    f"{share.low:.1%} to {share.high:.1%}",
                    "" if mark is None else f"{mark:.0%}",
                ]
            )
    head = ["server", "request", "raw, µs", "Lilya, µs", "share", "half of all rounds", "mark"]
    report.add(Table(f"Lilya's share of the server's CPU time, {CONNECTIONS} connections", head, rows))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
