"""Folders of files made from templates.

A template is a file under `templates/KIND`, in the place of the file it becomes. In its path `project_name`, `version`
and `dot_` stand for a name, the name of a version, and a dot; in its text `@@name` stands for a value. `.tpl` at its
end keeps tools from reading it as what it is not yet.
"""

from __future__ import annotations

import keyword
import string
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from lilya import __version__
from lilya.cli._refusal import Refusal
from lilya.crypto import get_random_string

__all__ = ["check_name", "check_target", "check_version", "secret_key", "write"]

KEY_CHARACTERS: Final = string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)"


class Template(string.Template):
    """Text with `@@name` in it: a dollar sign is nginx's, make's and the shell's."""

    delimiter = "@@"


def secret_key() -> str:
    """A key that says of itself that it is none for production."""
    return f"lilya-insecure-{get_random_string(50, KEY_CHARACTERS)}"


def check_name(name: str, kind: str) -> None:
    """Raise `Refusal` for what cannot be the name of a package, or is the name of another one."""
    if not name.isidentifier() or keyword.iskeyword(name):
        proposed = "".join(char if char.isalnum() else "_" for char in name).strip("_")
        fits = proposed.isidentifier() and not keyword.iskeyword(proposed)
        raise Refusal(
            f"{name!r} is not a valid {kind} name: it has to be a Python identifier",
            f"did you mean {proposed!r}?" if fits else "",
        )
    try:
        conflict = find_spec(name) is not None
    except ValueError:  # a module that was not imported from anywhere
        conflict = True
    if conflict:
        raise Refusal(
            f"{name!r} conflicts with the name of a Python module that is there already",
            f"it could not be imported any more; try another name for the {kind}",
        )


def check_version(version: str) -> None:
    """Raise `Refusal` for what cannot be the name of a version's package."""
    if not version.isidentifier() or keyword.iskeyword(version):
        raise Refusal(f"{version!r} is not a valid version: it names a Python package, as v1 does")


def check_target(target: Path) -> None:
    """Raise `Refusal` where something is already, or nothing is around it."""
    if target.exists():
        raise Refusal(f"{target} already exists.")
    if not target.parent.is_dir():
        raise Refusal(f"{target.parent} is no folder", "make it first, or name another one by --location")


def write(kinds: Sequence[str], target: Path, values: Mapping[str, str], verbosity: int) -> None:
    """Make the folder `target` with the files of all `kinds`. All are rendered before the first is written."""
    places = {"project_name": values["project_name"], "version": values.get("version", "")}
    known = {"lilya_version": __version__, **values}
    rendered: dict[Path, str] = {}
    for kind in kinds:
        root = files("lilya.cli") / "templates" / kind
        for parts, source in _templates(root):
            placed = [_placed(part, places) for part in parts]
            rendered[target.joinpath(*placed)] = Template(source.read_text(encoding="utf-8")).substitute(known)
    for path, text in rendered.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if verbosity >= 2:
            click.echo(f"Creating {path}")


def _templates(folder: Traversable, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Traversable]]:
    """All templates below a folder, with the parts of the path of what each becomes."""
    for each in sorted(folder.iterdir(), key=lambda found: found.name):
        if each.is_dir():
            yield from _templates(each, (*above, each.name))
        elif each.name.endswith(".tpl"):
            yield (*above, each.name.removesuffix(".tpl")), each


def _placed(part: str, places: Mapping[str, str]) -> str:
    """A part of a template's path as a part of its file's."""
    stem, dot, suffix = part.partition(".")
    return places.get(stem, stem.replace("dot_", ".", 1)) + dot + suffix
