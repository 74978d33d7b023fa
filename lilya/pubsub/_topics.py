"""Names of topics, and patterns of them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["check_topic", "matches", "segments_of"]


def check_topic(topic: object) -> None:
    """Raises `TypeError` or `ValueError` for what is no topic."""
    if not isinstance(topic, str):
        raise TypeError(f"a topic is text, not {topic!r:.80}")
    if not topic or not topic.isprintable():
        raise ValueError(f"a topic is printable text on one line, not {topic!r:.80}")


def segments_of(pattern: str) -> tuple[str, ...]:
    """A pattern taken apart, if it is one; else `ValueError`."""
    check_topic(pattern)
    segments = tuple(pattern.split("."))
    *inner, last = segments
    if any("*" in each and each != "*" for each in inner) or ("*" in last and last not in ("*", "**")):
        raise ValueError(
            f"{pattern!r} is no pattern: between dots '*' stands alone, for one whole segment, and '**' only at the "
            "end; such as 'room.*' or 'room.**'"
        )
    return segments


def matches(pattern: tuple[str, ...], segments: Sequence[str]) -> bool:
    """Whether a topic, in segments, matches a pattern: in one pass, whatever either of them holds."""
    if pattern[-1] == "**":
        if len(segments) < len(pattern):
            return False
        pattern = pattern[:-1]
    elif len(segments) != len(pattern):
        return False
    return all(wanted in ("*", got) for wanted, got in zip(pattern, segments, strict=False))
