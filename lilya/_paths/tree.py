"""Which of many templates match a path: all of them, in the order they were declared.

A path is cut at its slashes into pieces (the first, before the leading slash, is empty) and the pieces lead down a
tree. A node has a child for each literal piece, found by one dict look-up, and one for each *kind* of segment with
parameters: `/{a}/x` and `/{b}/y` share the child of `str`, since names stand in the leaves. So the work grows with the
pieces of the path, not with the number of templates.

There is one way to each node, so none is visited twice and nothing can explode: a table made of all combinations of
overlapping kinds, the worst case, is walked once at most. Nor is a path looked at beyond the longest template. What all
templates begin with, the trunk, is one comparison.

What may match a slash (`path`, some custom transformers) begins the tail of its template: the node before it tries the
tail on all the rest of the path. So two things are tried one by one: tails that begin at the same node, and
kinds of segment that mix text and parameters (`/{name}.json`) at the same node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, Generic, TypeAlias, TypeVar

from lilya._paths.matchers import Convert, TailMatch, segment_matcher, tail_match
from lilya._paths.template import Param, PathTemplate, Segment
from lilya.transformers import (
    DatetimeTransformer,
    FloatTransformer,
    IntTransformer,
    PathTransformer,
    StrTransformer,
    UUIDTransformer,
)

__all__ = ["NOWHERE", "Found", "PathTree"]

T = TypeVar("T")

# A value, its parameters by name, and the index in the path where the matched part ends. A bare tuple, as one is made
# for each match of each request: a class with slots costs five times as much, a NamedTuple eight times.
Found: TypeAlias = tuple[T, Mapping[str, Any], int]


class _Nowhere(tuple[Any, ...]):
    __slots__ = ()


# No match, and none either with a slash more at the end, or one less: no way leads on from a piece before the last.
NOWHERE: Final[Sequence[Any]] = _Nowhere()

# Transformers whose values may be kept and shown to many requests: equal for an equal text, and immutable.
_SHAREABLE = frozenset(
    {StrTransformer, PathTransformer, IntTransformer, FloatTransformer, UUIDTransformer, DatetimeTransformer}
)

_first = itemgetter(0)


class _Leaf(Generic[T]):
    """The values of one template, in declared order, and how its parameters are read off a path.

    `depth` pieces lead here, and `fields` say which of them gives which parameter. A leaf is `whole` where these
    pieces are all of the template and must be all of the path; else `tail` matches what follows, or, where there is
    none, the template is a prefix.
    """

    __slots__ = ("depth", "fields", "lone", "orders", "tail", "template", "values", "whole")

    def __init__(
        self,
        template: PathTemplate,
        depth: int,
        fields: Sequence[tuple[str, int, Convert]],
        tail: TailMatch | None,
        *,
        whole: bool,
    ) -> None:
        self.template = template
        self.depth = depth
        self.fields = tuple(fields)
        self.tail = tail
        self.whole = whole
        # Whether it may be found by what stands before the last slash: see `_Door`.
        self.lone = whole and len(fields) == 1 and fields[0][1] == depth - 1
        self.values: list[T] = []
        self.orders: list[int] = []

    def read(self, path: str, pieces: Sequence[str]) -> tuple[dict[str, Any], int] | None:
        """The parameters and where the match ends, or None where the path does not match after all."""
        try:
            params = {name: convert(pieces[index]) for name, index, convert in self.fields}
            if self.whole:
                return params, len(path)
            end = len("/".join(pieces[: self.depth]))
            if self.tail is None:
                return params, end
            match = self.tail(path[end + 1 :])
        except ValueError:
            return None
        if match is None:
            return None
        values, length = match
        return params | values, end + 1 + length


# What most nodes have of either: one for all of them, so that the collector has less to look through.
_NO_CHILDREN: Final[dict[Any, Any]] = MappingProxyType({})  # type: ignore[assignment]


class _Node(Generic[T]):
    """Where `depth` pieces have led."""

    __slots__ = ("below", "branches", "by_kind", "depth", "dynamic", "here", "static")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.static: dict[str, _Node[T]] = _NO_CHILDREN
        # Tuples: most nodes share the empty one, and the collector has less to look through, again and again.
        self.dynamic: tuple[tuple[Callable[[str], object], _Node[T]], ...] = ()
        self.by_kind: dict[tuple[str | int, ...], tuple[tuple[Convert, ...], _Node[T]]] = _NO_CHILDREN
        self.here: tuple[_Leaf[T], ...] = ()  # may match a path that ends here
        self.below: tuple[_Leaf[T], ...] = ()  # may match a path that goes on
        self.branches = False  # whether there is more than `static` to look at when it does

    def literal(self, piece: str) -> _Node[T]:
        """The node one piece without parameters on, made where there was none."""
        node = self.static.get(piece)
        if node is None:
            if not self.static:
                self.static = {}
            node = self.static[piece] = _Node(self.depth + 1)
        return node

    def branch(self, segment: Segment) -> tuple[tuple[Convert, ...], _Node[T]]:
        """The node one segment with parameters on, made where there was none, and what converts these."""
        # By identity: a transformer may define what equals it, and need not have a hash. Its template, kept by the leaf
        # for which this node is made, keeps it alive.
        kind = tuple(part if isinstance(part, str) else id(part.transformer) for part in segment)
        if kind not in self.by_kind:
            if not self.by_kind:
                self.by_kind = {}
            matcher = segment_matcher(segment)
            node: _Node[T] = _Node(self.depth + 1)
            self.by_kind[kind] = matcher.converters, node
            self.dynamic = (*self.dynamic, (matcher.accept, node))
            self.branches = True
        return self.by_kind[kind]


# The short way to a leaf, from the text up to the last slash, where literal pieces alone lead there and what follows
# can only be a literal or the one parameter of this leaf: those literals, and what the leaf says.
_Door: TypeAlias = tuple[Mapping[str, object], Callable[[str], object], str, Convert, Sequence[T]]


class _Known(Generic[T]):
    """What was found out about a tree as it stands.

    `answers` are those for whole paths without parameters, `doors` the short ways that were gone; there are no more of
    both than templates. `trunk` is a text that all paths begin with that could match, but for those that end in it, and
    the node it leads to.
    """

    __slots__ = ("answers", "doors", "trunk")

    def __init__(self) -> None:
        self.answers: dict[str, Sequence[Found[T]]] = {}
        self.doors: dict[str, _Door[T]] = {}
        self.trunk: tuple[str, _Node[T]] | None = None


class PathTree(Generic[T]):
    """Values under path templates.

    Add and find in any order: what is added is found from then on. `find` may be called from several threads.
    """

    def __init__(self) -> None:
        self._top: _Node[T] = _Node(0)
        self._count = 0
        self._reach = 0  # the depth of the deepest node
        self._fixed: set[str] = set()  # the whole paths without parameters
        self._known: _Known[T] = _Known()

    def add(self, template: PathTemplate | str, value: T, *, prefix: bool = False) -> None:
        """Put `value` under `template`, after all that was added before.

        With `prefix` it matches the template and whatever is below it: `/api` matches `/api`, `/api/` and `/api/x`,
        not `/apix`, and `/` matches everything. Raises what `PathTemplate.parse` raises.
        """
        if isinstance(template, str):
            template = PathTemplate.parse(template)
        everything = prefix and template.path == "/"
        segments: tuple[Segment, ...] = () if everything else ((), *template.segments)
        node = self._top
        fields: list[tuple[str, int, Convert]] = []
        tail = None
        for index, segment in enumerate(segments):
            params = [part for part in segment if isinstance(part, Param)] if template.params else ()
            if not params:
                node = node.literal("".join(segment))  # type: ignore[arg-type]  # text alone
                continue
            if any(param.spans for param in params):
                tail = tail_match(segments[index:], prefix=prefix)
                break
            converters, node = node.branch(segment)
            fields += [(param.name, index, convert) for param, convert in zip(params, converters, strict=True)]
        leaf = _leaf_at(node, template, fields, tail, prefix=prefix)
        leaf.values.append(value)
        leaf.orders.append(self._count)
        self._count += 1
        if node.depth > self._reach:
            self._reach = node.depth
        if not template.params and not prefix:
            self._fixed.add(template.path)
        self._known = _Known()  # last, and a new one: a `find` in another thread keeps what it finds in the old one

    def find(self, path: str) -> Sequence[Found[T]]:
        """All that matches `path`, in declared order: value, parameters, and the index where the match ends.

        The end is `len(path)` except below a prefix; for a prefix of `/` it is 0. A path matches as it is: `/x` is
        not `/x/`. The parameters are to be read and copied, not written: matches of one template share them, and
        those of a path declared without parameters are kept, so they are read-only (test them for truth before
        copying: an empty read-only mapping is dear to copy). Of no matches `NOWHERE` says more than others.
        """
        known = self._known
        head, _, last = path.rpartition("/")
        door = known.doors.get(head)
        if door is not None:
            literals, accept, name, convert, values = door
            if last not in literals and accept(last):
                try:
                    params = {name: convert(last)}
                except ValueError:
                    return ()
                end = len(path)
                return [(values[0], params, end)] if len(values) == 1 else [(value, params, end) for value in values]
        answer = known.answers.get(path)
        if answer is not None:
            return answer
        pieces = path.split("/", self._reach)
        leaves: Sequence[_Leaf[T]] = ()
        trunk, node = known.trunk or self._grow(known)
        if path.startswith(trunk):
            walk = pieces[node.depth :]
        else:
            walk, node = pieces, self._top
        for piece in walk:  # as long as there is one way to go, and one node whose leaves may match
            following = node.static.get(piece)
            if node.branches:
                if node.below:
                    if leaves:
                        return self._find_by_level(path, pieces, known)
                    leaves = node.below
                for accept, child in node.dynamic:
                    if accept(piece):
                        if following is not None:
                            return self._find_by_level(path, pieces, known)
                        following = child
            if following is None:
                if piece and not leaves:
                    return NOWHERE
                break
            node = following
        else:
            if leaves:
                return self._find_by_level(path, pieces, known)
            leaves = node.here
        if not leaves:
            return ()
        if len(leaves) > 1:
            return self._keep(path, leaves, _in_order(leaves, path, pieces), known)
        leaf = leaves[0]
        if not leaf.whole:
            match = leaf.read(path, pieces)
            return () if match is None else [(value, *match) for value in leaf.values]
        # The usual case: what `read` does, without the call, and without a comprehension where there is one value.
        try:
            params = {name: convert(pieces[index]) for name, index, convert in leaf.fields}
        except ValueError:
            return ()
        end = len(path)
        values = leaf.values
        found = [(values[0], params, end)] if len(values) == 1 else [(value, params, end) for value in values]
        if leaf.lone:
            self._open(head, leaf, known)
        return found if params else self._keep(path, leaves, found, known)

    def _grow(self, known: _Known[T]) -> tuple[str, _Node[T]]:
        """The trunk."""
        node = self._top
        pieces: list[str] = []
        while len(node.static) == 1 and not node.branches:
            ((piece, following),) = node.static.items()
            if not following.static and not following.branches:
                break
            pieces.append(piece)
            node = following
        known.trunk = trunk = "".join(piece + "/" for piece in pieces), node
        return trunk

    def _open(self, head: str, leaf: _Leaf[T], known: _Known[T]) -> None:
        """Make a door to a leaf, if the way there allows it; if not, none that is added later will change that."""
        node = self._top
        for piece in head.split("/"):
            if node.branches:
                leaf.lone = False
                return
            node = node.static[piece]
        if node.below or len(node.dynamic) > 1 or node.dynamic[0][1].here != (leaf,):
            leaf.lone = False
            return
        name, _, convert = leaf.fields[0]
        known.doors[head] = node.static, node.dynamic[0][0], name, convert, leaf.values

    def _find_by_level(self, path: str, pieces: Sequence[str], known: _Known[T]) -> Sequence[Found[T]]:
        """What `find` does, where the pieces lead to several nodes of a level, or several nodes have leaves."""
        leaves: list[_Leaf[T]] = []
        level = [self._top]
        for piece in pieces:
            following: list[_Node[T]] = []
            for node in level:
                child = node.static.get(piece)
                if child is not None:
                    following.append(child)
                if node.branches:
                    leaves += node.below
                    for accept, child in node.dynamic:
                        if accept(piece):
                            following.append(child)
            level = following
        for node in level:
            leaves += node.here
        return self._keep(path, leaves, _in_order(leaves, path, pieces), known)

    def _keep(
        self, path: str, leaves: Iterable[_Leaf[T]], found: Sequence[Found[T]], known: _Known[T]
    ) -> Sequence[Found[T]]:
        """Keep an answer where its path is one of the declared ones, so that clients cannot fill the memory."""
        if path in self._fixed and all(
            type(param.transformer) in _SHAREABLE for leaf in leaves for param in leaf.template.params
        ):
            found = known.answers[path] = tuple(
                (value, MappingProxyType(dict(values)), end) for value, values, end in found
            )
        return found


def _leaf_at(
    node: _Node[T],
    template: PathTemplate,
    fields: Sequence[tuple[str, int, Convert]],
    tail: TailMatch | None,
    *,
    prefix: bool,
) -> _Leaf[T]:
    """The leaf of a template at its node: the last one made there if it is the same, as of a path's many methods."""
    whole = tail is None and not prefix
    if whole and node.here and node.here[-1].whole and node.here[-1].fields == tuple(fields):
        return node.here[-1]
    leaf: _Leaf[T] = _Leaf(template, node.depth, fields, tail, whole=whole)
    if tail is None:
        node.here = (*node.here, leaf)
    if not whole:
        node.below = (*node.below, leaf)
        node.branches = True
    return leaf


def _in_order(leaves: Iterable[_Leaf[T]], path: str, pieces: Sequence[str]) -> list[Found[T]]:
    hits: list[tuple[int, Found[T]]] = []
    for leaf in leaves:
        match = leaf.read(path, pieces)
        if match is not None:
            params, end = match
            hits += [(order, (value, params, end)) for order, value in zip(leaf.orders, leaf.values, strict=True)]
    hits.sort(key=_first)
    return [found for _, found in hits]
