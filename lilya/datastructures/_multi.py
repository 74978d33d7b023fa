"""Mappings that hold several values under one key, in the order in which they came: `multidict` with Lilya's names."""

from __future__ import annotations

import builtins
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import unquote, urlencode

import multidict

__all__ = ["ImmutableMultiDict", "MultiDict", "MultiReads", "QueryParam", "parse_query", "same_items", "text_pairs"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MultiSource: TypeAlias = Mapping[str, V] | Iterable[tuple[str, V]]


class _Multi(Protocol[V]):
    """What `MultiReads` needs of the class it is mixed into."""

    def items(self) -> Iterable[tuple[str, V]]: ...

    def getlist(self, key: str, /) -> builtins.list[V]: ...

    def to_dict(self) -> builtins.dict[str, builtins.list[V]]: ...


class MultiReads:
    """Ways to read a multi-value mapping, beyond those of `multidict`."""

    __slots__ = ()

    def multi_items(self: _Multi[V]) -> list[tuple[str, V]]:
        """All pairs, in order; a key with several values comes several times."""
        return list(self.items())

    def get_multi_items(self: _Multi[V]) -> list[tuple[str, V]]:
        """The same as `multi_items`."""
        return list(self.items())

    def dump(self: _Multi[V]) -> builtins.dict[str, V]:
        """One value for each key: the last."""
        return {key: values[-1] for key, values in self.to_dict().items()}

    def dump_list(self: _Multi[V]) -> builtins.dict[str, list[V]]:
        """A list of all values for each key."""
        return self.to_dict()

    def dict(self: _Multi[V]) -> builtins.dict[str, list[V]]:
        """The same as `dump_list`."""
        return self.to_dict()


class MultiDict(MultiReads, multidict.MultiDict[V]):
    """A mutable mapping with several values for a key; `d[key]` is the first of them.

    All of `multidict.MultiDict` (`add`, `getall`, `popall`, `extend`, `merge` ...) and the names below. Equal to
    another one of its class with the same pairs in any order.

    Args:
        args: a mapping, or pairs; pairs may repeat a key.
        kwargs: further pairs.
    """

    __slots__ = ()

    def __init__(self, args: MultiSource[V] | None = None, **kwargs: V) -> None:
        super().__init__(() if args is None else args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and same_items(self.items(), other.items())

    def __ne__(self, other: object) -> bool:  # multidict has one of its own
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.multi_items()!r})"

    def getlist(self, key: str, /) -> list[V]:
        """All values of a key, in order; none is an empty list."""
        return self.getall(key, [])

    def poplist(self, key: str, /) -> list[V]:
        """All values of a key; the first of them is removed. (`popall` removes them all.)"""
        values = self.getall(key, [])
        if values:
            self.popone(key)
        return values

    def copy(self) -> MultiDict[V]:
        """Another one with the same pairs."""
        return type(self)(self)

    def to_immutable(self) -> ImmutableMultiDict[V]:
        """The same pairs, fixed."""
        return ImmutableMultiDict(self)


class ImmutableMultiDict(MultiReads, multidict.MultiDictProxy[V]):
    """A mapping with several values for a key that can only be read; `d[key]` is the first of them.

    Args:
        args: a mapping, or pairs; pairs may repeat a key. They are copied.
        kwargs: further pairs.
    """

    __slots__ = ()

    def __init__(self, args: MultiSource[V] | None = None, **kwargs: V) -> None:
        pairs: multidict.MultiDict[V] = multidict.MultiDict(() if args is None else args)
        if kwargs:
            pairs.extend(kwargs)
        super().__init__(pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and same_items(self.items(), other.items())

    def __ne__(self, other: object) -> bool:  # multidict has one of its own
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.multi_items()!r})"

    def getlist(self, key: str, /) -> list[V]:
        """All values of a key, in order; none is an empty list."""
        return self.getall(key, [])

    def mutablecopy(self) -> MultiDict[V]:
        """The same pairs, to be changed."""
        return MultiDict(self)

    def copy(self) -> MultiDict[V]:
        """The same as `mutablecopy`."""
        return MultiDict(self)


class QueryParam(ImmutableMultiDict[str]):
    """The parameters of a query string, in order, with blank ones. `str()` is the query string with sorted names.

    Reading never fails: bytes that are not UTF-8, encoded or not, become U+FFFD.

    Args:
        args: at most one: a query string (`str`, or `bytes` as in an ASGI scope), a mapping (a list gives several
            values), or pairs.
        kwargs: further pairs.

    Raises:
        AssertionError: more than one positional argument.
    """

    __slots__ = ()

    def __init__(self, *args: str | bytes | MultiSource[Any], **kwargs: Any) -> None:
        if len(args) > 1:
            raise AssertionError(f"QueryParam takes one query string, mapping or list of pairs, not {len(args)}.")
        source = args[0] if args else ()
        if isinstance(source, bytes):
            source = source.decode("utf-8", "replace")
        pairs = parse_query(source) if isinstance(source, str) else text_pairs(source)
        if kwargs:
            pairs += text_pairs(kwargs)
        super().__init__(pairs)

    def __str__(self) -> str:
        return urlencode(sorted(self.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def parse_query(query: str) -> list[tuple[str, str]]:
    """The pairs of an `application/x-www-form-urlencoded` text (URL standard, section 5.1), blank values kept.

    Gives what `urllib.parse.parse_qsl(query, keep_blank_values=True)` does, at a quarter of its price.
    """
    pairs = []
    encoded = "%" in query or "+" in query  # asked once: most queries are plain
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            if encoded and ("%" in piece or "+" in piece):
                name, value = unquote(name.replace("+", " ")), unquote(value.replace("+", " "))
            pairs.append((name, value))
    return pairs


def text_pairs(source: MultiSource[Any]) -> list[tuple[str, str]]:
    """Pairs of text of a mapping or of pairs; a list or tuple as value gives a pair for each of its elements."""
    items = source.items() if isinstance(source, Mapping) else source
    return [
        (str(name), str(each))
        for name, value in items
        for each in (value if isinstance(value, (list, tuple)) else (value,))
    ]


def same_items(mine: Iterable[tuple[K, Any]], others: Iterable[tuple[K, Any]]) -> bool:
    """Whether both have the same pairs the same number of times, in whatever order. Values need not be hashable."""
    ours, theirs = list(mine), list(others)
    if ours == theirs:
        return True
    if len(ours) != len(theirs):
        return False
    left: dict[K, list[Any]] = {}
    for name, value in theirs:
        left.setdefault(name, []).append(value)
    for name, value in ours:
        try:
            left.get(name, []).remove(value)
        except ValueError:
            return False
    return True
