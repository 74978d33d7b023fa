"""Configuration from the environment: variables, env files, YAML files.

An env file is lines of `KEY=value`. `export` in front, spaces around both, and one pair of quotes around the value are
left out; lines that are empty, or begin with `#`, are passed over. In a value `$NAME`, `${NAME}` and `${NAME|default}`
stand for what is known by then under that name: further up in the file, else in the environment, else from the start;
`$$` is a dollar sign. Between single quotes nothing is replaced.

Files are read at once, by the caller's thread: do it when the program starts.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar, overload

from lilya.exceptions import EnvError, MissingDependency
from lilya.types import Empty

__all__ = ["EnvironLoader"]

T = TypeVar("T")
FilePath = str | os.PathLike[str]

TRUE: Final = frozenset({"true", "1", "y", "yes", "on"})
FALSE: Final = frozenset({"false", "0", "n", "no", "off"})

LINE: Final = re.compile(r"(?:export\s+)?([^\s=]+)\s*=\s*(.*)", re.DOTALL)
REFERENCE: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)(?:\|([^}]*))?\})")


class EnvironLoader(MutableMapping[str, Any]):
    """Values from a mapping and from files, and behind them the variables of the process.

        env = EnvironLoader(env_file=".env")
        debug = env("DEBUG", cast=bool, default=False)

    As a mapping it holds its own values: `environ`, and over them those of the file. What was read cannot be changed
    any more, so that all see the same.

    Args:
        environ: values to begin with. A str or a path here is an `env_file`.
        env_file: is read at once. Warns when there is none.
        prefix: what is put in front of every key that is asked for by a call: `env("PORT")` asks for `APP_PORT`.
        ignore_case: whether `port` finds `PORT`.
        strict: whether a key that is twice in a file, and a name that stands for nothing, is an `EnvError`.
    """

    def __init__(
        self,
        environ: Mapping[str, Any] | FilePath | None = None,
        env_file: FilePath | Mapping[str, Any] | None = None,
        prefix: str | None = None,
        ignore_case: bool = False,
        strict: bool = False,
    ) -> None:
        if isinstance(environ, str | os.PathLike) or isinstance(env_file, Mapping):  # the order of earlier releases
            environ, env_file = _mapping(env_file), _file(environ)
        self.prefix = prefix or ""
        self.ignore_case = ignore_case
        self.strict = strict
        self._read: set[str] = set()
        self._values: dict[str, Any] = {}
        self._put(environ or {})
        if env_file is not None:
            self._put(_EnvFile(env_file, self._known, strict).read())

    # -- asking -----------------------------------------------------------------------------------------------------

    @overload
    def __call__(self, key: str, cast: None = None, default: Any = Empty) -> Any: ...
    @overload
    def __call__(self, key: str, cast: Callable[[Any], T], default: Any = Empty) -> T: ...
    def __call__(self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = Empty) -> Any:
        """The value of a key: its own, else that of the process, else `default`; made by `cast`, unless it is None.

        `bool` takes true, 1, y, yes, on and false, 0, n, no, off in any case. Raises `KeyError` when there is no value,
        `ValueError` when `cast` does not take it.
        """
        key = self.prefix + key
        value = self._find(key)
        if value is Empty:
            value = default
        if value is Empty:
            raise KeyError(f"{key!r} is not in the environment, and there is no default for it.")
        return value if cast is None or value is None else _cast(key, value, cast)

    env = __call__

    def _find(self, key: str) -> Any:
        own = self._own(key)
        if own is not None:
            self._read.add(own)
            return self._values[own]
        if key in os.environ or not self.ignore_case:
            return os.environ.get(key, Empty)
        return next((value for name, value in os.environ.items() if name.lower() == key.lower()), Empty)

    def _own(self, key: str) -> str | None:
        """The key as it is held, None where it is not."""
        if key in self._values:
            return key
        if not self.ignore_case:
            return None
        return next((name for name in self._values if name.lower() == key.lower()), None)

    # -- a mapping --------------------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        own = self._own(key)
        if own is None:
            raise KeyError(key)
        self._read.add(own)
        return self._values[own]

    def __setitem__(self, key: str, value: Any) -> None:
        own = self._own(key) or key
        if own in self._read:
            raise EnvError(detail=f"Attempting to set {key!r}, but the value has already been read.")
        self._values[own] = value

    def __delitem__(self, key: str) -> None:
        own = self._own(key)
        if own is None:
            raise EnvError(detail=f"Attempting to delete {key!r}. Value does not exist.")
        if own in self._read:
            raise EnvError(detail=f"Attempting to delete {key!r}, but the value has already been read.")
        del self._values[own]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._own(key) is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} values)"  # which may be secrets

    def export(self) -> dict[str, Any]:
        """All of its own values; none counts as read."""
        return dict(self._values)

    def multi_items(self) -> list[tuple[str, Any]]:
        """All of its own values as pairs; none counts as read."""
        return list(self._values.items())

    get_multi_items = multi_items

    # -- loading ----------------------------------------------------------------------------------------------------

    def load_from_files(
        self,
        *,
        env_file: FilePath | None = None,
        yaml_file: FilePath | None = None,
        include_os_env: bool = True,
        strict: bool = True,
        flatten: bool = True,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        """Take more values, each source over those before it:

        the variables of the process, an env file, a YAML file, `overrides`. With `flatten` what is nested in YAML gets
        keys like `servers.0.port`, and every value is text, as `str` makes it; without, YAML's values are kept.

        Raises `EnvError` for what cannot be read, and where `strict` says so; `MissingDependency` for YAML without
        PyYAML. Then, nothing was taken. Warns when a file is not there.
        """
        found: dict[str, Any] = dict(os.environ) if include_os_env else {}

        def known(name: str) -> Any:
            return found[name] if name in found else self._known(name)

        if env_file is not None:
            found |= _EnvFile(env_file, known, strict).read()
        if yaml_file is not None:
            found |= _read_yaml(yaml_file, known, strict=strict, flatten=flatten)
        self._put(found | dict(overrides or {}))

    def load_all(self, **options: Any) -> dict[str, Any]:
        """`load_from_files` with its options, then `export`."""
        self.load_from_files(**options)
        return self.export()

    def _put(self, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            self._values[self._own(key) or key] = value

    def _known(self, name: str) -> Any:
        """What a reference in a file stands for, as far as it is not in the file: the process, else the start."""
        return os.environ[name] if name in os.environ else self._values.get(name, Empty)


def _mapping(given: Any) -> Mapping[str, Any] | None:
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"EnvironLoader takes one env file and one mapping, got a second file: {given!r}")
    return given


def _file(given: Any) -> FilePath | None:
    if given is not None and not isinstance(given, str | os.PathLike):
        raise TypeError(f"EnvironLoader takes one env file and one mapping, got a second mapping: {given!r}")
    return given


def _cast(key: str, value: Any, cast: Callable[[Any], Any]) -> Any:
    if cast is bool:
        word = str(value).strip().lower()
        if word in TRUE or word in FALSE:
            return word in TRUE
        raise ValueError(f"{key!r} has the value {value!r}, no bool: write true or false.")
    try:
        return cast(value)
    except (TypeError, ValueError, ArithmeticError) as exc:
        name = getattr(cast, "__name__", repr(cast))
        raise ValueError(f"{key!r} has the value {value!r}, no {name}: {exc}") from exc


def _read_text(path: FilePath) -> str | None:
    """The text of a file; None, and a warning, where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        # The user's line is behind this function, the reader, and the method of the loader.
        warnings.warn(f"EnvironLoader file '{path}' not found.", stacklevel=4)
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise EnvError(detail=f"The environment file {str(path)!r} cannot be read: {exc}") from exc


def _resolve(text: str, known: Callable[[str], Any], where: str, *, strict: bool) -> str:
    """`text` with what its references stand for; one that stands for nothing stays as it is, unless it is an error."""

    def stands_for(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            return "$"
        value = known(name)
        if value is not Empty:
            return str(value)
        if match[3] is not None:
            return match[3]
        if strict:
            raise EnvError(detail=f"{where}: {match[0]} stands for nothing; give a default as ${{{name}|default}}.")
        return match[0]

    return REFERENCE.sub(stands_for, text)


class _EnvFile:
    """An env file. `known` says what names stand for that are not in it."""

    def __init__(self, path: FilePath, known: Callable[[str], Any], strict: bool) -> None:
        self._path = path
        self._outside = known
        self._strict = strict
        self._found: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        text = _read_text(self._path)
        for number, line in enumerate((text or "").splitlines(), 1):
            stripped = line.strip()
            if stripped and not stripped.startswith("#"):
                self._take(stripped, f"{self._path}:{number}")
        return self._found

    def _take(self, line: str, where: str) -> None:
        match = LINE.fullmatch(line)
        if match is None:
            if self._strict:
                raise EnvError(detail=f"{where}: wanted KEY=value, got {line!r}.")
            return
        key, value = match.groups()
        if self._strict and key in self._found:
            raise EnvError(detail=f"{where}: {key!r} is there twice.")
        quote = value[:1]
        quoted = len(value) > 1 and quote in ("'", '"') and value.endswith(quote)
        value = value[1:-1] if quoted else value
        literal = quoted and quote == "'"
        self._found[key] = value if literal else _resolve(value, self._known, where, strict=self._strict)

    def _known(self, name: str) -> Any:
        return self._found[name] if name in self._found else self._outside(name)


def _read_yaml(path: FilePath, known: Callable[[str], Any], *, strict: bool, flatten: bool) -> dict[str, Any]:
    try:
        yaml = import_module("yaml")
    except ImportError as exc:
        raise MissingDependency("Reading a YAML file needs PyYAML: pip install PyYAML") from exc
    text = _read_text(path)
    try:
        if strict:
            _check_keys(yaml.compose(text or "", Loader=yaml.SafeLoader), yaml, path)
        content = yaml.safe_load(text or "") or {}
    except (yaml.YAMLError, RecursionError) as exc:
        raise EnvError(detail=f"{path}: {exc}") from exc
    if not isinstance(content, Mapping):
        raise EnvError(detail=f"{path}: wanted a mapping of names and values, got a {type(content).__name__}.")

    def resolved(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): resolved(each) for key, each in value.items()}
        if isinstance(value, list):
            return [resolved(each) for each in value]
        return _resolve(value, known, str(path), strict=strict) if isinstance(value, str) else value

    values: dict[str, Any] = resolved(content)
    return dict(_flat("", values)) if flatten else values


def _check_keys(root: Any, yaml: Any, path: FilePath) -> None:
    """Raise `EnvError` for a key that is twice in a mapping; the reader of YAML would take the last without a word."""
    pending, seen = [root], set[int]()
    while pending:
        node = pending.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = set[Hashable]()
            for key, value in node.value:
                pending.append(value)
                if isinstance(key.value, str) and key.value in keys:
                    raise EnvError(detail=f"{path}:{key.start_mark.line + 1}: {key.value!r} is there twice.")
                keys.add(key.value if isinstance(key.value, str) else id(key))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)  # type: ignore[assignment]
    else:
        yield prefix, "" if value is None else str(value)
        return
    for key, each in parts:
        yield from _flat(f"{prefix}.{key}" if prefix else str(key), each)
