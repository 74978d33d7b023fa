"""Matching the text of one segment, or of the tail of a path, as fast as agrees with the template's regex.

Most segments need no regular expression: a built-in test says the same sooner. Where several parameters share one
text, backtracking may take polynomial time to refuse it, and the client chooses the text: so parameters of one kind are
found by a search from the right in linear time, and for a mixture of kinds the length is bounded. The regex stays
the definition; the tests compare each shortcut with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from lilya._paths.template import Param, Segment, pattern_of
from lilya.transformers import (
    DatetimeTransformer,
    FloatTransformer,
    IntTransformer,
    PathTransformer,
    StrTransformer,
    UUIDTransformer,
)

__all__ = ["MOST_CUTS", "Convert", "SegmentMatcher", "TailMatch", "segment_matcher", "tail_match"]

# A regex may try n**k ways to cut n characters among k parameters that can each end anywhere; text with more ways does
# not match. Leaves 2048 characters for two such parameters and 161 for three; refusing takes tens of ms at most.
MOST_CUTS = 2**22

# The value of one parameter, from the text that was matched; `ValueError` where that text has none after all.
Convert: TypeAlias = Callable[[str], Any]
# The values by name and the number of characters matched, or None. May raise `ValueError` as `Convert` does.
TailMatch: TypeAlias = Callable[[str], tuple[dict[str, Any], int] | None]

_Split: TypeAlias = Callable[[str], Sequence[str] | None]

# Between literals these can end in one place only.
_RIGID = (IntTransformer, FloatTransformer, UUIDTransformer, DatetimeTransformer)


class SegmentMatcher(NamedTuple):
    """`accept(text)` is true where a segment matches; then each of `converters` makes one parameter's value of it."""

    accept: Callable[[str], object]
    converters: tuple[Convert, ...]


def segment_matcher(segment: Segment) -> SegmentMatcher:
    """How to match a segment with parameters, none of which spans segments."""
    params = [part for part in segment if isinstance(part, Param)]
    if len(segment) > 1:
        split = _splitter([segment])
        converters = [partial(_convert_part, split, i, param.transformer.transform) for i, param in enumerate(params)]
        return SegmentMatcher(split, tuple(converters))
    transformer = params[0].transformer
    # By exact type: a subclass may have another regex.
    if type(transformer) is StrTransformer:
        return SegmentMatcher(bool, (str,))
    if type(transformer) is IntTransformer:
        return SegmentMatcher(_is_digits, (int,))
    return SegmentMatcher(re.compile(transformer.regex).fullmatch, (transformer.transform,))


def tail_match(segments: Sequence[Segment], *, prefix: bool) -> TailMatch:
    """How to match the rest of a path after a slash: all of it, or with `prefix` up to some slash or the end."""
    params = tuple(part for segment in segments for part in segment if isinstance(part, Param))
    if prefix:
        return partial(_match_prefix, re.compile(rf"{pattern_of(segments)}(?=/|\Z)"), params)
    return partial(_match_whole, _splitter(segments), params)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _convert_part(split: _Split, index: int, transform: Convert, text: str) -> Any:
    texts = split(text)
    assert texts is not None  # this very `split` has accepted the text
    return transform(texts[index])


def _match_whole(split: _Split, params: Iterable[Param], rest: str) -> tuple[dict[str, Any], int] | None:
    texts = split(rest)
    return None if texts is None else (_values(params, texts), len(rest))


def _match_prefix(pattern: re.Pattern[str], params: Iterable[Param], rest: str) -> tuple[dict[str, Any], int] | None:
    match = pattern.match(rest)
    return None if match is None else (_values(params, [match[param.name] for param in params]), match.end())


def _values(params: Iterable[Param], texts: Sequence[str]) -> dict[str, Any]:
    return {param.name: param.transformer.transform(text) for param, text in zip(params, texts, strict=True)}


def _splitter(segments: Sequence[Segment]) -> _Split:
    """Gives the texts of the parameters in a text that the segments match as a whole, or None."""
    literals = [""]
    params: list[Param] = []
    for part in [part for segment in segments for part in ("/", *segment)][1:]:
        if isinstance(part, str):
            literals[-1] += part
        else:
            literals.append("")
            params.append(part)
    kinds = {type(param.transformer) for param in params}
    if kinds == {StrTransformer}:
        return partial(_split_from_right, literals, 1)
    if kinds == {PathTransformer} and "\n" not in "".join(literals):
        return partial(_split_line_from_right, literals) if any(literals) or len(params) > 1 else _whole_line
    loose = sum(_loose_params(segment) for segment in segments)
    longest = round(MOST_CUTS ** (1 / loose)) if loose > 1 else None
    return partial(_split_by_regex, re.compile(pattern_of(segments)), [param.name for param in params], longest)


def _loose_params(segment: Segment) -> int:
    """How many parameters of a segment can end in more than one place."""
    params = [part for part in segment if isinstance(part, Param)]
    return sum(param.spans or (len(segment) > 1 and type(param.transformer) not in _RIGID) for param in params)


def _split_by_regex(pattern: re.Pattern[str], names: list[str], longest: int | None, text: str) -> list[str] | None:
    if longest is not None and len(text) > longest:
        return None
    match = pattern.fullmatch(text)
    return None if match is None else [match[name] for name in names]


def _whole_line(text: str) -> list[str] | None:
    return None if "\n" in text else [text]  # `.*` matches no line feed


def _split_line_from_right(literals: list[str], text: str) -> list[str] | None:
    return None if "\n" in text else _split_from_right(literals, 0, text)


def _split_from_right(literals: list[str], least: int, text: str) -> list[str] | None:
    """The texts between `literals`, of at least `least` characters each: what greedy groups match.

    Greedy groups put each literal as far right as a match of the rest allows. The rightmost place of the last one
    leaves the most room for the others, so no choice is ever taken back.
    """
    start, end = len(literals[0]), len(text) - len(literals[-1])
    if end < start or not text.startswith(literals[0]) or not text.endswith(literals[-1]):
        return None
    texts = []
    for literal in literals[-2:0:-1]:
        place = text.rfind(literal, start, end - least) if end - start >= least else -1
        if place < 0:
            return None
        texts.append(text[place + len(literal) : end])
        end = place
    if end - start < least:
        return None
    texts.append(text[start:end])
    texts.reverse()
    return texts
