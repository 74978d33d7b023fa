"""The grammar of header fields: what may stand in one, and how to read what stands in one (RFC 9110 sections 5, 8, 12).

Reading never fails: what a peer sent is read as far as it makes sense and the rest is left out. Checking and
building fail with a `ValueError` that says what is wrong: there the fault is the application's.
Knows strings only; which object holds the header lines is said by `FieldLines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import quote, unquote_to_bytes

__all__ = [
    "Accepted",
    "FieldLines",
    "best_coding",
    "best_media_type",
    "check_name",
    "check_value",
    "content_disposition",
    "format_allow",
    "is_token",
    "parse_accept",
    "parse_list",
    "parse_options",
]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
_FORBIDDEN = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_WEIGHT = re.compile(r"0?\.[0-9]+|0\.?|1(?:\.0*)?").fullmatch

# In both, what follows a quote that is never closed belongs to the quoted string: no character is read twice.
_ELEMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*"?|[^",])+', re.DOTALL)
_PARAMETER = re.compile(r'[;\s]*([^\s;=]*)\s*(?:=\s*("(?:[^"\\]|\\.)*"?|[^;]*))?', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')

# RFC 8187 section 3.2.1 asks for the first; senders also use the second.
_EXTENDED_CHARSETS = frozenset({"utf-8", "iso-8859-1"})


class FieldLines(Protocol):
    """Whatever gives the values of all lines of a name, in order: `lilya.datastructures.Header` does."""

    def getlist(self, key: str, /) -> list[str]: ...


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 9110 section 5.6.2): a legal name of a field, a method, a cookie."""
    return _TOKEN(text) is not None


def check_name(name: str) -> str:
    """The field name, if it is one (RFC 9110 section 5.1).

    Raises:
        ValueError: it is empty or holds something no name may hold: spaces, line ends, separators, non-ASCII.
    """
    if _TOKEN(name) is None:
        raise ValueError(
            f"{name!r} is no header name: wanted letters, digits and !#$%&'*+-.^_`|~ only, without spaces or a colon."
        )
    return name


def check_value(name: str, value: str) -> str:
    """The field value without the white space around it, if it may be sent (RFC 9110 section 5.5).

    Args:
        name: the field's name, for the message.
        value: what is to be sent.

    Raises:
        ValueError: it holds a control character (a line end would start a new header) or one outside latin-1.
    """
    if _FIELD_VALUE(value) is None:
        raise ValueError(_illegal_value(name, value))
    return value.strip(" \t")


def _illegal_value(name: str, value: str) -> str:
    match = _FORBIDDEN.search(value)
    character = match[0] if match else ""
    if character > "\xff":
        advice = "headers travel as latin-1: percent-encode it, or use RFC 8187 where the header allows that."
    else:
        advice = "control characters would end the header and begin another one: remove them."
    return f"The value of header {name!r} holds {character!r} at position {value.index(character)}; {advice}"


def parse_list(value: str) -> list[str]:
    """The elements of a comma-separated field (RFC 9110 section 5.6.1); commas in quoted strings do not separate.

    Empty elements are left out. Join the lines of a repeated field with commas before.
    """
    return [element for match in _ELEMENT.findall(value) if (element := match.strip())]


def parse_options(value: str) -> tuple[str, dict[str, str]]:
    """Split `value; name=x; other="y"` into the lower-cased value and its parameters.

    Reads `Content-Type` (RFC 9110 section 8.3.1) and `Content-Disposition` (RFC 6266). Parameter names are
    lower-cased, values keep their case (a boundary is case-sensitive) and lose their quotes. An extended parameter
    (`filename*=utf-8''...`, RFC 8187) is decoded, stands under its plain name and wins over it. Of two equal names the
    first counts. In a quoted string a backslash escapes only a quote or a backslash: browsers send
    `filename="C:\\x"` and mean it.
    """
    first, _, rest = value.partition(";")
    if not rest:
        return first.strip().lower(), {}
    parameters: dict[str, str] = {}
    extended: dict[str, str] = {}
    for match in _PARAMETER.finditer(rest):
        name, text = match[1].lower(), match[2]
        if not name or text is None:
            continue
        text = _unquote(text)
        if not name.endswith("*"):
            parameters.setdefault(name, text)
        elif (decoded := _decode_extended(text)) is not None:
            extended.setdefault(name[:-1], decoded)
    return first.strip().lower(), parameters | extended


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text.strip()
    closed = len(text) > 1 and text.endswith('"')
    return _ESCAPED.sub(r"\1", text[1:-1] if closed else text[1:])


def _decode_extended(text: str) -> str | None:
    charset, _, rest = text.partition("'")
    _, separator, encoded = rest.partition("'")
    if not separator or charset.lower() not in _EXTENDED_CHARSETS:
        return None
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeError:
        return None


class Accepted(NamedTuple):
    """One element of an `Accept`-like field: what, with which parameters, how much wanted (0 = refused, 1 = most)."""

    value: str
    parameters: dict[str, str]
    weight: float


def parse_accept(field: str) -> list[Accepted]:
    """Read a list of weighted elements (RFC 9110 section 12.4.2), in the order sent.

    An element whose weight is no number from 0 to 1 is left out.
    """
    accepted = []
    for element in parse_list(field):
        value, parameters = parse_options(element)
        weight = parameters.pop("q", "1")
        if value and _WEIGHT(weight):
            accepted.append(Accepted(value, parameters, float(weight)))
    return accepted


def best_media_type(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer the client wants most, of equals the first; `None` if it wants none: answer 406 (RFC 9110 12.5.1).

    For each offer the most specific range that fits it decides. Without an `Accept`, or with an empty one, all are
    welcome.
    """
    if accept is None or not accept.strip():
        return offers[0] if offers else None
    accepted = parse_accept(accept)
    weights = [_weigh(accepted, offer) for offer in offers]
    best = max(weights, default=0.0)
    return offers[weights.index(best)] if best > 0 else None


def _weigh(accepted: Sequence[Accepted], media_type: str) -> float:
    value, parameters = parse_options(media_type)
    kind = value.partition("/")[0]
    specificity, weight = (-1, -1), 0.0
    for element in accepted:
        level = {value: 2, f"{kind}/*": 1, "*/*": 0, "*": 0}.get(element.value, -1)
        if level < 0 or not element.parameters.items() <= parameters.items():
            continue
        if (level, len(element.parameters)) > specificity:
            specificity, weight = (level, len(element.parameters)), element.weight
    return weight


def best_coding(accept_encoding: str | None, offers: Sequence[str]) -> str | None:
    """Which content coding to use (RFC 9110 section 12.5.3).

    Args:
        accept_encoding: the field; without it nothing is coded.
        offers: codings at hand, the preferred one first, without `identity`.

    Returns:
        One of `offers`, or `identity`, or `None` if the client refuses even that (then answer 406, or send it anyway).
    """
    weights: dict[str, float] = {}
    for coding, _, weight in parse_accept(accept_encoding or ""):
        weights.setdefault(coding, weight)
    everything_else = weights.get("*", 0.0)
    best, best_weight = None, 0.0
    for offer in offers:
        weight = weights.get(offer, everything_else)
        if weight > best_weight:
            best, best_weight = offer, weight
    # Unless refused by name or by `*`, no coding is always welcome, but less than any coding that is asked for.
    identity = weights.get("identity", 0.0 if weights.get("*") == 0.0 else None)
    if best is None:
        return None if identity == 0.0 else "identity"
    return "identity" if identity is not None and identity > best_weight else best


def format_allow(methods: Iterable[str]) -> str:
    """The value of `Allow` (RFC 9110 section 10.2.1): each method once, upper-cased and sorted."""
    return ", ".join(sorted({method.upper() for method in methods}))


def content_disposition(kind: str, filename: str | None = None) -> str:
    """The value of `Content-Disposition` (RFC 6266).

    Args:
        kind: `attachment`, `inline` or `form-data`.
        filename: what the user agent should call the file; any character will do. A plain name is sent as
            `filename="..."`, every other one as `filename*=utf-8''...` (RFC 8187), which all user agents in use read.

    Raises:
        ValueError: `kind` is not one word.
    """
    if not is_token(kind):
        raise ValueError(f"{kind!r} is no disposition type: wanted one word, such as 'attachment' or 'inline'.")
    if filename is None:
        return kind
    # A file name the file system gave may hold undecodable bytes as lone surrogates: they become "?".
    encoded = quote(filename, safe="", errors="replace")
    return f'{kind}; filename="{filename}"' if encoded == filename else f"{kind}; filename*=utf-8''{encoded}"
