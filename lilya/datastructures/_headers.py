"""Header fields of a request or a response: order kept, names case-insensitive, values text (RFC 9110 section 5).

Two lives. Fresh from a scope a `Header` is just the list of byte pairs that the server gave, searched as it is, for
most handlers ask for one or two fields. The first change, or the first look at all of it, makes a multidict of it.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any, Final, TypeAlias, TypeVar, overload

import multidict

from lilya._sansio.headers import check_name, check_value, parse_list
from lilya.datastructures._multi import MultiReads, same_items

__all__ = ["Header"]

T = TypeVar("T")
HeaderSource: TypeAlias = "Header | Mapping[str, Any] | Iterable[tuple[str | bytes, str | bytes]]"

_MISSING: Final = object()


class Header(MultiReads):
    """Header fields, several of one name allowed; `h[name]` is the first value.

    Fields set by the application are checked: a name must be a token, a value must hold neither control characters
    (a line end would smuggle in another header) nor anything outside latin-1; white space around it is taken off.

    Iterating gives pairs of bytes with lower-cased names, as an ASGI message wants them; `keys`, `values` and `items`
    give text, as set. `in` takes a name, as text or bytes, or a pair. An attribute is a field too: `h.x_token` is the
    values of `x-token` joined by commas, `""` if there is none.

    Args:
        value: a mapping (a list gives several fields of one name), pairs of text or latin-1 bytes, or nothing.

    Raises:
        TypeError: a name or a value that is neither text nor bytes.
        ValueError: a name or a value that may not be sent.
    """

    __slots__ = ("_built", "_raw")

    _raw: list[tuple[bytes, bytes]] | None  # None once `_built` is there
    _built: multidict.CIMultiDict[str]

    def __init__(self, value: HeaderSource | None = None) -> None:
        self._raw = None
        self._built = multidict.CIMultiDict(_checked_pairs(value))

    @classmethod
    def from_raw(cls, raw: Iterable[tuple[bytes, bytes]]) -> Header:
        """The fields a server gave, as they are. Costs next to nothing and never fails, whatever the bytes.

        A list is not copied, and never changed. Add to it later, and a header that was only asked for single fields
        sees it, another one does not: make a new one.
        """
        header = cls.__new__(cls)
        header._raw = raw if type(raw) is list else list(raw)
        return header

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> Header:
        """The fields of a scope or of a message, which may have none. As `from_raw`."""
        header = cls.__new__(cls)
        raw = scope.get("headers") or ()
        header._raw = raw if type(raw) is list else list(raw)
        return header

    @classmethod
    def ensure_header_instance(cls, scope: MutableMapping[str, Any]) -> Header:
        """The `Header` in `scope["headers"]` of a scope or a message; made and put there if there is none yet.

        What is changed in it is changed in the scope or message.
        """
        headers = scope.get("headers")
        if not isinstance(headers, cls):
            headers = scope["headers"] = cls.from_scope(scope)
        return headers

    @overload
    def get(self, key: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, key: str, default: T, /) -> str | T: ...
    def get(self, key: str, default: T | None = None, /) -> str | T | None:
        """The first value of that name, or `default`."""
        raw = self._raw
        if raw is None:
            return self._built.get(key, default)
        wanted = key.encode("latin-1", "replace").lower()
        length = len(wanted)  # compared first: most names differ in it, and need not be lowered
        for name, value in raw:
            if len(name) == length and name.lower() == wanted:
                return value.decode("latin-1")
        return default

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __getattr__(self, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        return ",".join(self.getlist(name.replace("_", "-")))

    def getlist(self, key: str, /) -> list[str]:
        """The values of all fields of that name, in order; none is an empty list."""
        raw = self._raw
        if raw is None:
            return self._built.getall(key, [])
        wanted = key.encode("latin-1", "replace").lower()
        return [value.decode("latin-1") for name, value in raw if name.lower() == wanted]

    def get_all(self, key: str, /) -> list[str]:
        """The same as `getlist`."""
        return self.getlist(key)

    @overload
    def getall(self, key: str, /) -> list[str]: ...
    @overload
    def getall(self, key: str, default: T, /) -> list[str] | T: ...
    def getall(self, key: str, default: Any = _MISSING, /) -> Any:
        """As `getlist`; where there is no such field, `default`, or a `KeyError` if none is given."""
        values = self.getlist(key)
        if not values and default is _MISSING:
            raise KeyError(key)
        return values or default

    @overload
    def getone(self, key: str, /) -> str: ...
    @overload
    def getone(self, key: str, default: T, /) -> str | T: ...
    def getone(self, key: str, default: Any = _MISSING, /) -> Any:
        """As `get`, but a `KeyError` where there is no such field and no `default` is given."""
        return self[key] if default is _MISSING else self.get(key, default)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, tuple) and len(item) == 2:
            name, value = (part.decode("latin-1") if isinstance(part, bytes) else part for part in item)
            return isinstance(name, str) and value in self.getlist(name)
        if isinstance(item, bytes):
            item = item.decode("latin-1")
        return isinstance(item, str) and self.get(item) is not None

    def __len__(self) -> int:
        return len(self._built if self._raw is None else self._raw)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.encoded_multi_items())

    def encoded_multi_items(self) -> list[tuple[bytes, bytes]]:
        """All fields as pairs of bytes with lower-cased names, in order: the `headers` of an ASGI message."""
        if self._raw is not None:
            return [(name.lower(), value) for name, value in self._raw]
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self._built.items()]

    def get_encoded_multi_items(self) -> list[tuple[bytes, bytes]]:
        """The same as `encoded_multi_items`."""
        return self.encoded_multi_items()

    def keys(self) -> KeysView[str]:
        """The names, in order, each once."""
        return self._multi().keys()

    def values(self) -> ValuesView[str]:
        """The values, in order."""
        return self._multi().values()

    def items(self) -> ItemsView[str, str]:
        """The pairs of name and value, in order."""
        return self._multi().items()

    def to_dict(self) -> dict[str, list[str]]:
        """A list of values for each name; names that differ in case only are one, spelt as the first of them."""
        return self._multi().to_dict()

    def copy(self) -> Header:
        """Another one with the same fields."""
        return self.from_raw(self.encoded_multi_items()) if self._raw is not None else type(self)(self)

    __copy__ = copy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and same_items(self.encoded_multi_items(), other.encoded_multi_items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = self.dump()
        return f"{type(self).__name__}({fields!r})" if len(fields) == len(self) else type(self).__name__

    def __setitem__(self, key: str, value: str) -> None:
        name, value = _checked(key, value)
        self._multi()[name] = value

    def __delitem__(self, key: str) -> None:
        del self._multi()[key]

    def add(self, key: str, value: str) -> None:
        """Add one more field."""
        self._multi().add(*_checked(key, value))

    def setdefault(self, key: str, default: str) -> str:
        """The first value of that name, which is `default`, now set, if there was none."""
        return self._multi().setdefault(*_checked(key, default))

    def update(self, value: HeaderSource | None = None, /, **kwargs: str) -> None:
        """Set fields, in place of those of the same names."""
        self._multi().update(_checked_pairs(value) + _checked_pairs(kwargs))

    def extend(self, value: HeaderSource | None = None, /, **kwargs: str) -> None:
        """Add fields to those there are."""
        self._multi().extend(_checked_pairs(value) + _checked_pairs(kwargs))

    def merge(self, value: HeaderSource | None = None, /, **kwargs: str) -> None:
        """Add the fields whose names are not there yet."""
        self._multi().merge(_checked_pairs(value) + _checked_pairs(kwargs))

    def add_vary_header(self, value: str) -> None:
        """Say that the answer depends on that request header too, once, keeping what `Vary` says (RFC 9110 12.5.5)."""
        fields = parse_list(", ".join(self.getlist("vary")))
        known = {field.lower() for field in fields}
        added = [field for field in parse_list(value) if field.lower() not in known]
        if "*" in added:
            self["vary"] = "*"
        elif added and "*" not in known:
            self["vary"] = ", ".join(fields + added)

    @overload
    def pop(self, key: str, /) -> str: ...
    @overload
    def pop(self, key: str, default: T, /) -> str | T: ...
    def pop(self, key: str, default: Any = _MISSING, /) -> Any:
        """Remove the first field of that name: its value, else `default`, else a `KeyError`."""
        return self._multi().popone(key) if default is _MISSING else self._multi().popone(key, default)

    popone = pop

    @overload
    def popall(self, key: str, /) -> list[str]: ...
    @overload
    def popall(self, key: str, default: T, /) -> list[str] | T: ...
    def popall(self, key: str, default: Any = _MISSING, /) -> Any:
        """Remove all fields of that name: their values, else `default`, else a `KeyError`."""
        return self._multi().popall(key) if default is _MISSING else self._multi().popall(key, default)

    def clear(self) -> None:
        """Remove all fields."""
        self._multi().clear()

    def _multi(self) -> multidict.CIMultiDict[str]:
        raw = self._raw
        if raw is not None:
            self._built = multidict.CIMultiDict(
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
            )
            self._raw = None
        return self._built


def _checked_pairs(source: HeaderSource | None) -> list[tuple[str, str]]:
    if source is None:
        return []
    items = source.items() if isinstance(source, (dict, Header, Mapping)) else source
    return [
        _checked(name, each)
        for name, value in items
        for each in (value if isinstance(value, (list, tuple)) else (value,))
    ]


def _checked(name: object, value: object) -> tuple[str, str]:
    name = check_name(_text(name, name))
    return name, check_value(name, _text(name, value))


def _text(name: object, text: object) -> str:
    if isinstance(text, str):
        return text
    if isinstance(text, bytes):
        return text.decode("latin-1")
    raise TypeError(f"Header {name!r} got {text!r}, wanted str or bytes; did you mean {str(text)!r}?")
