"""The grammar of `application/x-www-form-urlencoded` (URL standard, section 5.1)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from lilya._sansio.form import DEFAULT_LIMITS, FormLimits, decode_text, too_large, too_long, too_many

__all__ = ["parse_urlencoded"]

_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]+")


def parse_urlencoded(body: bytes, limits: FormLimits = DEFAULT_LIMITS, charset: str = "utf-8") -> list[tuple[str, str]]:
    """The pairs of a form, in order, blank values kept; plus and percent signs are decoded once.

    Names and values are measured before they are decoded. Bytes that are no text in `charset` are replaced: see
    `decode_text`.

    Raises:
        MultiPartException: too many fields or too long a name (400), too large a value (413).
    """
    # Before anything is taken apart; one separator more than there are fields may stand at an end.
    if body.count(b"&") > limits.max_fields:
        raise too_many("fields", limits.max_fields)
    if not body.isascii():  # nobody sends this; encoded, it is like the rest
        body = _BEYOND_ASCII.sub(lambda match: quote_from_bytes(match[0]).encode(), body)
    text = body.decode("ascii").replace("+", " ")
    encoded = "%" in text  # asked once: most forms are plain
    max_name, max_value = limits.max_name_length, limits.max_field_size
    fits = len(text) <= min(max_name, max_value)  # then so does each part of it
    pairs = []
    for piece in text.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            if not fits:
                if len(name) > max_name:
                    raise too_long("field name", name, max_name)
                if len(value) > max_value:
                    raise too_large(f"Field {name!r}", "a field", max_value)
            if encoded and "%" in piece:
                name, value = _decode(name, charset), _decode(value, charset)
            pairs.append((name, value))
    if len(pairs) > limits.max_fields:
        raise too_many("fields", limits.max_fields)
    return pairs


def _decode(text: str, charset: str) -> str:
    return decode_text(unquote_to_bytes(text), charset) if "%" in text else text
