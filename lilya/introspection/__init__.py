"""What an application is made of, as a graph: `app.graph`."""

from __future__ import annotations

from lilya.introspection._graph import ApplicationGraph
from lilya.introspection._nodes import EdgeKind, GraphEdge, GraphNode, NodeKind

__all__ = ["ApplicationGraph", "EdgeKind", "GraphEdge", "GraphNode", "NodeKind"]
