"""From the name of a route and its parameters to its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lilya._paths.template import PathTemplate
from lilya.datastructures._url import URLPath
from lilya.routing._base import Leaf, NoMatchFound
from lilya.routing._dispatch import Dispatcher

__all__ = ["reverse", "reverse_inside"]


def reverse(dispatcher: Dispatcher, name: str, path_params: Mapping[str, Any]) -> URLPath:
    """The path of the leaf called `name` that takes exactly `path_params`, percent-encoded."""
    dispatcher.compile()
    for leaf in dispatcher.leaves:
        if leaf.prefix:
            found = _reverse_below(leaf, name, path_params)
            if found is not None:
                return found
        elif leaf.name == name and set(leaf.template.names) == set(path_params):
            return URLPath(leaf.template.build(path_params), protocol=leaf.route.kind)
    raise NoMatchFound(name, path_params)


def _reverse_below(leaf: Leaf, name: str, path_params: Mapping[str, Any]) -> URLPath | None:
    own = {key: value for key, value in path_params.items() if key in leaf.template.names}
    if set(own) != set(leaf.template.names):
        return None
    rest = {key: value for key, value in path_params.items() if key not in own}
    found: URLPath | None = leaf.route.reverse(leaf.name, name, rest)
    if found is None:
        return None
    return URLPath(leaf.template.build(own).rstrip("/") + str(found), protocol=found.protocol, host=found.host)


def reverse_inside(app: Any, own_name: str, name: str, path_params: Mapping[str, Any]) -> URLPath | None:
    """A path of the app behind an include or a host: `include:name`, or the include itself with `path`."""
    if own_name and name == own_name:
        if set(path_params) != {"path"}:
            return None
        path = str(path_params["path"]).lstrip("/")
        return URLPath(PathTemplate.parse("/{path:path}").build({"path": path}))
    prefix = f"{own_name}:" if own_name else ""
    path_for = getattr(app, "path_for", None)
    if path_for is None or not name.startswith(prefix):
        return None
    try:
        found: URLPath = path_for(name.removeprefix(prefix), **path_params)
    except NoMatchFound:
        return None
    return found
