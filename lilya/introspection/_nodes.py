"""The words of the graph: what its nodes and its edges are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["EdgeKind", "GraphEdge", "GraphNode", "NodeKind"]


class NodeKind(StrEnum):
    """What a node stands for. `ROUTE` is one of HTTP, `WEBSOCKET` one of websockets."""

    APPLICATION = "application"
    MIDDLEWARE = "middleware"
    ROUTER = "router"
    ROUTE = "route"
    PERMISSION = "permission"
    HANDLER = "handler"
    INCLUDE = "include"
    HOST = "host"
    WEBSOCKET = "websocket"


class EdgeKind(StrEnum):
    """What an edge says: a layer stands around what follows, or a connection may be led there."""

    WRAPS = "wraps"
    DISPATCHES_TO = "dispatches_to"


@dataclass(frozen=True, slots=True, eq=False)
class GraphNode:
    """One part of an application.

    `id` is its kind and its number among those of that kind, in declared order; `ref` the object itself (of a layer,
    its definition); `metadata` what can be said of it in plain values, and cannot be changed.
    """

    id: str
    kind: NodeKind
    ref: Any
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """From one node to the next one further in; `source` and `target` are ids."""

    source: str
    target: str
    kind: EdgeKind
