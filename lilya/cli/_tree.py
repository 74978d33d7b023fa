"""Where an application mounts the tree of its tasks."""

from __future__ import annotations

from lilya.apps import Lilya
from lilya.cli._routes import rows_of

__all__ = ["task_tree_path"]


def task_tree_path(app: Lilya) -> str | None:
    """The path of a mounted `lilya.contrib.inspect.TaskTree`. By its name: nobody here imports what is optional."""
    for row in rows_of(app):
        kind = type(row.app)
        if kind.__name__ == "TaskTree" and kind.__module__.startswith("lilya.contrib.inspect") and not row.host:
            return row.path
    return None
