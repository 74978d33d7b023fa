"""The benchmarks: `python -m tests.benchmarks [--backend trio] [--case JSON] [--peers starlette,litestar]`.

Ratios to an application of raw ASGI in the same run; never compare times of two runs. Others to compare with are
installed on demand, each into an environment of its own below `--peer-envs`.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.figures import Quartiles
from tests.benchmarks.measure import ROUNDS, SECONDS, Result, measure_all
from tests.benchmarks.report import Report, Table
from tests.benchmarks.rivals import PEERS, Rival, prepare

BACKENDS = ("trio", "asyncio")
# Of peers, that many rounds are enough: nobody passes a verdict on them.
PEER_ROUNDS = 7
NOTHING = "-"


def table(backend: str, results: Sequence[Result]) -> Table:
    """The results of one backend."""
    rows = []
    for result in results:
        found = result.quartiles()
        case = result.case
        rows.append(
            [
                case.name,
                f"{result.microseconds('raw'):.2f}",
                f"{result.microseconds('lilya'):.2f}",
                f"{found.median:.2f}",
                f"{found.low:.2f} to {found.high:.2f}",
                "" if case.mark is None else f"{case.mark:.2f}",
            ]
        )
    head = ["case", "raw, µs", "Lilya, µs", "ratio", "half of all rounds", "mark"]
    return Table(f"Raw ASGI by Lilya, {backend}", head, rows, remarks(results))


def remarks(results: Sequence[Result]) -> list[str]:
    """What is a difference and not a ratio, and the marks that are missed."""
    found = {result.case.name: result for result in results}
    said = []
    waits = found.get("a handler that waits")
    if waits is not None:
        cost = waits.microseconds("lilya") - waits.microseconds("uncut")
        said.append(f"That it is cancelled when its client leaves costs a handler that waits {cost:.2f} µs.")
    said += [
        f"Missed: {result.case.name} reaches {result.ratio():.2f} of {result.case.mark:.2f}."
        for result in results
        if result.case.mark is not None and result.ratio() < result.case.mark
    ]
    return said


def comparison(
    backend: str, results: Sequence[Result], rivals: Sequence[Rival], taken: Mapping[str, Mapping[str, list[float]]]
) -> Table:
    """The results of one backend beside those of others."""
    rows = [
        [
            result.case.name,
            result.quartiles().text(),
            *(cell(Rival.summary(taken[rival.name], result.case)) for rival in rivals),
        ]
        for result in results
    ]
    head = ["case", "Lilya", *(PEERS[rival.name].title for rival in rivals)]
    versions = [
        f"{PEERS[rival.name].title}: " + ", ".join(f"{name} {version}" for name, version in rival.versions.items())
        for rival in rivals
    ]
    return Table(f"Raw ASGI by others, {backend}", head, rows, [f"{'; '.join(versions)}."] if versions else [])


def cell(found: Quartiles | None) -> str:
    """The ratio, or that there is none."""
    return NOTHING if found is None else found.text()


def compare(backend: str, results: Sequence[Result], pythons: Mapping[str, Path], options: argparse.Namespace) -> Table:
    """Measure the others on a backend."""
    rivals = [Rival(name, python, backend) for name, python in pythons.items()]
    taken: dict[str, Mapping[str, list[float]]] = {}
    for rival in rivals:
        found = rival.measure([result.case for result in results], options.peer_rounds, options.seconds)
        taken[rival.name] = found
        print(f"{rival.name}, {backend}: {len(found)} of {len(results)} cases", flush=True)
        for case, reason in rival.refused.items():
            print(f"  not {case}: {reason}", flush=True)
    return comparison(backend, results, rivals, taken)


def figures(results: Sequence[Result]) -> dict[str, object]:
    """The results of one backend for a program."""
    return {
        result.case.name: {
            "mark": result.case.mark,
            "ratio": result.quartiles().median,
            "quartiles": [result.quartiles().low, result.quartiles().high],
            "seconds": result.seconds,
        }
        for result in results
    }


def chosen(patterns: Sequence[str] | None) -> list[Case]:
    """The cases whose names match."""
    found = [case for case in CASES if not patterns or any(fnmatch(case.name, pattern) for pattern in patterns)]
    if not found:
        raise SystemExit(f"no such case; there are: {', '.join(case.name for case in CASES)}")
    return found


def installed(names: Sequence[str], directory: Path) -> dict[str, Path]:
    """The interpreters of the environments of peers; who cannot be installed is reported and left out."""
    found = {}
    for name in names:
        print(f"environment of {name}", flush=True)
        try:
            found[name] = prepare(name, directory)
        except RuntimeError as error:
            print(f"left out: {error}", flush=True)
    return found


def named(text: str) -> list[str]:
    """The peers of an option: names between commas, or `all`."""
    names = list(PEERS) if text == "all" else [name.strip() for name in text.split(",") if name.strip()]
    if unknown := set(names) - set(PEERS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there are {', '.join(PEERS)}")
    return names


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="default: both")
    parser.add_argument("--case", action="append", metavar="NAME", help="a name or a pattern of it (default: all)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"CPU seconds of one slice (default: {SECONDS})")
    parser.add_argument("--peers", type=named, default=[], help=f"whom else, or all: {', '.join(PEERS)}")
    parser.add_argument("--peer-envs", type=Path, default=Path(".nox/peers"), help="default: .nox/peers")
    parser.add_argument("--peer-rounds", type=int, default=PEER_ROUNDS)
    Report.add_options(parser)
    options = parser.parse_args()
    cases = chosen(options.case)
    pythons = installed(options.peers, options.peer_envs)
    report = Report.from_options(options)
    gc.collect()
    gc.freeze()  # what the programs are made of is not looked at again before each slice
    for backend in options.backend or BACKENDS:
        results = list(measure_all(cases, backend, rounds=options.rounds, seconds=options.seconds))
        report.figures[backend] = figures(results)
        report.add(table(backend, results))
        if pythons:
            report.add(compare(backend, results, pythons, options))


if __name__ == "__main__":
    main()
