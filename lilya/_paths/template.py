"""What a route writes as its path, read once: `/users/{id:int}/files/{rest:path}`.

Text is matched as ASGI gives it in `scope["path"]`, that is percent-decoded; what `build` returns is percent-encoded
(RFC 3986, section 3.3). This module knows one template; which of many match a path is the tree's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from lilya._lazy import lazily
from lilya.exceptions import ImproperlyConfigured
from lilya.transformers import TRANSFORMER_TYPES, Transformer

if TYPE_CHECKING:
    import difflib
else:
    difflib = lazily("difflib")

__all__ = ["Param", "PathTemplate", "Segment", "compile_path", "pattern_of"]

# pchar of RFC 3986 without the unreserved characters, which `quote` always keeps.
_SEGMENT_SAFE = "!$&'()*+,;=:@"

_FIELD = re.compile(r"\{([^{}]*)\}|<([^<>]*)>")
_BRACKET = re.compile(r"[{}<>]")

# Regular expressions made of these parts alone cannot match a slash: literals, \d and \w, groups, quantifiers, classes
# whose ranges lie among letters and digits, and negated classes that begin with the slash. Others may; taking one
# for such costs a little speed and is never wrong.
_WITHOUT_SLASH = re.compile(
    r"""(?: [\w\-~@%&=:;,!'" ] | \\[dw.\-+~@:;,!(){}\[\]|*?$^]
          | \[-?(?: [0-9A-Za-z]-[0-9A-Za-z] | \\[dw.\-] | [\w.~@%&=:;,!'+*() ] )*-?\]
          | \[\^/[^\]\\]*\]
          | \((?!\?) | \(\?: | \) | \| | [*+?] | \{[0-9]*,?[0-9]*\}
        )+""",
    re.VERBOSE,
)


@lru_cache(maxsize=64)  # applications have a handful of kinds of parameters, and thousands of parameters
def _may_span(regex: str) -> bool:
    return _WITHOUT_SLASH.fullmatch(regex) is None


@dataclass(frozen=True, init=False)
class Param:
    """One `{name:key}` of a template, with the transformer its key had when the template was parsed."""

    name: str
    transformer: Transformer[Any]

    def __init__(self, name: str, transformer: Transformer[Any]) -> None:
        # The one that is made for a frozen class sets each field by a call: of thousands of templates a tenth.
        self.__dict__.update(name=name, transformer=transformer)

    @cached_property
    def spans(self) -> bool:
        """Whether it may match a slash, and so more than one segment."""
        return _may_span(self.transformer.regex)


# What stands between two slashes: literal text and parameters in turn; `()` is the one segment of the root.
Segment: TypeAlias = tuple[str | Param, ...]


@dataclass(frozen=True, init=False)
class PathTemplate:
    """A parsed path. Make it with `PathTemplate.parse`.

    `raw` is the text as it was written, `path` the same without trailing and doubled slashes; `segments` are its
    parts between the slashes, `params` its parameters from left to right.
    """

    raw: str
    path: str
    segments: tuple[Segment, ...]
    params: tuple[Param, ...]

    def __init__(self, raw: str, path: str, segments: tuple[Segment, ...], params: tuple[Param, ...]) -> None:
        self.__dict__.update(raw=raw, path=path, segments=segments, params=params)

    @classmethod
    def parse(cls, raw: str, *, keep_slash: bool = False) -> PathTemplate:
        """Read a template. `keep_slash` keeps a trailing slash as part of it: the root of an include has one.

        Raises `AssertionError` where it does not start with a slash or names an unknown transformer, `ValueError`
        where a parameter comes twice, and `ImproperlyConfigured` where braces or angle brackets hold no parameter.
        """
        if not raw.startswith("/"):
            raise AssertionError(f"Paths must start with '/', got {raw!r}")
        path = re.sub("/{2,}", "/", raw) if "//" in raw else raw
        if not keep_slash:
            path = path.rstrip("/") or "/"
        if _BRACKET.search(path) is None:
            return cls(raw, path, tuple([(text,) if text else () for text in path[1:].split("/")]), ())
        segments = tuple([_parse_segment(text, path) for text in path[1:].split("/")])
        params = tuple([part for segment in segments for part in segment if isinstance(part, Param)])
        names = [param.name for param in params]
        if len(names) > len(set(names)):
            twice = sorted({name for name in names if names.count(name) > 1})
            plural = "s" if len(twice) > 1 else ""
            raise ValueError(f"Duplicated param name{plural} {', '.join(twice)} in the path {path}")
        return cls(raw, path, segments, params)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters' names from left to right."""
        return tuple([param.name for param in self.params])

    @cached_property
    def transformers(self) -> dict[str, Transformer[Any]]:
        """The parameters' transformers by name, from left to right."""
        return {param.name: param.transformer for param in self.params}

    @cached_property
    def format(self) -> str:
        """The path with the bare names in braces, for `str.format`: `/users/{id}`."""
        return "/" + "/".join(
            "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in segment)
            for segment in self.segments
        )

    @cached_property
    def regex(self) -> re.Pattern[str]:
        r"""Matches a whole path (it ends with `\Z`), with a group for each parameter."""
        return re.compile(rf"/{pattern_of(self.segments)}\Z")

    def build(self, params: Mapping[str, Any]) -> str:
        """The path with these values, percent-encoded; a parameter that may span segments keeps its slashes.

        Raises `ValueError` where `params` does not hold exactly the template's names, and what the transformers
        raise (`AssertionError` of the built-in ones) for a value that no path can carry.
        """
        if params.keys() != self.transformers.keys():
            missing = [name for name in self.names if name not in params]
            extra = sorted(params.keys() - self.transformers.keys())
            raise ValueError(
                f"The path {self.path} takes {_listed(self.names)}:"
                f"{f' missing {_listed(missing)}' if missing else ''}"
                f"{' and' if missing and extra else ''}{f' unknown {_listed(extra)}' if extra else ''}."
            )
        return "/" + "/".join(
            "".join(
                quote(part, _SEGMENT_SAFE)
                if isinstance(part, str)
                else quote(part.transformer.normalise(params[part.name]), _SEGMENT_SAFE + "/" * part.spans)
                for part in segment
            )
            for segment in self.segments
        )


def compile_path(path: str) -> tuple[re.Pattern[str], str, dict[str, Transformer[Any]]]:
    """The regular expression of a template, its format string and its transformers by name.

    Raises what `PathTemplate.parse` raises.
    """
    template = PathTemplate.parse(path)
    return template.regex, template.format, dict(template.transformers)


def pattern_of(segments: Iterable[Segment]) -> str:
    """The regular expression of some segments, without their leading slash and without an end."""
    return "/".join(
        "".join(
            re.escape(part) if isinstance(part, str) else f"(?P<{part.name}>{part.transformer.regex})"
            for part in segment
        )
        for segment in segments
    )


def _parse_segment(text: str, path: str) -> Segment:
    if _BRACKET.search(text) is None:
        return (text,) if text else ()
    parts: list[str | Param] = []
    start = 0
    for field in _FIELD.finditer(text):
        parts += _literal(text[start : field.start()], path)
        parts.append(_parse_field(field, path))
        start = field.end()
    return (*parts, *_literal(text[start:], path))


def _literal(text: str, path: str) -> list[str]:
    stray = _BRACKET.search(text)
    if stray is not None:
        raise ImproperlyConfigured(
            f"{stray.group()!r} stands alone in the path {path}: a parameter is {{name}} or {{name:transformer}}."
        )
    return [text] if text else []


def _parse_field(field: re.Match[str], path: str) -> Param:
    content: str = field[1] if field[1] is not None else field[2]
    name, colon, key = content.partition(":")
    if not name.isidentifier():
        raise ImproperlyConfigured(
            f"{field[0]!r} in the path {path} is no parameter: {name!r} is not a Python identifier. "
            "A parameter is {name} or {name:transformer}."
        )
    key = key if colon else "str"
    transformer = TRANSFORMER_TYPES.get(key)
    if transformer is None:
        near = difflib.get_close_matches(key, TRANSFORMER_TYPES, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise AssertionError(f"Unknown path transformer {key!r}. {hint}Registered are {_listed(TRANSFORMER_TYPES)}.")
    return Param(name, transformer)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "no parameters"
