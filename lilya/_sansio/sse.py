"""Server-sent events as bytes (the HTML standard, section 9.2 "Server-sent events").

An event is a mapping with any of these fields, or str or bytes, which are its `data`:

| field   | value                                                                        |
|---------|------------------------------------------------------------------------------|
| `":"`   | a comment, which clients skip: text                                          |
| `id`    | what the client sends as `Last-Event-ID` when it comes back: text on one line |
| `event` | the type of the event: text on one line                                      |
| `data`  | text, or anything else, which becomes JSON                                   |
| `retry` | milliseconds the client waits before it comes back: an int                   |

They are written in this order. A field that is None is left out. The stream is UTF-8, always.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["SEPARATORS", "check_retry", "check_separator", "encode_event"]

# What ends a line. A client takes all three, even mixed.
SEPARATORS: Final = ("\n", "\r", "\r\n")

FIELDS: Final = (":", "id", "event", "data", "retry")

# Not `str.splitlines`, which also splits at form feeds and at line separators of Unicode: those belong to the data.
_LINE_END = re.compile(r"\r\n|\n|\r")
_NOT_ON_ONE_LINE = re.compile(r"[\r\n\0]")


def check_separator(separator: str) -> str:
    """The line separator, if it is one; else `ValueError`."""
    if separator not in SEPARATORS:
        raise ValueError(f"an event stream separates its lines by '\\n', '\\r' or '\\r\\n', not by {separator!r}")
    return separator


def check_retry(milliseconds: object) -> int:
    """The reconnection time, if a client will heed it; else `ValueError`."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds < 0:
        raise ValueError(f"'retry' is a whole number of milliseconds, 0 or more, not {milliseconds!r}")
    return milliseconds


def encode_event(event: object, *, to_json: Callable[[Any], str], separator: str = "\n") -> bytes:
    """One event, ready to be sent, with the empty line that ends it.

    `to_json` writes data that is neither text nor bytes. `separator` must have been checked.

    Raises:
        TypeError: the event is neither a mapping nor text; a field that must be text is none.
        ValueError: an unknown field; a line end or NUL in `id` or `event`, which would forge another field or be
            ignored by clients; a `retry` that is no number of milliseconds; text that is not UTF-8.
    """
    if not isinstance(event, Mapping):
        event = {"data": _text("an event", event)}
    unknown = [name for name in event if name not in FIELDS]
    if unknown:
        raise ValueError(
            f"an event has no field {unknown[0]!r}, only ':', 'id', 'event', 'data' and 'retry'; "
            f"to send a mapping as JSON write {{'data': {{{unknown[0]!r}: ...}}}}"
        )
    lines: list[str] = []
    if (comment := event.get(":")) is not None:
        lines += (f": {line}" for line in _LINE_END.split(_text("a comment", comment)))
    for name in ("id", "event"):
        if (value := event.get(name)) is not None:
            lines.append(f"{name}: {_one_line(name, value)}")
    if (data := event.get("data")) is not None:
        text = _text("data", data) if isinstance(data, str | bytes) else to_json(data)
        lines += (f"data: {line}" for line in _LINE_END.split(text))
    if (retry := event.get("retry")) is not None:
        lines.append(f"retry: {check_retry(retry)}")
    lines += ("", "")
    return separator.join(lines).encode()


def _text(what: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(
        f"{what} is text or bytes, or an event a mapping with 'data'; got {type(value).__name__} {value!r:.80}"
    )


def _one_line(name: str, value: object) -> str:
    text = str(value) if isinstance(value, int) else _text(f"'{name}'", value)
    if _NOT_ON_ONE_LINE.search(text):
        raise ValueError(f"'{name}' of an event stands on one line: no CR, LF or NUL, got {text!r:.80}")
    return text
