"""How costs grow: `python -m tests.benchmarks.scale [--curve fan-out] [--backend trio] [--server uvicorn]`.

Each curve has a law (constant, or linear) and is fitted by least squares; it fails where a curve of Lilya's does not
obey its own. Memory and wake-ups need Linux.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import anyio

from tests.benchmarks.curves import MEASURES, Curve, start_up
from tests.benchmarks.idle import idle_curves
from tests.benchmarks.memory import KINDS
from tests.benchmarks.report import Report, Table
from tests.benchmarks.serving import SERVERS

__all__ = ["table"]

IDLE = "idle"
BACKENDS = ("trio", "asyncio")


def table(title: str, curves: Sequence[Curve]) -> Table:
    """Curves over the same points."""
    head = ["", "where", *(f"{x:g}" for x in curves[0].x), "unit", "growth", "holds"]
    rows = [
        [
            curve.name,
            curve.where,
            *(f"{y:.1f}" if y < 1000 else f"{y:.0f}" for y in curve.y),
            curve.unit,
            curve.growth,
            "yes" if curve.holds else "no",
        ]
        for curve in curves
    ]
    return Table(title, head, rows)


def figures(curve: Curve) -> dict[str, object]:
    """A curve for a program."""
    line = curve.line
    return {
        "name": curve.name,
        "where": curve.where,
        "unit": curve.unit,
        "of": curve.of,
        "law": curve.law,
        "holds": curve.holds,
        "points": list(zip(curve.x, curve.y, strict=True)),
        "line": {name: getattr(line, name) for name in ("slope", "intercept", "r2", "bend", "rise")},
    }


def tables(name: str, curves: Sequence[Curve]) -> list[Table]:
    """One for each thing there is more and more of; `name` is the option that asks for them."""
    points = {(curve.of, tuple(curve.x)): None for curve in curves}
    return [
        table(
            f"{name.capitalize()}, as {of} grow", [curve for curve in curves if (curve.of, tuple(curve.x)) == (of, x)]
        )
        for of, x in points
    ]


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--curve", action="append", choices=[*MEASURES, IDLE], help="default: all")
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="default: both")
    parser.add_argument("--server", action="append", choices=SERVERS, help="of idle connections (default: both)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="of idle connections (default: all)")
    parser.add_argument("--start-up", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--collected", action="store_true", help=argparse.SUPPRESS)
    Report.add_options(parser)
    options = parser.parse_args()
    if options.start_up is not None:
        print(json.dumps(anyio.run(start_up, options.start_up, options.collected, backend=options.backend[0])))
        return 0
    report = Report.from_options(options)
    found: list[Curve] = []
    for name in options.curve or [*MEASURES, IDLE]:
        curves: list[Curve] = []
        if name == IDLE:
            for server in options.server or SERVERS:
                curves += idle_curves(server, options.kind or KINDS)
        else:
            for backend in options.backend or BACKENDS:
                curves += MEASURES[name](backend)
        found += curves
        report.figures["curves"] = [figures(curve) for curve in found]
        for each in tables(name, curves):
            report.add(each)
    return 0 if all(curve.holds for curve in found if "raw" not in curve.where) else 1


if __name__ == "__main__":
    sys.exit(main())
