"""How text is made of JSON values and JSON values of text, and how to put another library in that place.

`serializer` is the one object the house asks. It starts with `CompactSerializer` (the standard library). A
`SerializerConfig` given to `setup_serializer` replaces that for the whole process, one given to
`Lilya(serializer_config=...)`, or in its settings, for what this application does. A serializer knows JSON values only:
what else may stand in a value is the encoders' matter, and they come to it as `default=`. Another library is put in
with a class of its own:

    class OrjsonSerializer(CompactSerializer):
        def dumps(self, value, **options):
            return orjson.dumps(value, default=options.get("default"))

        def loads(self, value, **options):
            return orjson.loads(value)

    class OrjsonConfig(SerializerConfig):
        def get_serializer(self):
            return OrjsonSerializer()

Such a library answers by its own rules: orjson and msgspec write `null` for NaN, which `CompactSerializer` refuses.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import IO, Any, NamedTuple, NoReturn, TypeAlias

from lilya._current import AROUND, SERIALIZER
from lilya.exceptions import ImproperlyConfigured, MissingDependency
from lilya.protocols.serializer import SerializerProtocol

__all__ = [
    "COMPACT",
    "CompactSerializer",
    "Installed",
    "JSONText",
    "MsgspecSerializer",
    "MsgspecSerializerConfig",
    "SerializerConfig",
    "SerializerProtocol",
    "SerializerProxy",
    "StandardSerializerConfig",
    "make_serializer",
    "serializer",
    "setup_serializer",
]

JSONText: TypeAlias = str | bytes | bytearray | memoryview

COMPACT: Mapping[str, Any] = MappingProxyType({"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")})
"""The options of `json` that write the shortest text, in UTF-8, and nothing that is not JSON (RFC 8259)."""


class CompactSerializer:
    """The standard library's `json`, compact: non-ASCII characters are kept, NaN and infinities refused both ways.

    `options`, of the serializer or of one call, are those of `json.dumps` and `json.loads`; unknown ones raise
    `TypeError`. Subclasses need only `dumps` and `loads`: the forms for files stand on them.
    """

    def __init__(self, **options: Any) -> None:
        self._options = {**COMPACT, **options}
        self._encode = json.JSONEncoder(**self._options).encode

    def dump(self, value: Any, file: IO[Any], /, **options: Any) -> None:
        """Write `dumps(value)` to a file: a text one, unless the serializer makes bytes."""
        file.write(self.dumps(value, **options))

    def dumps(self, value: Any, /, **options: Any) -> str | bytes:
        """`value` as JSON text. Raises `ValueError` or `TypeError` for what JSON cannot say."""
        if not options:
            return self._encode(value)
        return json.dumps(value, **(self._options | options))

    def load(self, file: IO[Any], /, **options: Any) -> Any:
        """The value of all that is left in a file, text or binary."""
        return self.loads(file.read(), **options)

    def loads(self, value: JSONText, /, **options: Any) -> Any:
        """The value of a JSON text; bytes are UTF-8, with or without a byte order mark (RFC 8259, section 8.1).

        Raises `ValueError` for anything else: bad syntax, bad UTF-8, NaN, a number of too many digits, too much depth.
        """
        text = value if isinstance(value, str) else str(value, "utf-8").removeprefix("\ufeff")
        try:
            return json.loads(text, **options) if options else _DECODER.decode(text)
        except RecursionError:
            raise ValueError("The JSON text is nested too deeply.") from None


class MsgspecSerializer(CompactSerializer):
    """`msgspec.json`: several times faster than the standard library. NaN and infinities are written as `null`.

    Dates, UUIDs, dataclasses and more are written by msgspec itself, without asking the encoders: a timedelta as an ISO
    8601 duration, UTC as `Z`. `options` are those of `msgspec.json.encode` and `decode`. Raises `MissingDependency`.
    """

    def __init__(self) -> None:
        try:
            self._json: Any = import_module("msgspec.json")
        except ImportError as error:
            raise MissingDependency("MsgspecSerializer needs msgspec: pip install msgspec") from error

    def dumps(self, value: Any, /, **options: Any) -> bytes:
        """`value` as JSON, in bytes."""
        encoded: bytes = self._json.encode(value, enc_hook=options.pop("default", None), **options)
        return encoded

    def loads(self, value: JSONText, /, **options: Any) -> Any:
        """The value of a JSON text. Raises `ValueError` for what is none."""
        try:
            return self._json.decode(value, **options)
        except RecursionError:
            raise ValueError("The JSON text is nested too deeply.") from None


class SerializerConfig(ABC):
    """Makes the serializer to install. Keywords are kept in `options`, for the subclass to use."""

    def __init__(self, **kwargs: Any) -> None:
        self.options = kwargs

    def configure(self) -> None:  # noqa: B027  # a place for subclasses, not a duty
        """Called once, before `get_serializer`, for whatever must be prepared."""

    @abstractmethod
    def get_serializer(self) -> Any:
        """The serializer: an object with `dump`, `dumps`, `load` and `loads`, see `SerializerProtocol`."""


class StandardSerializerConfig(SerializerConfig):
    """The standard library's `json`, as `CompactSerializer(**options)`; what is installed from the start."""

    def get_serializer(self) -> CompactSerializer:
        return CompactSerializer(**self.options)


class MsgspecSerializerConfig(SerializerConfig):
    """`msgspec.json`, see `MsgspecSerializer`. Takes no options."""

    def get_serializer(self) -> MsgspecSerializer:
        return MsgspecSerializer(**self.options)


class Installed(NamedTuple):
    """A serializer, and whether it is the standard one as it is."""

    serializer: SerializerProtocol
    plain: bool


class SerializerProxy:
    """The serializer in use. Hold on to the proxy and its methods: they follow what is installed later."""

    __slots__ = ("_apps", "_installed", "plain")

    plain: bool  # the standard one is everybody's; where it is not, `plain_here` tells

    def __init__(self, current: SerializerProtocol, *, plain: bool) -> None:
        self._apps = False
        self.install(Installed(current, plain))

    def install(self, installed: Installed) -> None:
        """Put another one in place of that of the process; for `setup_serializer`."""
        self._installed = installed
        self.plain = installed.plain and not self._apps

    def expect(self) -> None:
        """From now on look for one of the application that serves: there is one that has its own."""
        self._apps = True
        self.plain = False

    def _used(self) -> Installed:
        if not self._apps:
            return self._installed
        own: Installed = AROUND.get({}).get(SERIALIZER, self._installed)
        return own

    @property
    def plain_here(self) -> bool:
        """Whether the one in use is the standard one, so that the encoders may write its JSON by a shorter way."""
        return self._used().plain

    @property
    def _current(self) -> SerializerProtocol:
        return self._used().serializer

    def dump(self, value: Any, file: IO[Any], /, **options: Any) -> None:
        """Write `value` as JSON to a file."""
        self._current.dump(value, file, **options)

    def dumps(self, value: Any, /, **options: Any) -> str:
        """`value` as JSON text, whatever the serializer in use returns."""
        text = self._current.dumps(value, **options)
        return text if isinstance(text, str) else text.decode()

    def dump_bytes(self, value: Any, /, **options: Any) -> bytes:
        """`value` as JSON in UTF-8, whatever the serializer in use returns."""
        text = self._current.dumps(value, **options)
        return text.encode() if isinstance(text, str) else text

    def load(self, file: IO[Any], /, **options: Any) -> Any:
        """The value of the JSON text in a file."""
        return self._current.load(file, **options)

    def loads(self, value: JSONText, /, **options: Any) -> Any:
        """The value of a JSON text. Raises `ValueError` for what is none."""
        return self._current.loads(value, **options)


def setup_serializer(serializer_config: SerializerConfig | None = None) -> None:
    """Install what `serializer_config` makes, for the whole process; without one, the standard again.

    Raises `ImproperlyConfigured`, a `ValueError`, for what is no `SerializerConfig`, or makes no serializer.
    """
    serializer.install(make_serializer(StandardSerializerConfig() if serializer_config is None else serializer_config))


def make_serializer(config: SerializerConfig) -> Installed:
    """What `config` makes, prepared and checked. Raises as `setup_serializer` does."""
    if not isinstance(config, SerializerConfig):
        hint = f" Did you mean `{config.__name__}()`?" if isinstance(config, type) else ""
        raise ImproperlyConfigured(f"`serializer_config` must be a SerializerConfig, not {config!r}.{hint}")
    config.configure()
    made = config.get_serializer()
    if not isinstance(made, SerializerProtocol):
        raise ImproperlyConfigured(
            f"{type(config).__name__}.get_serializer() must return an object with dump, dumps, load and loads, "
            f"not {made!r}."
        )
    return Installed(made, type(config) is StandardSerializerConfig and not config.options)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number (RFC 8259, section 6).")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)

serializer = SerializerProxy(CompactSerializer(), plain=True)
"""The one serializer of the process."""
