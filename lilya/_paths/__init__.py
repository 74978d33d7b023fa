"""Path templates and the tree that matches them: rules without requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya._paths.template import Param, PathTemplate, compile_path
    from lilya._paths.tree import Found, PathTree
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            ".template": "Param PathTemplate compile_path",
            ".tree": "Found PathTree",
        },
    )

__all__ = ["Found", "Param", "PathTemplate", "PathTree", "compile_path"]
