"""Prints the benchmarks as Markdown: `python -m tests.benchmarks [--backend trio] [--case JSON] [--json figures.json]`.

Ratios to an application of raw ASGI in the same run; never compare times of two runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
from pathlib import Path

from tests.benchmarks.cases import CASES
from tests.benchmarks.measure import Result, measure
from tests.benchmarks.peers import peers

BACKENDS = ("trio", "asyncio")


def table(results: list[Result], others: list[str]) -> str:
    """The results of one backend."""
    head = ["case", "raw, µs", "Lilya, µs", "ratio", "half of all rounds", "mark", *others]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for result in results:
        case = result.case
        low, high = result.spread()
        lines.append(
            [
                case.name,
                f"{result.microseconds('raw'):.2f}",
                f"{result.microseconds('lilya'):.2f}",
                f"**{result.ratio():.2f}**",
                f"{low:.2f} to {high:.2f}",
                "" if case.mark is None else f"{case.mark:.2f}",
                *(f"{result.ratio(other):.2f}" if other in result.seconds else "" for other in others),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def remarks(results: list[Result]) -> list[str]:
    """What is a difference and not a ratio."""
    found = {result.case.name: result for result in results}
    said = []
    waits = found.get("a handler that waits")
    if waits is not None:
        cost = waits.microseconds("lilya") - waits.microseconds("uncut")
        said.append(f"That it is cancelled when its client leaves costs a handler that waits {cost:.2f} µs.")
    first, last = found.get("1000 routes, first"), found.get("1000 routes, last")
    if first is not None and last is not None:
        times = last.microseconds("lilya") / first.microseconds("lilya")
        said.append(f"The last of 1000 routes takes {times:.2f} times as long as the first.")
    return said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="default: both")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="default: all")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.05, help="CPU seconds of one slice (default: 0.05)")
    parser.add_argument("--json", type=Path, help="write the seconds of each round here, too")
    parser.add_argument("--no-peers", action="store_true", help="leave out what else is installed")
    options = parser.parse_args()
    others = {} if options.no_peers else peers()
    cases = [case for case in CASES if options.case is None or case.name in options.case]
    gc.collect()
    gc.freeze()  # what the programs are made of is not looked at again before each slice
    print(f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}")
    figures: dict[str, dict[str, object]] = {}
    missed = []
    for backend in options.backend or BACKENDS:
        results = [
            measure(case, backend, rounds=options.rounds, seconds=options.seconds, others=others) for case in cases
        ]
        print(f"\n### {backend}\n\n{table(results, list(others))}")
        for remark in remarks(results):
            print(f"\n{remark}")
        figures[backend] = {result.case.name: result.seconds for result in results}
        missed += [
            f"{backend}: {result.case.name} reaches {result.ratio():.2f} of {result.case.mark:.2f}"
            for result in results
            if result.case.mark is not None and result.ratio() < result.case.mark
        ]
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if missed:
        print("\nMissed:\n\n- " + "\n- ".join(missed))


if __name__ == "__main__":
    main()
