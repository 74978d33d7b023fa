"""Path transformers: what one `{name:key}` of a path template matches, and which value it becomes.

A transformer is a rule in both directions: text of a request path to a value (`regex`, then `transform`), and a value
to the text of a reversed URL (`normalise`). It knows neither templates nor requests.

    key         matches                                          value
    str         one segment (the default)                        str
    path        anything, slashes too, even nothing              str
    int         ASCII digits                                     int
    float       ASCII digits, perhaps a fraction                 float
    uuid        8-4-4-4-12 hexadecimal digits, either case       uuid.UUID
    datetime    YYYY-MM-DDTHH:MM:SS, one to six more digits      datetime.datetime

The contract of matching: the whole text must match `regex`, and then a `ValueError` from `transform` means "this path
does not match", never an error; so `/{day:datetime}` does not match `/2024-02-31T00:00:00`.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from lilya._lazy import lazily
from lilya.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    import datetime
    import decimal
    import uuid
else:
    datetime = lazily("datetime")
    decimal = lazily("decimal")
    uuid = lazily("uuid")

__all__ = [
    "TRANSFORMER_TYPES",
    "DatetimeTransformer",
    "FloatTransformer",
    "IntTransformer",
    "PathTransformer",
    "StrTransformer",
    "Transformer",
    "TransformerRegistry",
    "UUIDTransformer",
    "register_path_transformer",
]

T = TypeVar("T")


class Transformer(ABC, Generic[T]):
    """One kind of path parameter. Subclass it, give it a `regex`, and register it under a key.

    `regex` is matched against the whole text of the parameter, so it needs no anchors. It must carry no global flags
    such as `(?i)`, since it becomes a group of a larger pattern.
    """

    regex: ClassVar[str]

    @abstractmethod
    def transform(self, value: str) -> T:
        """The value of a matched text.

        Raises `ValueError` where the text looks right but means nothing: then the path does not match. Called on
        every request of the route, on the event loop: it must not wait.
        """

    @abstractmethod
    def normalise(self, value: T) -> str:
        """The text of a value, not percent-encoded. Raises `AssertionError` for a value that no path can carry."""


class StrTransformer(Transformer[str]):
    """One whole segment, as it is."""

    regex = "[^/]+"

    def transform(self, value: str) -> str:
        return value

    def normalise(self, value: str) -> str:
        text = str(value)
        if "/" in text:
            raise AssertionError("May not contain path separators")
        if not text:
            raise AssertionError("Must not be empty")
        return text


class PathTransformer(Transformer[str]):
    """Everything that is left, slashes included; may be empty. A line feed is never matched."""

    regex = ".*"

    def transform(self, value: str) -> str:
        return value

    def normalise(self, value: str) -> str:
        return str(value)


class IntTransformer(Transformer[int]):
    """A non-negative integer in ASCII digits. More digits than the interpreter converts do not match."""

    regex = "[0-9]+"

    def transform(self, value: str) -> int:
        return int(value)  # past sys.get_int_max_str_digits() a ValueError: no match

    def normalise(self, value: int) -> str:
        number = int(value)
        if number < 0:
            raise AssertionError(f"Negative integers are not supported: {value!r}")
        return str(number)


class FloatTransformer(Transformer[float]):
    """A non-negative, finite number without exponent; written with at most 20 decimals."""

    regex = r"[0-9]+(\.[0-9]+)?"

    def transform(self, value: str) -> float:
        number = float(value)
        if math.isinf(number):
            raise ValueError("too large for a float")
        return number

    def normalise(self, value: float) -> str:
        number = float(value)
        if number < 0.0:
            raise AssertionError(f"Negative floats are not supported: {value!r}")
        if not math.isfinite(number):
            raise AssertionError(f"NaN and infinite values are not supported: {value!r}")
        # By way of Decimal 0.1 is "0.1", not the longer value of its binary form. The abs makes -0.0 a plain "0".
        return f"{decimal.Decimal(repr(abs(number))):.20f}".rstrip("0").rstrip(".")


class UUIDTransformer(Transformer["uuid.UUID"]):
    """A UUID in its usual form (RFC 9562, section 4): upper case is read, lower case is written."""

    regex = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"

    def transform(self, value: str) -> uuid.UUID:
        return uuid.UUID(value)

    def normalise(self, value: uuid.UUID) -> str:
        return str(value)


class DatetimeTransformer(Transformer["datetime.datetime"]):
    """A naive date and time of ISO 8601; whole seconds are written.

    A fraction is read up to microseconds. A longer one has no `datetime`, so it does not match.
    """

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"

    def transform(self, value: str) -> datetime.datetime:
        return datetime.datetime.fromisoformat(value)

    def normalise(self, value: datetime.datetime) -> str:
        # Not strftime: its %Y does not pad the years before 1000 on every platform.
        return value.replace(tzinfo=None).isoformat(timespec="seconds")


class TransformerRegistry(MutableMapping[str, Transformer[Any]]):
    """The transformers by the key they have in templates.

    A template looks its keys up when it is parsed: what is registered or replaced later changes only later templates.
    Register while the application is being put together, from one thread.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, Transformer[Any]] = {}

    def __getitem__(self, key: str) -> Transformer[Any]:
        return self._by_key[key]

    def __setitem__(self, key: str, transformer: Transformer[Any]) -> None:
        """Raises `ImproperlyConfigured` for a key that no template can name, and for a `regex` that is none."""
        if not key.isidentifier():
            raise ImproperlyConfigured(f"The key of a path transformer must be an identifier, not {key!r}.")
        if not isinstance(transformer, Transformer):
            raise ImproperlyConfigured(f"The path transformer {key!r} must be a Transformer, not {transformer!r}.")
        regex = getattr(transformer, "regex", None)
        if not isinstance(regex, str):
            raise ImproperlyConfigured(f"The path transformer {key!r} must have a string `regex`, not {regex!r}.")
        try:
            re.compile(regex)
            re.compile(f"(?:{regex})")
        except re.error as error:
            raise ImproperlyConfigured(
                f"The `regex` of the path transformer {key!r} cannot be a part of a larger pattern: {error}: {regex!r}."
            ) from error
        self._by_key[key] = transformer

    def __delitem__(self, key: str) -> None:
        del self._by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)


TRANSFORMER_TYPES = TransformerRegistry()
"""The one registry that templates read."""


def register_path_transformer(key: str, transformer: Transformer[Any] | type[Transformer[Any]]) -> None:
    """Make `{name:key}` mean `transformer` (a class is instantiated without arguments) in templates parsed from now on.

    A known key is replaced. Raises `ImproperlyConfigured` for what cannot be a transformer or its key.
    """
    TRANSFORMER_TYPES[key] = transformer() if isinstance(transformer, type) else transformer


register_path_transformer("str", StrTransformer)
register_path_transformer("path", PathTransformer)
register_path_transformer("int", IntTransformer)
register_path_transformer("float", FloatTransformer)
register_path_transformer("uuid", UUIDTransformer)
register_path_transformer("datetime", DatetimeTransformer)
