"""Values as text that may be shown: short, with secrets masked, and never an exception.

What is secret is known by its name: of a variable, a key, a field, a header, or whatever stands before a `=` or `:` in
a text. That is a net, not a wall: a secret under a harmless name is shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any, Final

from lilya.datastructures._secret import MASK

__all__ = ["Values", "cut", "is_secret", "scrub", "shown", "shown_header", "without_passwords"]

# A value is for recognising it, not for studying it: what fits on a few lines.
VALUE_LENGTH: Final = 800
ITEMS: Final = 40
DEPTH: Final = 4
# Of all values of a page, in characters: what a browser shows at once.
PAGE_LENGTH: Final = 250_000
# A `repr` may be slow. Once all of them took this long, in seconds, no further one is asked.
PATIENCE: Final = 2.0

_STEMS = re.compile(
    "password|passwd|passphrase|secret|token|credential|authorization|cookie|csrf|xsrf|bearer|signature|sessionid"
    "|(?:api|access|private|signing|encryption|master|license)key"
)
_WORDS: Final = frozenset({"auth", "cvv", "dsn", "jwt", "otp", "pin", "pwd", "sid", "ssn"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_CONTAINERS: Final[tuple[tuple[Any, str, str], ...]] = (
    (dict, "{", "}"),
    (list, "[", "]"),
    (tuple, "(", ")"),
    (set, "{", "}"),
    (frozenset, "frozenset({", "})"),
)
_TEXTS: Final[tuple[tuple[Any, str], ...]] = ((str, "characters"), (bytes, "bytes"), (bytearray, "bytes"))

# What stands before a value: `name:`, `name=`, `'name': ` or `('name', `, however often it was quoted. Then the value
# itself: in quotes, in quotes that are escaped, or bare. What a cut has left open is closed by the end. Possessive, so
# that the time is linear in the text.
_BEFORE = re.compile(r"""(?<![\w-])([\w-]++)(?:\\*["']?\s*+(?:=>|[:=]{1,2})\s*+|["'],\s*+)""")
_VALUE = re.compile(
    r"""[bu]?'(?:[^'\\]|\\.)*+'?|[bu]?"(?:[^"\\]|\\.)*+"?|\\++(["'])(?:.*?\\\1|.*)|[^\s,;&(){}\[\]<>'"\\]++""",
    re.DOTALL,
)
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest)\s+[\w.~+/=-]{6,}")
_USERINFO = re.compile(r"(?<=://)[^\s/@'\"]++(?=@)")


def is_secret(name: str) -> bool:
    """Whether what goes by this name looks like something nobody else should see."""
    if _STEMS.search(re.sub(r"[\W_]", "", name[:200]).lower()):
        return True
    return any(word.lower() in _WORDS for word in _WORD.findall(name[:200]))


def scrub(text: str) -> str:
    """`text` with the values masked whose name, as far as it stands in the text, looks secret."""
    text = without_passwords(text)
    pieces, end = [], 0
    for before in _BEFORE.finditer(text):
        value = _VALUE.match(text, before.end()) if before.start() >= end and is_secret(before[1]) else None
        if value is not None and value[0] not in ("None", "null"):
            pieces += [text[end : value.start()], MASK]
            end = value.end()
    return _SCHEME.sub(rf"\1 {MASK}", "".join([*pieces, text[end:]]))


def without_passwords(text: str) -> str:
    """`text` with the passwords in its URLs masked, and nothing else."""
    return _USERINFO.sub(_masked_user, text)


def _masked_user(match: re.Match[str]) -> str:
    user, colon, _ = match[0].partition(":")
    return f"{user}:{MASK}" if colon else match[0]


def shown_header(name: str, value: str) -> str:
    """The value of a header as it may be shown: of cookies the names, of credentials the scheme."""
    if not is_secret(name):
        return cut(scrub(value), VALUE_LENGTH)
    if name.lower() == "cookie":
        names = [pair.partition("=")[0].strip() for pair in value.split(";", ITEMS)[:ITEMS]]
        return cut("; ".join(f"{each}={MASK}" for each in names), VALUE_LENGTH)
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASK}" if space and "authorization" in name.lower() and scheme.isalpha() else MASK


def cut(text: str, length: int) -> str:
    """`text`, or its beginning and how long it is."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text):,} characters)"


class Values:
    """Shows values, within one bound for all of them together."""

    def __init__(self, length: int = PAGE_LENGTH, patience: float = PATIENCE) -> None:
        self._left = length
        self._until = time.monotonic() + patience

    def show(self, name: str, value: object) -> str:
        """The value that goes by `name`, as text."""
        if value is not None and is_secret(name):
            return MASK
        if self._left <= 0 or time.monotonic() > self._until:
            return "… (not shown: there is too much of it on this page)"
        text = shown(value)
        self._left -= len(text)
        return text


def shown(value: object) -> str:
    """One value as text."""
    try:
        return "".join(_pieces(value))
    except Exception as exc:  # anybody's code runs here
        return f"<a value that cannot be shown: {type(exc).__name__}>"


def _pieces(value: object) -> Iterator[str]:
    """The text of a value, piece by piece, until there is enough of it."""
    left = VALUE_LENGTH
    for piece in _walk(value, DEPTH):
        yield piece
        left -= len(piece)
        if left < 0:
            yield " …"
            return


def _walk(value: Any, depth: int) -> Iterator[str]:
    """Containers are walked, so that nothing is made of what is not shown; all else is a leaf."""
    parts = _parts(value)
    if parts is None:
        yield _leaf(value)
        return
    opening, items, closing, more = parts
    yield opening
    for number, (key, name, item) in enumerate(items):
        yield (", " if number else "") + key
        if item is not None and is_secret(name):
            yield MASK
        elif depth:
            yield from _walk(item, depth - 1)
        else:
            yield "…"
    yield (f", … ({more:,} more)" if more else "") + closing


def _parts(value: Any) -> tuple[str, Iterable[tuple[str, str, Any]], str, int] | None:
    """What a container is made of: how it opens, (text of the key, name, item), how it closes, how many are not shown.

    None for what is no container, or empty. Methods of the builtin classes are called past those of their subclasses.
    """
    kind = type(value)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return f"{kind.__name__}(", _by_name(kind._fields, value), ")", 0
    if isinstance(value, tuple) and tuple.__len__(value) == 2 and isinstance(value[0], str | bytes):
        return "(", (("", "", value[0]), ("", _name(value[0]), value[1])), ")", 0  # as headers come
    for base, opening, closing in _CONTAINERS:
        if isinstance(value, base):
            length = base.__len__(value)
            if kind is not base:  # a subclass says its name
                opening, closing = f"{kind.__name__}({opening}", f"{closing})"
            elif base is tuple and length == 1:
                closing = ",)"
            items = islice(dict.items(value) if base is dict else base.__iter__(value), ITEMS)
            return (opening, _by_key(items, base), closing, max(0, length - ITEMS)) if length else None
    if isinstance(value, BaseException) and getattr(kind, "__repr__", None) is BaseException.__repr__:
        return (
            f"{kind.__name__}(",
            (("", "", item) for item in value.args[:ITEMS]),
            ")",
            max(0, len(value.args) - ITEMS),
        )
    # The `__repr__` that the decorator wrote, not one that the class has of its own.
    if is_dataclass(kind) and hasattr(kind.__repr__, "__wrapped__"):
        names = [each.name for each in fields(kind) if each.repr]
        return f"{kind.__name__}(", _by_name(names, [getattr(value, name, "?") for name in names]), ")", 0
    return None


def _by_key(items: Iterable[Any], base: type) -> Iterator[tuple[str, str, Any]]:
    if base is dict:
        return ((f"{_leaf(key)}: ", _name(key), item) for key, item in items)
    return (("", "", item) for item in items)


def _by_name(names: Iterable[str], values: Iterable[Any]) -> Iterator[tuple[str, str, Any]]:
    return ((f"{name}=", name, value) for name, value in zip(names, values, strict=False))


def _name(key: object) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else key if isinstance(key, str) else ""


def _leaf(value: Any) -> str:
    """The `repr` of what is no container; of a long text, of its beginning alone."""
    if isinstance(value, int) and int.bit_length(value) > VALUE_LENGTH:
        return f"<a number of {int.bit_length(value):,} bits>"
    for base, unit in _TEXTS:
        if isinstance(value, base) and (type(value) is base or base.__len__(value) > VALUE_LENGTH):
            # Scrubbed before its quotes are escaped.
            length = base.__len__(value)
            text = repr(_scrub_any(base.__getitem__(value, slice(VALUE_LENGTH))))
            return text if length <= VALUE_LENGTH else f"{text[:VALUE_LENGTH]}… ({length:,} {unit})"
    try:
        text = repr(value)
    except Exception as exc:
        return f"<{type(value).__name__} whose repr raises {type(exc).__name__}>"
    return cut(scrub(text[: 2 * VALUE_LENGTH]), VALUE_LENGTH) + ("…" if len(text) > 2 * VALUE_LENGTH else "")


def _scrub_any(text: Any) -> Any:
    if isinstance(text, str):
        return scrub(text)
    return type(text)(scrub(text.decode("latin-1")).encode("latin-1"))
