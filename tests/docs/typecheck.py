"""Checks the types of every program on every page: `python -m tests.docs.typecheck`. Needs the dependency group `lint`.

Programs are checked as strictly as the code itself. Pieces of programs are not: they are compiled by `test_pages`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.pages import ROOT, blocks, pages

__all__ = ["extract"]


def extract(folder: Path) -> int:
    """Write each program into a file of its own, its code on the lines it has on its page. Returns how many."""
    programs = [block for page in pages() for block in blocks(page) if block.is_program]
    for block in programs:
        name = re.sub(r"\W+", "_", f"{block.page.removesuffix('.md')} line {block.line}")
        (folder / f"{name}.py").write_text("\n" * block.line + block.code, encoding="utf-8")
    return len(programs)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="lilya-docs-") as name:
        extract(Path(name))
        command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", name]
        raise SystemExit(subprocess.run(command, cwd=ROOT).returncode)
