"""What can be run: `nox -l` lists it, `nox -s tests` runs one.

Each session has an environment of its own in `.nox`, with the tree and the groups of `pyproject.toml` it needs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

INTERPRETERS = ("3.11", "3.12", "3.13", "3.14")
PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the tree with all extras and the given groups; read here, so that any pip will do."""
    session.install("-e", ".[all]", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the code, the tests, the examples, and the programs of the documentation."""
    install(session, "dev")
    session.run("mypy")
    session.run("python", "-m", "tests.docs.typecheck")


@nox.session(python=INTERPRETERS)
def tests(session: nox.Session) -> None:
    """The suite, on both backends, with its branch coverage. Arguments go to pytest."""
    install(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def house(session: nox.Session) -> None:
    """The rules of the house alone."""
    install(session, "test")
    session.run("pytest", "tests/house", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Real servers on real sockets alone."""
    install(session, "test")
    session.run("pytest", "tests/e2e", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What it costs, as ratios to raw ASGI in the same run, beside others that are installed into .nox/peers.

    Arguments go to `python -m tests.benchmarks`: `-- --backend trio --peers starlette`. With `scale`, `served`,
    `memory` or `upload_memory` as the first one, that program of `tests.benchmarks` runs in its place.
    """
    install(session)
    if session.posargs and session.posargs[0] in ("scale", "served", "memory", "upload_memory"):
        program, *others = session.posargs
        session.run("python", "-m", f"tests.benchmarks.{program}", *others)
    else:
        session.run("python", "-m", "tests.benchmarks", "--peers", "all", *session.posargs)


@nox.session
def compare(session: nox.Session) -> None:
    """The table of `docs/compare.md`: the same done to five frameworks. Ten minutes."""
    install(session, "compare")
    session.run("python", "-m", "tests.compare", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, built into .nox/docs/tmp/site/site; a warning is an error."""
    install(session, "docs")
    place = Path(session.create_tmp()) / "site"
    shutil.rmtree(place, ignore_errors=True)
    session.run("python", "-m", "tests.docs.site", str(place))
