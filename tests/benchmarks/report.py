"""What is printed and written: a table as text, as Markdown, and the figures as JSON."""

from __future__ import annotations

import argparse
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Report", "Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below a head; the first column is of words, the others are of numbers."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()

    def text(self) -> str:
        """For a terminal."""
        lines = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, "", *shown, *(f"\n{remark}" for remark in self.remarks)])

    def markdown(self) -> str:
        """For a document."""
        lines = [self.head, ["---", *["--:"] * (len(self.head) - 1)], *self.rows]
        shown = [f"| {' | '.join(line)} |" for line in lines]
        return "\n".join([f"### {self.title}", "", *shown, *(f"\n{remark}" for remark in self.remarks)])


@dataclass(slots=True)
class Report:
    """Prints tables as they come, and keeps them for the files asked for."""

    json: Path | None = None
    markdown: Path | None = None
    document: Path | None = None
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """`--json FILE`, `--markdown FILE` and `--document FILE`."""
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
        parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables here, too")
        parser.add_argument("--document", type=Path, metavar="FILE", help="replace the tables of the same titles here")

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Report:
        """One that writes where the options say; says at once what it measures on."""
        print(machine(), flush=True)
        return cls(options.json, options.markdown, options.document)

    def add(self, table: Table) -> None:
        """Print it, and write what is there so far: a run may take long, and be ended."""
        self.tables.append(table)
        print(f"\n{table.text()}", flush=True)
        self.write()

    def replaced(self, text: str) -> str:
        """The text of a document with these tables in place of those with their titles, each up to the next heading."""
        for table in self.tables:
            place = re.compile(rf"^### {re.escape(table.title)}\n.*?(?=^#|\Z)", re.MULTILINE | re.DOTALL)
            if found := place.search(text):
                text = f"{text[: found.start()]}{table.markdown()}\n\n{text[found.end() :]}"
        return text.rstrip() + "\n"

    def write(self) -> None:
        """Write the files asked for."""
        if self.json is not None:
            self.json.write_text(json.dumps({"machine": machine(), **self.figures}, indent=1) + "\n")
        if self.markdown is not None:
            self.markdown.write_text("\n\n".join([machine(), *(table.markdown() for table in self.tables)]) + "\n")
        if self.document is not None:
            self.document.write_text(self.replaced(self.document.read_text()))


def machine() -> str:
    """What it is measured on."""
    return f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}"
