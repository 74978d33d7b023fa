"""Path templates and the tree that matches them: rules without requests."""

from lilya._paths.template import Param, PathTemplate, compile_path
from lilya._paths.tree import Found, PathTree

__all__ = ["Found", "Param", "PathTemplate", "PathTree", "compile_path"]
