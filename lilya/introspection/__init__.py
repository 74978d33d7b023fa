"""What an application is made of, as a graph: `app.graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.introspection._graph import ApplicationGraph
    from lilya.introspection._nodes import EdgeKind, GraphEdge, GraphNode, NodeKind
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "._graph": "ApplicationGraph",
            "._nodes": "EdgeKind GraphEdge GraphNode NodeKind",
        },
    )

__all__ = ["ApplicationGraph", "EdgeKind", "GraphEdge", "GraphNode", "NodeKind"]
