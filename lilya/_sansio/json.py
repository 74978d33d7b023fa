"""JSON as it may come over the wire (RFC 8259): UTF-8, and only what every other reader takes too."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Final, NoReturn

__all__ = ["MAX_DEPTH", "parse_json"]

# How deep arrays and objects may stand in each other: more than people write, and long before Python is out of stack.
# Out of stack, everything fails that happens to run just then, the clean-up of another request by the collector too.
MAX_DEPTH: Final = 500

# Brackets as signed bytes: one that opens is 1, one that closes is -1. All else is left out.
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"The body is not JSON: {name} is no number there.")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
_WHITE: Final = " \t\n\r"


def _is_deep(raw: bytes | str, limit: int) -> bool:
    """Whether brackets open more than `limit` deep."""
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "surrogatepass")
    return _depth(raw) > limit and _depth(_STRINGS.sub(b"", raw)) > limit


def _depth(raw: bytes) -> int:
    """How deep the brackets open, those in strings counted as well."""
    return max(accumulate(memoryview(raw.translate(_STEPS, _OTHERS)).cast("b")), default=0)


def _decode(text: str) -> Any:
    """What `JSONDecoder.decode` does, which looks for white space with two regular expressions: dear for a little."""
    bare = text.strip(_WHITE)
    try:
        value, end = _DECODER.scan_once(bare, 0)  # type: ignore[attr-defined]  # of all versions
    except (StopIteration, json.JSONDecodeError):
        end = -1
    return value if end == len(bare) else _DECODER.decode(text)  # which says what is wrong, and where


def parse_json(raw: bytes | str, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text. Raises `ValueError`, whose text is for people, when it is none.

    NaN and infinities are none; what is nested more than `max_depth` deep, or holds a number too long for Python, is
    refused as well.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        if text.count("[") + text.count("{") > max_depth and _is_deep(raw, max_depth):
            raise ValueError("The body is not JSON this server takes: too deeply nested.")
        return _decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as exc:
        raise ValueError(f"The body is not JSON: {exc.reason} at byte {exc.start}.") from exc
    except RecursionError as exc:
        raise ValueError("The body is not JSON this server takes: too deeply nested.") from exc
    except json.JSONDecodeError as exc:
        raise ValueError(f"The body is not JSON: {exc}.") from exc
    except ValueError as exc:
        if str(exc).startswith("The body"):
            raise
        # An integer beyond sys.get_int_max_str_digits().
        raise ValueError("The body is not JSON this server takes: a number is too long.") from exc
