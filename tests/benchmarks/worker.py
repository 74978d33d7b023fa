"""The worker: runs in an environment of its own, and answers each line with one.

`python -m tests.benchmarks.worker PEER --backend trio`. A line is a question in JSON, and so is its answer:

    {"about": ["starlette"]}                                       -> {"versions": {"starlette": "1.10.0"}}
    {"case": "JSON", "contender": "raw" or "peer", "seconds": 0.05} -> {"seconds": CPU seconds of one call}

or {"missing": why} where the peer has no such application, and {"error": what} where it does not do the job. Nothing
is imported here but anyio, the peer, and of the project what needs no more than the types.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

import anyio

from lilya.types import ASGIApp
from tests.benchmarks import raw
from tests.benchmarks.cases import CASES, Case
from tests.benchmarks.play import calls_for, check, running, slice_of

__all__ = ["Host", "answer", "said_by"]

CASE: Final = {case.name: case for case in CASES}


class Missing(Exception):
    """The peer has no application for a case."""


class Host:
    """Has the floor's and the peer's application of one case after the other, and times slices of them."""

    def __init__(self, apps: raw.Makers) -> None:
        self.makers = {"raw": raw.APPS, "peer": apps}
        self.stack = AsyncExitStack()
        self.app = ""  # which one runs
        self.case = ""  # which one was checked
        self.running: dict[str, ASGIApp] = {}
        self.calls: dict[str, int] = {}

    async def slice_of(self, case: Case, contender: str, seconds: float) -> float:
        """CPU seconds of one call in a slice; starts and checks the applications when it is the first of its case."""
        if case.app not in self.makers["peer"]:
            raise Missing(f"no application {case.app!r}")
        if case.name != self.case:
            if case.app != self.app:
                await self.aclose()
                for name, apps in self.makers.items():
                    app = apps[case.app]()
                    if name != "raw":
                        await self.stack.enter_async_context(running(app))
                    self.running[name] = app
                self.app = case.app
            self.case = ""
            await check(self.running, case)
            scope = case.scope("peer")
            self.calls = {name: await calls_for(app, case, scope, seconds) for name, app in self.running.items()}
            self.case = case.name
        return await slice_of(self.running[contender], case, case.scope(contender), self.calls[contender])

    async def aclose(self) -> None:
        """Stop what runs."""
        self.app = self.case = ""
        self.running.clear()
        await self.stack.aclose()
        self.stack = AsyncExitStack()
        gc.collect()


def said_by(error: BaseException) -> str:
    """The innermost of an exception group, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error)[:300]}"


async def answer(host: Host, question: dict[str, Any]) -> dict[str, Any]:
    """What is said to one question."""
    if "about" in question:
        return {"versions": {name: version(name) for name in question["about"]}}
    try:
        seconds = await host.slice_of(CASE[question["case"]], question["contender"], question["seconds"])
    except Missing as error:
        return {"missing": str(error)}
    except Exception as error:
        return {"error": said_by(error)}
    return {"seconds": seconds}


async def work(name: str, backend: str) -> None:
    """Answer until nobody asks any more."""
    logging.disable(logging.CRITICAL)
    module: Any = import_module(f"tests.benchmarks.peers.{name}")
    host = Host(module.apps(backend))
    try:
        while line := sys.stdin.readline():  # nothing else happens meanwhile
            print(json.dumps(await answer(host, json.loads(line))), flush=True)
    finally:
        await host.aclose()


def main() -> None:
    """Answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.worker")
    parser.add_argument("peer")
    parser.add_argument("--backend", choices=("trio", "asyncio"), required=True)
    options = parser.parse_args()
    gc.collect()
    gc.freeze()
    anyio.run(work, options.peer, options.backend, backend=options.backend)


if __name__ == "__main__":
    main()
