"""@@project_name Routes Configuration

Include here what the apps bring:

    from lilya.routing import Include

    route_patterns = [Include("/shop", namespace="@@project_name.apps.shop.v1.urls")]
"""

from __future__ import annotations

from lilya.routing import BasePath

route_patterns: list[BasePath] = []
