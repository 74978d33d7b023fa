"""The routes, to be included in those of the project:

Include("/@@project_name", namespace="<project>.apps.@@project_name.@@version.urls")
"""

from __future__ import annotations

from lilya.routing import BasePath, Path

from .controllers import Welcome

route_patterns: list[BasePath] = [Path("/", Welcome)]
